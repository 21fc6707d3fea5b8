//! What an hourly epoch costs a server besides the delta: probes, and keys if it is on the list;
//! and a member of the group, for all of them.

use quorate_membership::limits::SHORTLIST_SERVERS;
use quorate_membership::monitor::datagram::{
    CERTIFIED_BYTES, PLAIN_ANSWER_BYTES, PLAIN_QUESTION_BYTES, SIGNED_BYTES,
};

use super::deposits;
use super::servers::F;

/// Headers of IPv4 and UDP.
const DATAGRAM_HEAD_BYTES: usize = 28;
const PROBES_OF_AN_HOUR: usize = 60;
const SIGNED_OF_AN_HOUR: usize = 6;
const HOUR_SECONDS: f64 = 3600.0;
const MEMBERS: usize = 3 * F as usize + 1;

/// Prints what every member of the group asks a server in an hour, and what it answers.
pub(crate) fn print_probes() {
    println!(
        "besides, whatever the number of servers: probes of {MEMBERS} members once a minute, \
         one in ten signed: {:.1} B/s received, {:.1} B/s sent",
        rate(MEMBERS * probes_of_hour(PLAIN_QUESTION_BYTES)),
        rate(MEMBERS * probes_of_hour(PLAIN_ANSWER_BYTES))
    );
}

/// Prints what a server of the shortlist says in an hour to bring its keys.
pub(crate) fn print_deposits() {
    let said = deposits::of_an_hour();
    println!(
        "a server of the shortlist says its keys {} times to {} members, {} bytes each: {:.1} B/s",
        said.times,
        said.members,
        said.message_bytes,
        said.line_bytes() as f64 / HOUR_SECONDS
    );
}

/// Prints what a member of the group of so many servers has to do with all of them.
pub(crate) fn print_members(count: usize) {
    let said = deposits::of_an_hour();
    let ordered = count.min(SHORTLIST_SERVERS) as u64 * said.times * said.members;
    println!(
        "with {count} servers a member of the group sends probes of {:.1} KB/s, and gets answers \
         of {:.1} KB/s; if each deposit that comes is ordered, {:.1} MB of them are in the log of \
         an hour",
        rate(count * probes_of_hour(PLAIN_QUESTION_BYTES)) / 1000.0,
        rate(count * probes_of_hour(PLAIN_ANSWER_BYTES)) / 1000.0,
        (ordered * said.operation_bytes) as f64 / 1e6
    );
}

/// Bytes on the line of the probes of one server by one member, one way.
const fn probes_of_hour(plain: usize) -> usize {
    // The first that is signed brings the certificate of a server without a key in its record.
    let plain = (PROBES_OF_AN_HOUR - SIGNED_OF_AN_HOUR) * (plain + DATAGRAM_HEAD_BYTES);
    let signed = (SIGNED_OF_AN_HOUR - 1) * (SIGNED_BYTES + DATAGRAM_HEAD_BYTES);
    plain + signed + CERTIFIED_BYTES + DATAGRAM_HEAD_BYTES
}

fn rate(bytes: usize) -> f64 {
    bytes as f64 / HOUR_SECONDS
}
