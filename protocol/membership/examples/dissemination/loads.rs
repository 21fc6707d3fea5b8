//! What an hourly epoch costs a server besides the delta: probes, and keys if it is on the list.

use quorate_membership::monitor::datagram::{
    CERTIFIED_BYTES, PLAIN_ANSWER_BYTES, PLAIN_QUESTION_BYTES, SIGNED_BYTES,
};

use super::servers::F;

/// Headers of IPv4 and UDP.
const DATAGRAM_HEAD_BYTES: usize = 28;
const PROBES_OF_AN_HOUR: usize = 60;
const SIGNED_OF_AN_HOUR: usize = 6;

/// Prints what every member of the group asks a server in an hour, and what it answers.
pub(crate) fn print_probes() {
    let members = 3 * usize::from(F) + 1;
    let hour = |plain: usize| {
        // The first that is signed brings the certificate of a server without a key in its record.
        let plain = (PROBES_OF_AN_HOUR - SIGNED_OF_AN_HOUR) * (plain + DATAGRAM_HEAD_BYTES);
        let signed = (SIGNED_OF_AN_HOUR - 1) * (SIGNED_BYTES + DATAGRAM_HEAD_BYTES);
        members * (plain + signed + CERTIFIED_BYTES + DATAGRAM_HEAD_BYTES)
    };
    let rate = |bytes: usize| bytes as f64 / 3600.0;
    println!(
        "besides, whatever the number of servers: probes of {members} members once a minute, \
         one in ten signed: {:.1} B/s received, {:.1} B/s sent",
        rate(hour(PLAIN_QUESTION_BYTES)),
        rate(hour(PLAIN_ANSWER_BYTES))
    );
}
