//! Another root for this server's identity: its tree is made on a thread of its own, so that no
//! epoch waits for it, and takes the place of the old one when the configuration names it.
//!
//! Settled point 31; what lies on the disk is in [`roots`](crate::keys::roots).

use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::{Identity, RootProof, VerifiedConfiguration};
use quorate_types::{Epoch, IdentityKey};

use super::machines::Ground;
use super::{Happening, lock, say};
use crate::error::ServerError;
use crate::keys::{KeySeed, ServerIdentity};
use crate::server::random_seed;

impl Ground {
    /// Goes by the root that a configuration names as this server's, and has another made if it is
    /// time for it.
    ///
    /// # Errors
    /// [`ServerError::Keys`]: these are not the keys of the root, or what the disk reports.
    pub(crate) fn follow_root(
        &self,
        configuration: &VerifiedConfiguration,
    ) -> Result<(), ServerError> {
        let Some(record) = configuration.configuration().member(self.me) else { return Ok(()) };
        let keys = lock(&self.keys);
        keys.take_root(record.root()).map_err(|source| ServerError::Keys { source })
    }

    /// Has the tree of another root made, if it is time for one. Nothing waits for it: the
    /// certificate names it that is made next when it is there.
    ///
    /// # Errors
    /// [`ServerError::Keys`], and that there is no randomness.
    pub(crate) fn see_to_root(&self) -> Result<(), ServerError> {
        let state = lock(&self.keys).root_state().map_err(|source| ServerError::Keys { source })?;
        self.view.set_root(state.as_ref());
        let Some(state) = state else {
            tracing::error!("the identity has no more epochs: have another server take its place");
            return Ok(());
        };
        if !state.needs_root(self.root_rule) {
            return Ok(());
        }
        tracing::info!(remaining = state.remaining, "another root is made for the identity");
        let (seed, told) = (random_seed()?, self.told.clone());
        let made = move || {
            let tree = grow(&seed, (state.identity_key, state.next));
            say(&told, Happening::RootMade(Box::new(tree)));
        };
        let thread = std::thread::Builder::new().name(String::from("root")).spawn(made);
        thread.map(drop).map_err(|source| ServerError::Runtime { source })
    }

    /// Keeps the tree of another root: it is named from now on.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn keep_root(&self, tree: ServerIdentity) -> Result<(), ServerError> {
        let keys = lock(&self.keys);
        let kept = keys.prepare_root(self.system, tree);
        kept.map_err(|source| ServerError::Keys { source })
    }

    /// What shows that this server holds the root that it names.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn root_proof(&self) -> Result<Option<RootProof>, ServerError> {
        lock(&self.keys).root_proof().map_err(|source| ServerError::Keys { source })
    }
}

/// A tree that begins with the epoch for which it is named.
fn grow(seed: &KeySeed, of: (IdentityKey, Epoch)) -> ServerIdentity {
    Identity::generate_successor(Blake3Tree, Seed::new(**seed), of)
}
