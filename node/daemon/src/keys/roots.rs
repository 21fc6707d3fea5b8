//! Another root for the identity: its tree is made durable, named, and takes the place of the old
//! one when the configuration says so.
//!
//! Settled point 31; specification of the cryptography, pitfalls 3 and 9. Each step is durable
//! before the next:
//!
//! ```text
//! prepare_root   the proof; the tree, behind the leaf that signed the proof
//! certify        the certificate of the next key names the root
//! take_root      the old tree overwritten and unlinked; the new one under the name of the
//!                identity; the file in which it waited overwritten and unlinked
//! ```
//! Whoever opens the directory in the middle of the last finds no identity, or both files, and goes
//! on.
//!
//! # Invariants
//! - KEY-4: a root is named only when its tree is durable, and the same until the configuration
//!   has it.
//! - KEY-5: before the tree of another root certifies a key, no file holds a leaf of the old one.

use quorate_kes::Blake3Tree;
use quorate_membership::{Identity, IdentitySigner, RootProof, RootRule};
use quorate_store::medium::Medium;
use quorate_store::secrets::Found;
use quorate_types::{Epoch, IdentityKey, IdentityRoot, SystemId};

use super::name::Name;
use super::{KeysError, KeysFault, ServerIdentity, ServerKeys};

/// How far the tree of an identity has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootState {
    /// Whose it is.
    pub identity_key: IdentityKey,
    /// The epoch whose key it certifies next.
    pub next: Epoch,
    /// Epochs of it that have passed.
    pub passed: u32,
    /// Epochs that are left behind that one.
    pub remaining: u32,
    /// Whether another tree waits to take its place.
    pub is_prepared: bool,
}

impl RootState {
    /// Is it time to make another tree?
    #[must_use]
    pub fn needs_root(&self, rule: RootRule) -> bool {
        !self.is_prepared && self.passed >= rule.epochs_of(self.identity_key)
    }
}

impl<M: Medium> ServerKeys<M> {
    /// How far the tree of the identity has come; nothing if it has ended.
    ///
    /// # Errors
    /// What the disk reports, or that a file is damaged.
    pub fn root_state(&self) -> Result<Option<RootState>, KeysError> {
        if self.identities()?.is_empty() {
            return Ok(None);
        }
        let identity = self.identity()?;
        Ok(Some(RootState {
            identity_key: identity.identity_key(),
            next: identity.epoch(),
            passed: identity.period(),
            remaining: identity.remaining(),
            is_prepared: self.successor()?.is_some(),
        }))
    }

    /// Keeps a tree that is to take the place of the identity's, unless one is kept already: in its
    /// first epoch, whose leaf signs the proof and never lies on the disk.
    ///
    /// # Errors
    /// What the disk reports; that the tree is of another identity, or has one leaf.
    pub fn prepare_root(
        &self,
        system: SystemId,
        mut successor: ServerIdentity,
    ) -> Result<(), KeysError> {
        if self.successor()?.is_some() {
            return Ok(());
        }
        let fault = |fault| self.fault(Name::Successor(successor.epoch()), fault);
        if successor.identity_key() != self.identity_key()? {
            return Err(fault(KeysFault::OtherKey));
        }
        let ended = fault(KeysFault::Ended);
        let proof = RootProof::give(system, &mut successor).or(Err(ended))?;
        self.put(Name::RootProof(successor.epoch()), &quorate_wire::encode(&proof))?;
        // KEY-4: nothing is named before this is durable.
        self.put(Name::Successor(successor.epoch()), &successor.to_bytes())
    }

    /// The root that certificates name from now on, if there is one.
    ///
    /// # Errors
    /// What the disk reports, or that the file is damaged.
    pub fn next_root(&self) -> Result<Option<IdentityRoot>, KeysError> {
        Ok(self.successor()?.map(|successor| successor.root()))
    }

    /// What shows that the server holds the root that it names.
    ///
    /// # Errors
    /// What the disk reports, or that the file is damaged.
    pub fn root_proof(&self) -> Result<Option<RootProof>, KeysError> {
        let is_proof = |name: &Name| matches!(name, Name::RootProof(_));
        let Some(name) = self.names()?.into_iter().rfind(is_proof) else { return Ok(None) };
        let bytes = self.secrets.get(&name.to_string())?.whole();
        let proof = bytes.and_then(|bytes| quorate_wire::decode(&bytes).ok());
        proof.map(Some).ok_or_else(|| self.fault(name, KeysFault::Damaged))
    }

    /// Goes by the root that the configuration names: if it is the one that waits, it takes the
    /// place of the old one, of which nothing is left.
    ///
    /// # Errors
    /// [`KeysFault::OtherRoot`] if these keys have no such root; what the disk reports.
    pub fn take_root(&self, root: IdentityRoot) -> Result<(), KeysError> {
        let name = self.identities()?.pop();
        if name.is_some() && self.identity()?.root() == root {
            return Ok(());
        }
        match self.successor()? {
            Some(successor) if successor.root() == root => self.replace_identity(&successor),
            // It has signed with its last leaf: whoever asks for more is told so.
            Some(_) | None if name.is_none() && self.last_root()? == Some(root) => Ok(()),
            Some(_) | None => {
                let place = self.secrets.path("");
                Err(KeysError::new(&place, KeysFault::OtherRoot(root)))
            }
        }
    }

    /// The root by which the newest certificate was made.
    fn last_root(&self) -> Result<Option<IdentityRoot>, KeysError> {
        for name in self.names()?.into_iter().rev() {
            if let Name::Certificate(epoch) = name {
                return Ok(self.certificate(epoch)?.and_then(|certificate| certificate.root()));
            }
        }
        Ok(None)
    }

    fn replace_identity(&self, successor: &ServerIdentity) -> Result<(), KeysError> {
        // KEY-5: each is overwritten and unlinked before the new tree can sign.
        self.identities()?.into_iter().try_for_each(|name| self.erase(name))?;
        self.put_identity(successor)?;
        self.forget_successor()
    }

    fn forget_successor(&self) -> Result<(), KeysError> {
        let is_forgotten = |name: &Name| matches!(name, Name::Successor(_) | Name::RootProof(_));
        let names = self.names()?.into_iter().filter(is_forgotten);
        names.into_iter().try_for_each(|name| self.erase(name))
    }

    pub(super) fn has_whole_successor(&self) -> Result<bool, KeysError> {
        Ok(self.successor_name()?.map(|name| self.is_whole(name)).transpose()?.unwrap_or(false))
    }

    fn successor_name(&self) -> Result<Option<Name>, KeysError> {
        let is_successor = |name: &Name| matches!(name, Name::Successor(_));
        Ok(self.names()?.into_iter().rfind(is_successor))
    }

    /// The tree that waits.
    fn successor(&self) -> Result<Option<ServerIdentity>, KeysError> {
        let Some(name) = self.successor_name()? else { return Ok(None) };
        let damaged = || self.fault(name, KeysFault::Damaged);
        let bytes = self.secrets.get(&name.to_string())?.whole().ok_or_else(damaged)?;
        Identity::from_bytes(Blake3Tree, &bytes).map(Some).or(Err(damaged()))
    }

    /// Goes on where a crash has stopped, once the identity is whole or gone: a tree that was never
    /// finished was never named, and one that has taken its place waits no more.
    pub(super) fn finish_root(&self) -> Result<(), KeysError> {
        let Some(name) = self.successor_name()? else { return self.forget_successor() };
        let is_whole = match self.secrets.get(&name.to_string())? {
            Found::Whole(_) => true,
            Found::Unfinished | Found::Absent => false,
        };
        let held = match self.identities()?.is_empty() {
            true => None,
            false => Some(self.identity()?.root()),
        };
        let named = self.named_root()?;
        match (is_whole, held, named) {
            (true, Some(held), _) if self.next_root()? == Some(held) => self.forget_successor(),
            (true, ..) => Ok(()),
            // KEY-4: what was named and is not the identity's by now is lost.
            (false, held, Some(named)) if held != Some(named) => {
                Err(self.fault(name, KeysFault::Damaged))
            }
            (false, ..) => self.forget_successor(),
        }
    }

    /// The root that a certificate here names, the newest first.
    fn named_root(&self) -> Result<Option<IdentityRoot>, KeysError> {
        for name in self.names()?.into_iter().rev() {
            if let Name::Certificate(epoch) = name
                && let Some(certificate) = self.certificate(epoch)?
                && certificate.statement.successor.is_some()
            {
                return Ok(certificate.statement.successor);
            }
        }
        Ok(None)
    }
}
