//! Evidence as it goes into the log, and as the log keeps it.
//!
//! The log knows the keys of its own epoch, and those with which the group before signed: what is
//! found at the end of an epoch may come too late for its log (MEM-55). Whoever has evidence of
//! another one shows with it whose key signed that, in the words of the identity.

use alloc::boxed::Box;

use quorate_crypto::Verifier;
use quorate_types::{Configuration, Epoch, MemberRecord, PublicKey, Slot, SystemId};

use super::evidence::{Accused, Evidence, Unfounded};
use crate::epoch_key::EpochKeyCertificate;

/// Evidence, and whose key signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accusation {
    /// The evidence.
    pub evidence: Evidence,
    /// The certificate of the key, where it is not that of the configuration.
    pub certificate: Option<Box<EpochKeyCertificate>>,
}

/// What the log keeps of a server that was proved to lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conviction {
    /// The epoch in which it came.
    pub epoch: Epoch,
    /// The slot in which it came.
    pub slot: Slot,
    /// The proof.
    pub accusation: Accusation,
}

/// What a log knows of a server besides its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// The system.
    pub system: SystemId,
    /// The epoch of the log.
    pub epoch: Epoch,
    /// The server's key of the epoch before, if it was in the group of that.
    pub former_key: Option<PublicKey>,
}

quorate_wire::fields!(Accusation { evidence, certificate });
quorate_wire::fields!(Conviction { epoch, slot, accusation });

/// The configuration of the epoch of a log, and that of the one before, as far as it is known.
pub type Seen<'a> = (&'a Configuration, Option<&'a Configuration>);

impl Conviction {
    /// MEM-44, MEM-55: does it prove to somebody who has the configurations what it proved to the
    /// log?
    ///
    /// # Errors
    /// [`Unfounded`] says why not; [`Unfounded::NoKey`] also if a configuration lacks.
    pub fn check(&self, seen: Seen<'_>, verifier: &dyn Verifier) -> Result<(), Unfounded> {
        let (record, known) = self.known(seen).ok_or(Unfounded::NoKey)?;
        self.accusation.check(record, &known, verifier)
    }

    /// The key that made the signatures, if the configurations name it or the proof shows it.
    #[must_use]
    pub fn key(&self, seen: Seen<'_>) -> Option<PublicKey> {
        if let Some(shown) = &self.accusation.certificate {
            return Some(shown.statement.epoch_key);
        }
        let (record, known) = self.known(seen)?;
        self.accusation.known_key(record, &known).1
    }

    /// What the log knew of the server, if this is the configuration of its epoch.
    fn known<'a>(&self, (present, former): Seen<'a>) -> Option<(&'a MemberRecord, Known)> {
        let server = self.accusation.evidence.server;
        let record = present.member(server).filter(|_| present.epoch == self.epoch)?;
        let of_former = |former: &Configuration| {
            let is_it = former.epoch.next() == present.epoch;
            let is_in_group = is_it && former.membership_group.contains(&server);
            former.member(server).filter(|_| is_in_group)?.epoch_key
        };
        let (system, epoch) = (present.system, present.epoch);
        Some((record, Known { system, epoch, former_key: former.and_then(of_former) }))
    }
}

impl Accusation {
    /// MEM-44: does it prove that the server of this record lies?
    ///
    /// # Errors
    /// [`Unfounded`] says why not.
    pub fn check(
        &self,
        record: &MemberRecord,
        known: &Known,
        verifier: &dyn Verifier,
    ) -> Result<(), Unfounded> {
        let (identity_key, root) = (record.identity_key, record.root());
        let system = known.system;
        let (epoch, epoch_key) = match self.certificate.as_deref() {
            Some(shown) => {
                let epoch = shown.statement.epoch;
                (epoch, shown.key_of((system, record, epoch), verifier))
            }
            None => self.known_key(record, known),
        };
        let accused = Accused { system, epoch, epoch_key, identity_key, root };
        self.evidence.check(&accused, verifier)
    }

    /// MEM-55: the key of the epoch of the evidence, if that is the present one or the one before.
    fn known_key(&self, record: &MemberRecord, known: &Known) -> (Epoch, Option<PublicKey>) {
        match self.evidence.epoch() {
            Some(epoch) if epoch.next() == known.epoch => (epoch, known.former_key),
            Some(_) | None => (known.epoch, record.epoch_key),
        }
    }
}
