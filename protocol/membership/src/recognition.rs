//! Who is at the other end of a link: what a server shows there, and who believes it.
//!
//! Links prove possession of a server's key of the epoch; the server shows that its identity key,
//! the one that others know it by, has certified that key (settled point 31). Whoever captures a
//! server and keeps its key of an epoch is that server on links as long as the epoch lasts, and
//! nobody afterwards: an epoch that is over is believed by nobody who knows that it is over.
//!
//! # Invariants
//! - MEM-11: whoever has a configuration takes a key for a server's only if the configuration names
//!   it, or the server's identity certified it by the root that it has there: for the epoch of that
//!   configuration if it names none, or for the next epoch.
//! - MEM-77: whoever has the genesis and no key of the system takes a key for a founder's only by
//!   the root that its identity had at the founding, whichever epoch it is for: the link is all
//!   that it goes by, and every identity can be said to have another root by now.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::Verifier;
use quorate_machine::{Plant, planted};
use quorate_types::{Epoch, IdentityKey, MemberRecord, PublicKey, SystemId};
use quorate_wire::decode;

use crate::epoch_configuration::EpochConfiguration;
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};

/// Why a key is not taken for a server's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unrecognised {
    /// The bytes are no certificate of an epoch key.
    Malformed,
    /// The certificate is about another key than the one that the link proved.
    OtherKey,
    /// The certificate is for another system.
    OtherSystem,
    /// The certificate is for an epoch that is neither the current one nor the next.
    OtherEpoch,
    /// The configuration names another key of this server in this epoch.
    SecondKey,
    /// The identity key did not sign the certificate.
    Forged,
}

impl fmt::Display for Unrecognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "what was shown is no certificate of an epoch key",
            Self::OtherKey => "the certificate is about another key than the link proved",
            Self::OtherSystem => "the certificate is for another system",
            Self::OtherEpoch => "the certificate is for another epoch",
            Self::SecondKey => "the configuration names another key of this server",
            Self::Forged => "the identity key did not sign the certificate",
        })
    }
}

/// What somebody goes by who has to tell servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recognition {
    /// It has no configuration yet and asks for one, which will prove itself under the key that it
    /// has: any epoch will do, and any root from epoch 2 on.
    Newcomer(SystemId),
    /// It has the genesis and asks those in it which key they have made: any epoch will do.
    Keyless(SystemId),
    /// It has a configuration.
    Member(Acquaintance),
}

/// The servers of a configuration, to be found by what they are known by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acquaintance {
    configuration: EpochConfiguration,
    places: Places,
}

impl Acquaintance {
    fn of(configuration: EpochConfiguration) -> Self {
        let places = Places::of(&configuration.configuration().members);
        Self { configuration, places }
    }

    fn record(&self, key: IdentityKey) -> Option<&MemberRecord> {
        self.places.find(key, &self.configuration.configuration().members)
    }
}

/// The beginning of each identity key with the place of its server, in ascending order: all links
/// of a server are judged when an epoch ends, and there may be many servers.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Places(Vec<(u64, u32)>);

impl Places {
    fn of(members: &[Arc<MemberRecord>]) -> Self {
        let beginnings = members.iter().map(|member| beginning(&member.identity_key));
        let mut places: Vec<_> = beginnings.zip(0..).collect();
        places.sort_unstable();
        Self(places)
    }

    fn find<'a>(
        &self,
        key: IdentityKey,
        members: &'a [Arc<MemberRecord>],
    ) -> Option<&'a MemberRecord> {
        let wanted = beginning(&key);
        let first = self.0.partition_point(|(beginning, _)| *beginning < wanted);
        let alike = self.0.iter().skip(first).take_while(|(it, _)| *it == wanted);
        let mut found = alike.filter_map(|(_, place)| members.get(*place as usize));
        found.find(|member| member.identity_key == key).map(Arc::as_ref)
    }
}

fn beginning(key: &IdentityKey) -> u64 {
    let (first, _) = key.as_bytes().split_first_chunk().expect("a key has 32 bytes");
    u64::from_be_bytes(*first)
}

impl Recognition {
    /// Of whoever has this configuration.
    #[must_use]
    pub fn member(configuration: impl Into<EpochConfiguration>) -> Self {
        Self::Member(Acquaintance::of(configuration.into()))
    }

    /// The identity whose key of the epoch a link proved, by the certificate that it showed.
    /// Whether that identity is a server of the system is not asked here.
    ///
    /// # Errors
    /// [`Unrecognised`] says why the key is not taken for anybody's.
    pub fn recognise(
        &self,
        proved: PublicKey,
        shown: &[u8],
        verifier: &dyn Verifier,
    ) -> Result<IdentityKey, Unrecognised> {
        let certificate: EpochKeyCertificate = decode(shown).or(Err(Unrecognised::Malformed))?;
        let statement = certificate.statement;
        if statement.epoch_key != proved {
            return Err(Unrecognised::OtherKey);
        }
        self.check_system(&statement)?;
        self.check_epoch(&statement)?;
        let named = self.named_key(&statement);
        let is_named = named == Some(proved);
        self.check_signature(&certificate, is_named, verifier)?;
        // Only now is it the identity that speaks, and could be blamed.
        if named.is_some() && !is_named {
            return Err(Unrecognised::SecondKey);
        }
        Ok(statement.identity_key)
    }

    fn check_signature(
        &self,
        certificate: &EpochKeyCertificate,
        is_named: bool,
        verifier: &dyn Verifier,
    ) -> Result<(), Unrecognised> {
        let key = certificate.statement.identity_key;
        let shown = certificate.root();
        // The record of epoch 1 is the first that can have another root.
        let is_of_first = certificate.statement.epoch <= Epoch::ZERO.next();
        let root = match (self, self.record(key)) {
            // It does not know which root an identity has, and trusts nobody for what it says.
            (Self::Newcomer(_), _) if !is_of_first => shown,
            // MEM-77: nothing else proves what is said on this link.
            (Self::Newcomer(_) | Self::Keyless(_), _) => Some(key.first_root()),
            // The log has checked the key that is named, by the root of the epoch before.
            (Self::Member(_), Some(record)) if is_named && record.later_root.is_some() => shown,
            (Self::Member(_), _) if planted(Plant::AnyRootCertifies) => shown,
            // MEM-18: the root in the record, and no other any more.
            (Self::Member(_), Some(record)) => Some(record.root()),
            (Self::Member(_), None) => Some(key.first_root()),
        };
        let is_valid = root.is_some_and(|root| certificate.is_valid(root, verifier));
        if is_valid { Ok(()) } else { Err(Unrecognised::Forged) }
    }

    fn record(&self, key: IdentityKey) -> Option<&MemberRecord> {
        let Self::Member(known) = self else { return None };
        known.record(key)
    }

    fn system(&self) -> SystemId {
        match self {
            Self::Newcomer(system) | Self::Keyless(system) => *system,
            Self::Member(known) => known.configuration.configuration().system,
        }
    }

    /// A statement about epoch 0 names no system, every other one names its own.
    fn check_system(&self, statement: &EpochKeyStatement) -> Result<(), Unrecognised> {
        let expected = (statement.epoch != Epoch::ZERO).then(|| self.system());
        match (expected, statement.system) {
            (expected, found) if expected == found => Ok(()),
            (Some(_), Some(_)) => Err(Unrecognised::OtherSystem),
            (None, _) | (_, None) => Err(Unrecognised::Malformed),
        }
    }

    fn check_epoch(&self, statement: &EpochKeyStatement) -> Result<(), Unrecognised> {
        // MEM-11: the current epoch or the next.
        let Self::Member(known) = self else { return Ok(()) };
        let current = known.configuration.epoch();
        if statement.epoch != current && statement.epoch != current.next() {
            return Err(Unrecognised::OtherEpoch);
        }
        Ok(())
    }

    /// The key that the configuration names as the server's in the epoch of the statement.
    fn named_key(&self, statement: &EpochKeyStatement) -> Option<PublicKey> {
        // MEM-11: in the current epoch, the key that the configuration names, if it names one.
        let Self::Member(known) = self else { return None };
        let is_current = statement.epoch == known.configuration.epoch();
        self.record(statement.identity_key)?.epoch_key.filter(|_| is_current)
    }
}

#[cfg(test)]
mod tests;
