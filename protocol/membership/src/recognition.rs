//! Who is at the other end of a link: what a server shows there, and who believes it.
//!
//! Links prove possession of a server's key of the epoch; the server shows that its identity key,
//! the one that others know it by, has certified that key (settled point 31). Whoever captures a
//! server and keeps its key of an epoch is that server on links as long as the epoch lasts, and
//! nobody afterwards: an epoch that is over is believed by nobody who knows that it is over.
//!
//! # Invariants
//! - MEM-11: whoever has a configuration takes a key for a server's only if the server's identity
//!   key certified it for the epoch of that configuration, in which it must be the key that the
//!   configuration names, if it names one, or for the next epoch.

use core::fmt;

use quorate_crypto::Verifier;
use quorate_types::{Epoch, IdentityKey, PublicKey, SystemId};
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
    /// It has no configuration yet and asks for one, which will prove itself: any epoch will do.
    Newcomer(SystemId),
    /// It has this configuration.
    Member(EpochConfiguration),
}

impl Recognition {
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
        if !certificate.is_valid(verifier) {
            return Err(Unrecognised::Forged);
        }
        // Only now is it the identity that speaks, and could be blamed.
        self.check_only_key(&statement)?;
        Ok(statement.identity_key)
    }

    fn system(&self) -> SystemId {
        match self {
            Self::Newcomer(system) => *system,
            Self::Member(configuration) => configuration.configuration().system,
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
        let Self::Member(configuration) = self else { return Ok(()) };
        let current = configuration.epoch();
        if statement.epoch != current && statement.epoch != current.next() {
            return Err(Unrecognised::OtherEpoch);
        }
        Ok(())
    }

    fn check_only_key(&self, statement: &EpochKeyStatement) -> Result<(), Unrecognised> {
        // MEM-11: in the current epoch, the key that the configuration names, if it names one.
        let Self::Member(configuration) = self else { return Ok(()) };
        if statement.epoch != configuration.epoch() {
            return Ok(());
        }
        let mut members = configuration.configuration().members.iter();
        let member = members.find(|member| member.identity_key == statement.identity_key);
        match member.and_then(|member| member.epoch_key) {
            Some(named) if named != statement.epoch_key => Err(Unrecognised::SecondKey),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
