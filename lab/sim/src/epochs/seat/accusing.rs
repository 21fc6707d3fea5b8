//! Proof that a dealer cheats, on its way into the log, as `conductor/accuse.rs` of the daemon does
//! but for the disk; and what a framer would like to have for such proof (M07).
//!
//! Only where servers probe each other: elsewhere nobody reads what the log makes of it.

use std::collections::BTreeMap;

use quorate_membership::MembershipOperation;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::handover::{Attempt, News, SignedDealing, Stage};
use quorate_membership::monitor::evidence::{Contradiction, Misdeed, WrongSubshare};
use quorate_membership::monitor::{Accusation, Evidence};
use quorate_threshold::{COMPLAINT_BYTES, INDEX_BYTES, PUBLIC_KEY_BYTES, SCALAR_BYTES};
use quorate_types::{Epoch, NodeId};

use super::{ServerSeat, Turn};

/// What a server knows of those that cheat, and a framer of those that do not.
#[derive(Default, Debug)]
pub(super) struct Accusing {
    proofs: BTreeMap<NodeId, Evidence>,
    /// To whom the system's key is being dealt.
    attempt: Option<Attempt>,
    /// A dealing of somebody else, and the end of which epoch it is for.
    overheard: Option<(Epoch, SignedDealing)>,
}

impl Accusing {
    /// What the log of this epoch does not show yet and can still be told.
    pub(super) fn waiting(
        &mut self,
        epoch: Epoch,
        is_convicted: impl Fn(NodeId) -> bool,
    ) -> Vec<Evidence> {
        self.proofs.retain(|server, proof| {
            let is_heard = proof.epoch().is_some_and(|of| of == epoch || of.next() == epoch);
            is_heard && !is_convicted(*server)
        });
        self.proofs.values().cloned().collect()
    }
}

impl ServerSeat {
    /// A participant has proof that a dealer cheats.
    pub(super) fn accuse(&mut self, turn: &mut Turn<'_>, proof: Evidence) {
        let Some(monitoring) = &mut self.monitoring else { return };
        monitoring.accusing.proofs.insert(proof.server, proof.clone());
        self.put_proof(turn, proof);
    }

    pub(super) fn put_proof(&self, turn: &mut Turn<'_>, evidence: Evidence) {
        let accusation = Accusation { evidence, certificate: None };
        self.report(turn, MembershipOperation::Accuse(Box::new(accusation)));
    }

    /// A framer learns to whom is dealt.
    pub(super) fn learn(&mut self, news: &News) {
        if let (Some(monitoring), Stage::Dealing(underway)) = (&mut self.monitoring, &news.stage)
            && monitoring.frames()
        {
            monitoring.accusing.attempt = Some(underway.attempt.clone());
        }
    }

    /// A framer keeps what it hears of others.
    pub(super) fn overhear(&mut self, epoch: Epoch, message: &HandoverMessage) {
        if let (Some(monitoring), HandoverMessage::Dealing(dealing)) =
            (&mut self.monitoring, message)
            && monitoring.frames()
        {
            monitoring.accusing.overheard = Some((epoch, (**dealing).clone()));
        }
    }

    /// Accuses a dealer that has dealt rightly: with a complaint that proves nothing, or with a
    /// second dealing that it never signed.
    pub(super) fn frame_dealer(&self, turn: &mut Turn<'_>, number: u64) {
        let Some(accusing) = self.monitoring.as_ref().map(|it| &it.accusing) else { return };
        let (Some(attempt), Some((epoch, dealing))) = (&accusing.attempt, &accusing.overheard)
        else {
            return;
        };
        let Some(configuration) = self.chain.get(epoch) else { return };
        let group = &configuration.configuration().membership_group;
        let server = group[usize::from(dealing.dealing.dealer) - 1];
        let misdeed = if number.is_multiple_of(2) {
            Misdeed::WrongSubshare(Box::new(WrongSubshare {
                epoch: *epoch,
                system_key: Some(self.kit.system_key),
                attempt: attempt.clone(),
                dealing: dealing.clone(),
                complaint: forged(dealing),
            }))
        } else {
            let mut other = dealing.clone();
            other.dealing.sealed.reverse();
            let place = (configuration.configuration().system, *epoch);
            let (first, second) = (dealing.statement(place), other.statement(place));
            Misdeed::Contradiction(Contradiction { first, second })
        };
        turn.effects.mark("liar.framed_dealer");
        self.put_proof(turn, Evidence { server, misdeed });
    }
}

/// A complaint of the first recipient, with points and numbers that can be read.
fn forged(dealing: &SignedDealing) -> [u8; COMPLAINT_BYTES] {
    let mut complaint = [0; COMPLAINT_BYTES];
    let (recipient, rest) = complaint.split_at_mut(INDEX_BYTES);
    recipient[INDEX_BYTES - 1] = 1;
    let (shared, proof) = rest.split_at_mut(PUBLIC_KEY_BYTES);
    shared.copy_from_slice(&dealing.dealing.sealed[..PUBLIC_KEY_BYTES]);
    proof[SCALAR_BYTES - 1] = 1;
    proof[2 * SCALAR_BYTES - 1] = 1;
    complaint
}
