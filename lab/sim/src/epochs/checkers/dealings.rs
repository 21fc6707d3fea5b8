//! C7: a dealing is of one attempt. The recipients of an attempt that was given up know points of
//! its polynomials: dealt again to others, they would be points too many (specification of the
//! cryptography 2.3).

use std::collections::BTreeMap;

use quorate_machine::Recipients;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_types::Digest;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::epochs::{EpochsMachine, Message};

const ID: &str = "C7";

/// Compares the dealings of good servers.
#[derive(Default, Debug)]
pub(in crate::epochs) struct Dealings {
    /// By commitment: the attempt.
    sessions: BTreeMap<Vec<u8>, Digest>,
}

impl Checker<EpochsMachine> for Dealings {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Message) -> Verdict {
        let Message::Handover(epoch, message) = message else { return Ok(()) };
        let HandoverMessage::Dealing(dealing) = &**message else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        let dealing = &dealing.dealing;
        let session = dealing.session;
        let first = *self.sessions.entry(dealing.commitment.0.clone()).or_insert(session);
        if first == session {
            return Ok(());
        }
        let what = format!("{:?} deals the end of {epoch} in one attempt as in another", at.node);
        Err(Broken::new(ID, what))
    }
}
