//! The keys of a server: its identity, and what it signs and decrypts with in each epoch.
//!
//! Settled points 14 and 31; specification of the cryptography, pitfalls 1 to 3. All of them lie in
//! one directory, and nothing else writes there:
//!
//! ```text
//! identity-E.key        the identity, of which the leaf of epoch E is the next to sign
//! epoch-E.key           seed of the key that signs in epoch E
//! decryption-E.key      seed of the key that opens what is sealed for epoch E
//! epoch-E.certificate   the identity's word on the key of epoch E
//! share-E.key           share of the system's key in epoch E, with the attempt that made it
//! dealing-E.key         seed of the dealings with which epoch E ends
//! successor-E.key       the tree that is to take the place of the identity's, of which the leaf
//!                       of epoch E is the first that may certify a key
//! successor-E.proof     shows that the server holds it
//! ```
//! # Protocol
//! To certify the key of epoch E, each step durable before the next: the seeds; the certificate;
//! the identity of E + 1; the one of E overwritten, then unlinked. Only then is the certificate
//! given out. Whoever opens the directory goes on where a crash has left it: seeds that are there
//! are used, and the signature is a function of what it signs, so the same statement comes out.
//! An identity that was away goes on to the epoch that it is asked for, and says nothing about
//! those between.
//!
//! # Invariants
//! - KEY-1: a certificate is given out only when it is durable and no file holds its leaf any more.
//! - KEY-2: a leaf signs one statement about a key, whatever crashes come between.
//! - KEY-3: a seed that was erased is in no file.
//!
//! # Not here
//! When the keys of an epoch are erased: when no group of that epoch is served any more. Another
//! root before the tree of the first ends: [`roots`].

use std::collections::BTreeSet;
use std::path::Path;

use quorate_crypto::{Signer, real::RealSigner};
use quorate_kes::Blake3Tree;
use quorate_membership::{EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySigner};
use quorate_store::medium::{Medium, RealMedium};
use quorate_store::secrets::{Found, Secrets};
use quorate_types::{Epoch, IdentityKey, SystemId};
use zeroize::Zeroizing;

mod error;
mod name;
pub mod roots;

pub use error::{KeysError, KeysFault};
use name::Name;

/// Length of a seed in bytes.
pub const SEED_BYTES: usize = 32;

/// A secret from which a key follows; wiped when dropped.
pub type KeySeed = Zeroizing<[u8; SEED_BYTES]>;

/// What the keys of one epoch are made from.
#[derive(Debug)]
pub struct EpochSeeds {
    /// Of the key that signs, and is proved on links.
    pub signing: KeySeed,
    /// Of the key that opens what is sealed for the epoch.
    pub decryption: KeySeed,
}

/// The key that a server signs with in an epoch, and its identity's word on it.
#[derive(Debug)]
pub struct CertifiedKey {
    /// What the server shows.
    pub certificate: EpochKeyCertificate,
    /// The secret half.
    pub seed: KeySeed,
}

/// The identity of production.
pub type ServerIdentity = Identity<Blake3Tree>;

/// The directory of a server's keys.
#[derive(Debug)]
pub struct ServerKeys<M = RealMedium> {
    secrets: Secrets<M>,
}

impl ServerKeys {
    /// Opens the keys of a server, and finishes what a crash has left undone.
    ///
    /// # Errors
    /// [`KeysError`]: there are none, they are open to others, or damaged.
    pub fn open_directory(path: &Path) -> Result<Self, KeysError> {
        if !path.is_dir() {
            return Err(KeysError::new(path, KeysFault::NoIdentity));
        }
        Self::open(Secrets::open_directory(path)?)
    }

    /// Makes a directory for the keys of a new server.
    ///
    /// # Errors
    /// [`KeysError`] if there are keys already, or what the disk reports.
    pub fn create_directory(path: &Path, identity: &ServerIdentity) -> Result<Self, KeysError> {
        Self::create(Secrets::open_directory(path)?, identity)
    }
}

impl<M: Medium> ServerKeys<M> {
    /// As [`ServerKeys::open_directory`], on any medium.
    ///
    /// # Errors
    /// [`KeysError`]: there are no keys, or they are damaged.
    pub fn open(secrets: Secrets<M>) -> Result<Self, KeysError> {
        let keys = Self { secrets };
        keys.finish()?;
        Ok(keys)
    }

    /// As [`ServerKeys::create_directory`], on any medium.
    ///
    /// # Errors
    /// [`KeysError`] if there are keys already, or what the disk reports.
    pub fn create(secrets: Secrets<M>, identity: &ServerIdentity) -> Result<Self, KeysError> {
        let keys = Self { secrets };
        if let Some(name) = keys.names()?.first() {
            return Err(keys.fault(*name, KeysFault::Exists));
        }
        keys.put_identity(identity)?;
        Ok(keys)
    }

    /// What the server is known by.
    ///
    /// # Errors
    /// [`KeysError`] if neither a certificate nor the identity can be read.
    pub fn identity_key(&self) -> Result<IdentityKey, KeysError> {
        for name in self.names()? {
            if let Name::Certificate(epoch) = name
                && let Some(certificate) = self.certificate(epoch)?
            {
                return Ok(certificate.statement.identity_key);
            }
        }
        Ok(self.identity()?.identity_key())
    }

    /// The key of an epoch with its certificate: from the disk, or made now, of these seeds. A
    /// statement about epoch 0 names no system.
    ///
    /// # Errors
    /// [`KeysError`] if the leaf of the epoch was erased before it signed, or the identity has
    /// ended, or what the disk reports.
    pub fn certify(
        &self,
        of: (Option<SystemId>, Epoch),
        fresh: &EpochSeeds,
    ) -> Result<CertifiedKey, KeysError> {
        self.certify_and(of, fresh, |_, _| Ok(()))
    }

    /// As [`ServerKeys::certify`]; before the leaf is erased that signs the certificate, it signs
    /// what else is asked for, which a server that is made needs once.
    ///
    /// # Errors
    /// As [`ServerKeys::certify`], and what `also` says: the leaf is still there then.
    pub fn certify_and<E: From<KeysError>>(
        &self,
        (system, epoch): (Option<SystemId>, Epoch),
        fresh: &EpochSeeds,
        also: impl FnOnce(&EpochKeyCertificate, &dyn IdentitySigner) -> Result<(), E>,
    ) -> Result<CertifiedKey, E> {
        if let Some(certified) = self.certified(epoch)? {
            return Ok(certified);
        }
        let identity = self.identity_in(epoch)?;
        let seed = self.seed_or(Name::Signing(epoch), &fresh.signing)?;
        self.seed_or(Name::Decryption(epoch), &fresh.decryption)?;
        let epoch_key = RealSigner::from_seed(&seed).public_key();
        let identity_key = identity.identity_key();
        let successor = self.next_root()?;
        let statement = EpochKeyStatement { system, identity_key, epoch, epoch_key, successor };
        let certificate = EpochKeyCertificate::issue(statement, &identity);
        self.put(Name::Certificate(epoch), &quorate_wire::encode(&certificate))?;
        also(&certificate, &identity)?;
        self.move_on(identity)?;
        assert!(!self.has(Name::Identity(epoch))?, "KEY-1: the leaf of {epoch} is gone");
        Ok(CertifiedKey { certificate, seed })
    }

    /// The key of an epoch, if it was certified before.
    ///
    /// # Errors
    /// [`KeysError`] if its key is gone or another one, or what the disk reports.
    pub fn certified(&self, epoch: Epoch) -> Result<Option<CertifiedKey>, KeysError> {
        let Some(certificate) = self.certificate(epoch)? else { return Ok(None) };
        let name = Name::Signing(epoch);
        let seed = self.seed(name)?.ok_or_else(|| self.fault(name, KeysFault::Damaged))?;
        if RealSigner::from_seed(&seed).public_key() != certificate.statement.epoch_key {
            return Err(self.fault(name, KeysFault::OtherKey));
        }
        Ok(Some(CertifiedKey { certificate, seed }))
    }

    /// The seed of the key that signs in an epoch, until it is erased.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn signing_seed(&self, epoch: Epoch) -> Result<Option<KeySeed>, KeysError> {
        self.seed(Name::Signing(epoch))
    }

    /// The seed of the key that opens what is sealed for an epoch, until it is erased.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn decryption_seed(&self, epoch: Epoch) -> Result<Option<KeySeed>, KeysError> {
        self.seed(Name::Decryption(epoch))
    }

    /// Erases what opens what was sealed for an epoch: nobody needs it once the share is there, and
    /// it would open what attempts that failed have dealt, too (MEM-75).
    ///
    /// # Errors
    /// What the disk reports.
    pub fn erase_decryption(&self, epoch: Epoch) -> Result<(), KeysError> {
        self.erase(Name::Decryption(epoch))
    }

    /// Erases the keys of an epoch in which the server has nothing to sign any more (KEY-3).
    ///
    /// # Errors
    /// What the disk reports.
    pub fn erase_epoch(&self, epoch: Epoch) -> Result<(), KeysError> {
        // KEY-3: each is overwritten and unlinked before this returns (STO-15).
        self.erase(Name::Decryption(epoch))?;
        self.erase(Name::Signing(epoch))?;
        // Last: as long as it is there, whoever asks for the key learns that it is gone.
        self.erase(Name::Certificate(epoch))
    }

    /// Keeps the share of an epoch, durably; one that stood there before is erased.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn put_share(&self, epoch: Epoch, share: &[u8]) -> Result<(), KeysError> {
        self.put(Name::Share(epoch), share)
    }

    /// The share of an epoch, if there is one.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn share(&self, epoch: Epoch) -> Result<Option<Zeroizing<Vec<u8>>>, KeysError> {
        Ok(self.secrets.get(&Name::Share(epoch).to_string())?.whole())
    }

    /// Erases the share of an epoch if it begins with the session of this attempt, which failed;
    /// what opens the next attempt's subshares stays, and so does the seed of what this server
    /// deals in that epoch, with which it may have begun: another seed would have it deal twice.
    /// Whoever hears of a failure late finds the share of the next attempt there, and leaves it: it
    /// may have been counted in a completion.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn abandon_share(&self, epoch: Epoch, session: &[u8]) -> Result<(), KeysError> {
        let share = self.share(epoch)?;
        match share.is_some_and(|share| share.starts_with(session)) {
            true => self.erase(Name::Share(epoch)),
            false => Ok(()),
        }
    }

    /// What is to be said of a share that is there and cannot be read.
    #[must_use]
    pub fn damaged_share(&self, epoch: Epoch) -> KeysError {
        self.fault(Name::Share(epoch), KeysFault::Damaged)
    }

    /// What is to be said of a key that signs, where it is needed and is not there.
    #[must_use]
    pub fn damaged_key(&self, epoch: Epoch) -> KeysError {
        self.fault(Name::Signing(epoch), KeysFault::Damaged)
    }

    /// The seed of the dealings with which an epoch ends: the one that is there, or this one.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn dealing_seed(&self, epoch: Epoch, fresh: &KeySeed) -> Result<KeySeed, KeysError> {
        self.seed_or(Name::Dealing(epoch), fresh)
    }

    /// Erases the share of an epoch, and the seed of what was dealt of it (KEY-3).
    ///
    /// # Errors
    /// What the disk reports.
    pub fn erase_share(&self, epoch: Epoch) -> Result<(), KeysError> {
        self.erase(Name::Dealing(epoch))?;
        self.erase(Name::Share(epoch))
    }

    /// Erases the keys and shares of all epochs (KEY-3): the identity alone stays, and is of no use
    /// to a server that was removed.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn erase_all(&self) -> Result<(), KeysError> {
        self.past(Epoch::new(u64::MAX))?.into_iter().try_for_each(|epoch| {
            self.erase_share(epoch)?;
            self.erase_epoch(epoch)
        })
    }

    /// The epochs of which there are keys, in ascending order.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn epochs(&self) -> Result<Vec<Epoch>, KeysError> {
        let is_key = |name: &Name| matches!(name, Name::Signing(_) | Name::Decryption(_));
        let mut epochs: Vec<_> =
            self.names()?.into_iter().filter(is_key).map(Name::epoch).collect();
        epochs.dedup();
        Ok(epochs)
    }

    /// The epochs before this one of which there is a secret, in ascending order.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn past(&self, now: Epoch) -> Result<Vec<Epoch>, KeysError> {
        let is_past = |name: &Name| name.epoch() < now && name.is_of_epoch();
        let past = self.names()?.into_iter().filter(is_past).map(Name::epoch);
        Ok(past.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Goes on where a crash has stopped: of several identities the last that is whole counts, and
    /// one that has signed its certificate moves on.
    fn finish(&self) -> Result<(), KeysError> {
        self.finish_identity()?;
        self.finish_root()
    }

    fn finish_identity(&self) -> Result<(), KeysError> {
        let mut left = self.identities()?;
        while let Some(name) = left.pop() {
            if self.is_whole(name)? {
                left.into_iter().try_for_each(|name| self.erase(name))?;
                return if self.has_signed(name)? {
                    self.move_on(self.identity()?)
                } else {
                    Ok(())
                };
            }
            // Begun, and not finished: the one before is still there, or all is lost; unless it is
            // the last one of its tree, which has signed and was being erased; or another tree is
            // taking its place.
            if left.is_empty() && !self.has_signed(name)? && !self.has_whole_successor()? {
                return Err(self.fault(name, KeysFault::Damaged));
            }
            self.erase(name)?;
        }
        Ok(())
    }

    fn is_whole(&self, name: Name) -> Result<bool, KeysError> {
        Ok(matches!(self.secrets.get(&name.to_string())?, Found::Whole(_)))
    }

    /// Is the certificate durable that the leaf of this identity signs?
    fn has_signed(&self, identity: Name) -> Result<bool, KeysError> {
        Ok(self.certificate(identity.epoch())?.is_some())
    }

    /// The identity with the leaf of this epoch.
    fn identity_in(&self, epoch: Epoch) -> Result<ServerIdentity, KeysError> {
        let mut identity = self.identity()?;
        let name = Name::Identity(identity.epoch());
        if identity.epoch() > epoch {
            return Err(self.fault(name, KeysFault::Over { epoch, next: identity.epoch() }));
        }
        while identity.epoch() < epoch {
            identity.evolve().map_err(|_ended| self.fault(name, KeysFault::Ended))?;
        }
        if name != Name::Identity(epoch) {
            self.put_identity(&identity)?;
            self.erase(name)?;
        }
        Ok(identity)
    }

    /// Replaces an identity whose certificate is durable by the next, or by nothing if it was the
    /// last one.
    fn move_on(&self, mut identity: ServerIdentity) -> Result<(), KeysError> {
        let signed = identity.epoch();
        assert!(
            self.has(Name::Certificate(signed))?,
            "KEY-2: the statement on {signed} is durable"
        );
        if identity.evolve().is_ok() {
            self.put_identity(&identity)?;
        }
        self.erase(Name::Identity(signed))
    }

    fn identity(&self) -> Result<ServerIdentity, KeysError> {
        let Some(name) = self.identities()?.pop() else {
            let is_ended = !self.names()?.is_empty();
            let fault = if is_ended { KeysFault::Ended } else { KeysFault::NoIdentity };
            return Err(KeysError::new(&self.secrets.path(""), fault));
        };
        let damaged = || self.fault(name, KeysFault::Damaged);
        let bytes = self.secrets.get(&name.to_string())?.whole().ok_or_else(damaged)?;
        let identity = Identity::from_bytes(Blake3Tree, &bytes).or(Err(damaged()))?;
        if identity.epoch() != name.epoch() {
            return Err(damaged());
        }
        Ok(identity)
    }

    fn put_identity(&self, identity: &ServerIdentity) -> Result<(), KeysError> {
        self.put(Name::Identity(identity.epoch()), &identity.to_bytes())
    }

    fn certificate(&self, epoch: Epoch) -> Result<Option<EpochKeyCertificate>, KeysError> {
        let name = Name::Certificate(epoch);
        let Some(bytes) = self.secrets.get(&name.to_string())?.whole() else { return Ok(None) };
        let read: Result<EpochKeyCertificate, _> = quorate_wire::decode(&bytes);
        let certificate = read.map_err(|_reason| self.fault(name, KeysFault::Damaged))?;
        if certificate.statement.epoch != epoch {
            return Err(self.fault(name, KeysFault::Damaged));
        }
        Ok(Some(certificate))
    }

    /// The seed that is there, or this one, which is there from now on.
    fn seed_or(&self, name: Name, fresh: &KeySeed) -> Result<KeySeed, KeysError> {
        if let Some(seed) = self.seed(name)? {
            return Ok(seed);
        }
        self.put(name, &**fresh)?;
        Ok(fresh.clone())
    }

    fn seed(&self, name: Name) -> Result<Option<KeySeed>, KeysError> {
        let Some(bytes) = self.secrets.get(&name.to_string())?.whole() else { return Ok(None) };
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        if bytes.len() != SEED_BYTES {
            return Err(self.fault(name, KeysFault::Damaged));
        }
        seed.copy_from_slice(&bytes);
        Ok(Some(seed))
    }

    /// All names that are ours, in ascending order of epoch.
    fn names(&self) -> Result<Vec<Name>, KeysError> {
        let mut names: Vec<_> =
            self.secrets.names()?.iter().filter_map(|name| Name::parse(name)).collect();
        names.sort_unstable_by_key(|name| (name.epoch(), *name));
        Ok(names)
    }

    fn identities(&self) -> Result<Vec<Name>, KeysError> {
        let is_identity = |name: &Name| matches!(name, Name::Identity(_));
        Ok(self.names()?.into_iter().filter(is_identity).collect())
    }

    fn has(&self, name: Name) -> Result<bool, KeysError> {
        Ok(self.names()?.contains(&name))
    }

    fn put(&self, name: Name, bytes: &[u8]) -> Result<(), KeysError> {
        Ok(self.secrets.put(&name.to_string(), bytes)?)
    }

    fn erase(&self, name: Name) -> Result<(), KeysError> {
        Ok(self.secrets.erase(&name.to_string())?)
    }

    fn fault(&self, name: Name, fault: KeysFault) -> KeysError {
        KeysError::new(&self.secrets.path(&name.to_string()), fault)
    }
}
