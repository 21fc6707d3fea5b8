//! C7: who proves that it was cheated opens the envelope that this is about, and no other.
//!
//! A proof shows the point that hid a subshare. If it hid what another dealer dealt to the same
//! recipient too, everybody who reads the proof knows that as well, and with a few of them the
//! share of that dealer. The arithmetic is the checker's own.

use std::collections::BTreeMap;

use quorate_machine::Recipients;
use quorate_membership::handover::PublishedDealing;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::monitor::evidence::{Misdeed, WrongSubshare};
use quorate_threshold::{
    INDEX_BYTES, PUBLIC_KEY_BYTES, SCALAR_BYTES, SEALED_PREFIX_BYTES, Session, ShareIndex, Subshare,
};
use quorate_types::Digest;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::epochs::{EpochsMachine, Message, Output};

const ID: &str = "C7";
/// Names the derivation of masks for BLAKE3.
const MASK_DERIVATION: &str = "quorate 2026-11-21 threshold subshare mask v1";

/// What good dealers have dealt, by attempt.
#[derive(Default, Debug)]
pub(in crate::epochs) struct Envelopes(BTreeMap<Digest, Vec<PublishedDealing>>);

impl Envelopes {
    /// Who else's subshare for its recipient the proof shows.
    fn opened(&self, proof: &WrongSubshare) -> Option<u16> {
        let about = &proof.dealing.dealing;
        let recorded = self.0.get(&about.session)?;
        let mut others = recorded.iter().filter(|other| other.dealer != about.dealer);
        others.find(|other| uncover(other, proof).is_some()).map(|other| other.dealer)
    }
}

/// What the envelope of this dealing for the same recipient holds, if the proof shows its key.
fn uncover(dealing: &PublishedDealing, proof: &WrongSubshare) -> Option<Subshare> {
    let (recipient, rest) = proof.complaint.split_first_chunk::<INDEX_BYTES>()?;
    let place = usize::from(u16::from_be_bytes(*recipient)).checked_sub(1)?;
    let key = proof.attempt.seats.get(place)?.keys?.encryption_key.0;
    let mut hasher = blake3::Hasher::new_derive_key(MASK_DERIVATION);
    hasher.update(rest.get(..PUBLIC_KEY_BYTES)?);
    hasher.update(&key);
    hasher.update(dealing.sealed.get(..PUBLIC_KEY_BYTES)?);
    hasher.update(dealing.session.as_bytes());
    hasher.update(&dealing.dealer.to_be_bytes());
    hasher.update(recipient);
    let masked = dealing.sealed.get(SEALED_PREFIX_BYTES + place * SCALAR_BYTES..)?;
    let mask = hasher.finalize();
    let value: Vec<u8> = mask.as_bytes().iter().zip(masked).map(|(one, two)| one ^ two).collect();
    let subshare = [&dealing.dealer.to_be_bytes()[..], recipient, &value].concat();
    let subshare = Subshare::decode(&subshare).ok()?;

    let attempt = (Session::new(*dealing.session.as_bytes()), proof.attempt.parameters());
    let checked = dealing.chosen().checked(attempt, None).ok()?;
    let recipient = ShareIndex::new(u16::from_be_bytes(*recipient)).ok()?;
    checked.check_subshare(recipient, &subshare).is_ok().then_some(subshare)
}

impl Checker<EpochsMachine> for Envelopes {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Message) -> Verdict {
        let Message::Handover(_, message) = message else { return Ok(()) };
        let HandoverMessage::Dealing(dealing) = &**message else { return Ok(()) };
        let recorded = self.0.entry(dealing.dealing.session).or_default();
        if at.is_good() && !recorded.contains(&dealing.dealing) {
            recorded.push(dealing.dealing.clone());
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Cheated(epoch, proof) = output else { return Ok(()) };
        let Misdeed::WrongSubshare(proof) = &proof.misdeed else { return Ok(()) };
        let Some(other) = self.opened(proof) else { return Ok(()) };
        let dealer = proof.dealing.dealing.dealer;
        let what = format!(
            "at the end of {epoch} {:?} proves that dealer {dealer} cheats, and shows what dealer \
             {other} has dealt",
            at.node
        );
        Err(Broken::new(ID, what))
    }
}
