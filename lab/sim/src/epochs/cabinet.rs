//! The keys of a server, as files that come and go: what `keys.rs` of the daemon does, in the same
//! order, and every write and every erasure is a record of its own.
//!
//! ```text
//! seeds -> certificate -> identity of the next epoch -> the one before erased
//! ```
//! Another root takes the place of the first before that ends: `roots`.

use std::collections::{BTreeMap, BTreeSet};

use quorate_crypto::Signer;
use quorate_history::Prng;
use quorate_machine::Effects;
use quorate_membership::handover::machine as participant;
use quorate_membership::handover::{CommitmentBytes, PublishedDealing, SignedDealing};
use quorate_membership::{EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySigner};
use quorate_threshold::KeyShare;
use quorate_types::{Digest, Epoch, Signature, SystemId};
use std::sync::Arc;

use super::keys::{Keys, LabTree};
use super::plants::{ANY_SHARE_ABANDONED, DECRYPTION_KEPT, IDENTITY_KEPT, KEY_IN_LOG};
use super::{EpochsMachine, Record};

mod roots;

/// What a file of the cabinet holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    /// The identity whose next leaf is that of this epoch.
    Identity(Epoch),
    /// Seed of the key that signs in an epoch.
    Signing(Epoch),
    /// Seed of the key that opens what is sealed for an epoch.
    Decryption(Epoch),
    /// The identity's word on the key of an epoch; no secret.
    Certificate(Epoch),
    /// Share of the system's key in an epoch, with its attempt.
    Share(Epoch),
    /// Seed of the dealings with which an epoch ends.
    Dealing(Epoch),
    /// The tree that is to take the place of the identity's, whose next leaf is that of this epoch.
    Successor(Epoch),
    /// Shows that the server holds that tree; no secret.
    RootProof(Epoch),
}

impl Name {
    /// The epoch.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        match self {
            Self::Identity(epoch)
            | Self::Signing(epoch)
            | Self::Decryption(epoch)
            | Self::Certificate(epoch)
            | Self::Share(epoch)
            | Self::Dealing(epoch)
            | Self::Successor(epoch)
            | Self::RootProof(epoch) => epoch,
        }
    }

    /// May nobody else see it?
    #[must_use]
    pub const fn is_secret(self) -> bool {
        !matches!(self, Self::Certificate(_) | Self::RootProof(_))
    }

    /// Is it the seed of a key that signs?
    #[must_use]
    pub const fn is_signing(self) -> bool {
        matches!(self, Self::Signing(_))
    }

    /// Does it hold a tree of leaves, which is no secret of 32 bytes?
    #[must_use]
    pub const fn is_tree(self) -> bool {
        matches!(self, Self::Identity(_) | Self::Successor(_))
    }

    /// Does it go with its epoch?
    const fn is_of_epoch(self) -> bool {
        !self.is_tree() && !matches!(self, Self::RootProof(_))
    }
}

/// The key that a server signs with in an epoch.
pub(super) struct Certified {
    pub(super) certificate: EpochKeyCertificate,
    pub(super) signer: Arc<dyn Signer>,
}

/// All files.
#[derive(Debug)]
pub(super) struct Cabinet {
    keys: Keys,
    system: SystemId,
    files: BTreeMap<Name, Vec<u8>>,
    /// Keys that were erased while the process lived, which a liar has kept.
    erased: BTreeMap<Epoch, Vec<u8>>,
    /// A bug that is put into it on purpose.
    flaw: Option<&'static str>,
    prng: Prng,
}

/// Where changes are recorded.
pub(super) type Ink<'a> = &'a mut Effects<EpochsMachine>;

impl Cabinet {
    /// The files that a disk holds; `prng` is what seeds are drawn from.
    pub(super) const fn new(
        (keys, system): (Keys, SystemId),
        files: BTreeMap<Name, Vec<u8>>,
        (flaw, prng): (Option<&'static str>, Prng),
    ) -> Self {
        Self { keys, system, files, erased: BTreeMap::new(), flaw, prng }
    }

    /// Is this bug put into the server on purpose?
    pub(super) fn has_flaw(&self, flaw: &str) -> bool {
        self.flaw == Some(flaw)
    }

    /// What it holds.
    pub(super) const fn files(&self) -> &BTreeMap<Name, Vec<u8>> {
        &self.files
    }

    pub(super) fn put(&mut self, ink: Ink<'_>, name: Name, bytes: Vec<u8>) {
        if let (Name::Signing(epoch), Some(KEY_IN_LOG)) = (name, self.flaw) {
            ink.persist(leak(epoch, &bytes));
        }
        self.files.insert(name, bytes.clone());
        ink.persist(Record::File(name, bytes));
    }

    pub(super) fn erase(&mut self, ink: Ink<'_>, name: Name) {
        let is_kept = match name {
            Name::Identity(_) => self.has_flaw(IDENTITY_KEPT),
            Name::Decryption(_) => self.has_flaw(DECRYPTION_KEPT),
            Name::Signing(_)
            | Name::Certificate(_)
            | Name::Share(_)
            | Name::Dealing(_)
            | Name::Successor(_)
            | Name::RootProof(_) => false,
        };
        if let Some(bytes) = self.files.get(&name).filter(|_| !is_kept).cloned() {
            self.files.remove(&name);
            if let Name::Signing(epoch) = name {
                self.erased.insert(epoch, bytes);
            }
            ink.persist(Record::Erased(name));
        }
    }

    /// The seed that is there, or a new one, which is there from now on.
    pub(super) fn seed(&mut self, ink: Ink<'_>, name: Name) -> [u8; 32] {
        if let Some(bytes) = self.files.get(&name) {
            return bytes.as_slice().try_into().expect("a seed has 32 bytes");
        }
        let seed = random_seed(&mut self.prng);
        self.put(ink, name, seed.to_vec());
        seed
    }

    /// The key of an epoch: the one that is there, or one that is made and certified now. None if
    /// the identity has no leaf for that epoch any more.
    pub(super) fn certified(&mut self, ink: Ink<'_>, epoch: Epoch) -> Option<Certified> {
        if let Some(bytes) = self.files.get(&Name::Certificate(epoch)) {
            let certificate = quorate_wire::decode(bytes).expect("it was put there");
            return Some(Certified { certificate, signer: self.known(epoch)? });
        }
        let identity = self.identity_in(ink, epoch)?;
        let seed = self.seed(ink, Name::Signing(epoch));
        self.seed(ink, Name::Decryption(epoch));
        let signer = self.keys.signer(&seed);
        let statement = EpochKeyStatement::of_system(
            self.system,
            identity.identity_key(),
            epoch,
            signer.public_key(),
        )
        .naming(self.next_root());
        let certificate = EpochKeyCertificate::issue(statement, &identity);
        self.put(ink, Name::Certificate(epoch), quorate_wire::encode(&certificate));
        self.move_on(ink, identity);
        Some(Certified { certificate, signer })
    }

    /// The key of an epoch, if it is there.
    pub(super) fn known(&self, epoch: Epoch) -> Option<Arc<dyn Signer>> {
        Some(self.signer_of(self.files.get(&Name::Signing(epoch))?))
    }

    /// The key of an epoch that was erased: no machine asks for it, only a liar.
    pub(super) fn erased(&self, epoch: Epoch) -> Option<Arc<dyn Signer>> {
        Some(self.signer_of(self.erased.get(&epoch)?))
    }

    fn signer_of(&self, seed: &[u8]) -> Arc<dyn Signer> {
        self.keys.signer(seed.try_into().expect("a seed has 32 bytes"))
    }

    fn identity_in(&mut self, ink: Ink<'_>, epoch: Epoch) -> Option<Identity<LabTree>> {
        let (name, mut identity) = self.identity()?;
        while identity.epoch() < epoch {
            identity.evolve().ok()?;
        }
        if name != Name::Identity(epoch) {
            self.put(ink, Name::Identity(identity.epoch()), identity.to_bytes().to_vec());
            self.erase(ink, name);
        }
        (identity.epoch() == epoch).then_some(identity)
    }

    /// The identity with the next leaf: the last that is there.
    fn identity(&self) -> Option<(Name, Identity<LabTree>)> {
        let is_identity = |(name, _): &(&Name, _)| matches!(name, Name::Identity(_));
        let (name, bytes) = self.files.iter().rfind(is_identity)?;
        Some((*name, self.keys.identity(bytes)))
    }

    fn move_on(&mut self, ink: Ink<'_>, mut identity: Identity<LabTree>) {
        let signed = identity.epoch();
        if identity.evolve().is_ok() {
            let name = Name::Identity(identity.epoch());
            self.put(ink, name, identity.to_bytes().to_vec());
        }
        self.erase(ink, Name::Identity(signed));
    }

    /// Goes on where a crash has stopped: one identity counts, and one that has signed moves on.
    pub(super) fn finish(&mut self, ink: Ink<'_>) {
        if let Some((last, identity)) = self.identity() {
            let left = self.identities().into_iter().filter(|name| *name != last);
            left.for_each(|name| self.erase(ink, name));
            if self.files.contains_key(&Name::Certificate(last.epoch())) {
                self.move_on(ink, identity);
            }
        }
        self.finish_root(ink);
    }

    fn identities(&self) -> Vec<Name> {
        let is_identity = |name: &Name| matches!(name, Name::Identity(_));
        self.files.keys().copied().filter(is_identity).collect()
    }

    pub(super) fn put_share(&mut self, ink: Ink<'_>, epoch: Epoch, made: (Digest, &KeyShare)) {
        let (session, share) = made;
        let bytes = [&session.as_bytes()[..], &share.encode()[..]].concat();
        self.put(ink, Name::Share(epoch), bytes);
    }

    pub(super) fn share(&self, epoch: Epoch) -> Option<(Digest, KeyShare)> {
        let bytes = self.files.get(&Name::Share(epoch))?;
        Some(share_in(bytes))
    }

    /// Is whoever erases still at something else? For some dozens of steps.
    pub(super) fn is_busy(&mut self) -> bool {
        self.prng.below(32) != 0
    }

    /// Erases the share of the attempt of this session, which was given up; what opens the next
    /// attempt's subshares stays, and its share, if that is there by now.
    pub(super) fn abandon(&mut self, ink: Ink<'_>, (epoch, session): (Epoch, Digest)) {
        let is_of_it = self
            .share(epoch)
            .is_some_and(|(of, _)| of == session || self.has_flaw(ANY_SHARE_ABANDONED));
        if is_of_it {
            self.erase(ink, Name::Share(epoch));
        }
    }

    /// What opens subshares of an epoch, until it is erased.
    pub(super) fn decryption_seed(&self, epoch: Epoch) -> Option<[u8; 32]> {
        let bytes = self.files.get(&Name::Decryption(epoch))?;
        Some(bytes.as_slice().try_into().expect("a seed has 32 bytes"))
    }

    /// Erases what opened subshares of an epoch.
    pub(super) fn erase_decryption(&mut self, ink: Ink<'_>, epoch: Epoch) {
        self.erase(ink, Name::Decryption(epoch));
    }

    /// Erases the share of an epoch, the seed of what was dealt of it, and what opened subshares.
    pub(super) fn erase_share(&mut self, ink: Ink<'_>, epoch: Epoch) {
        self.erase(ink, Name::Dealing(epoch));
        self.erase(ink, Name::Share(epoch));
        self.erase(ink, Name::Decryption(epoch));
    }

    /// Erases the keys of an epoch.
    pub(super) fn erase_epoch(&mut self, ink: Ink<'_>, epoch: Epoch) {
        self.erase(ink, Name::Decryption(epoch));
        self.erase(ink, Name::Signing(epoch));
        self.erase(ink, Name::Certificate(epoch));
    }

    /// The epochs before this one of which there is anything.
    pub(super) fn past(&self, now: Epoch) -> BTreeSet<Epoch> {
        let names = self.files.keys().filter(|name| name.is_of_epoch());
        names.map(|name| name.epoch()).filter(|epoch| *epoch < now).collect()
    }
}

/// A seed, as it would stand in the log of the participant that uses the key.
pub(super) fn leak(epoch: Epoch, seed: &[u8]) -> Record {
    let session = Digest::new(seed.try_into().expect("a seed has 32 bytes"));
    let (dealer, commitment) = (u16::MAX, CommitmentBytes(Vec::new()));
    let dealing = PublishedDealing { session, dealer, commitment, sealed: Vec::new() };
    let published = SignedDealing { dealing, signature: Signature::new([0; Signature::BYTES]) };
    Record::Handover(epoch, Arc::new(participant::Record::Dealing(Box::new(published))))
}

/// Bytes that nobody else knows.
pub(super) fn random_seed(prng: &mut Prng) -> [u8; 32] {
    let mut seed = [0; 32];
    seed.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&prng.next_u64().to_be_bytes()));
    seed
}

/// The share in a file, with the attempt that made it.
pub(super) fn share_in(bytes: &[u8]) -> (Digest, KeyShare) {
    let (session, share) = bytes.split_first_chunk().expect("a session has 32 bytes");
    (Digest::new(*session), KeyShare::decode(share).expect("it was a share before"))
}
