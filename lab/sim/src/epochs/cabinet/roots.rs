//! Another root for the identity: what `keys/roots.rs` of the daemon does, in the same order.
//!
//! ```text
//! proof -> tree that waits -> certificate that names it -> configuration that has it ->
//! the old identity erased -> the tree as the identity -> what waited erased
//! ```

use quorate_membership::{IdentitySigner, RootProof};
use quorate_types::IdentityRoot;

use super::super::keys::LabTree;
use super::super::plants::ROOT_KEPT;
use super::{Cabinet, Ink, Name, random_seed};

type Identity = quorate_membership::Identity<LabTree>;

impl Cabinet {
    /// Goes by the root that a configuration names: if it is the one that waits, it takes the place
    /// of the old one, of which nothing is left (KEY-5).
    pub(in super::super) fn take_root(&mut self, ink: Ink<'_>, root: IdentityRoot) {
        if self.held_root() == Some(root) || self.has_flaw(ROOT_KEPT) {
            return;
        }
        let Some(successor) = self.successor().filter(|it| it.root() == root) else { return };
        self.identities().into_iter().for_each(|name| self.erase(ink, name));
        self.put(ink, Name::Identity(successor.epoch()), successor.to_bytes().to_vec());
        self.forget_successor(ink);
        ink.mark("epochs.root_replaced");
    }

    /// Makes the tree of another root, if it is time for one: certificates name it from now on.
    pub(in super::super) fn see_to_root(&mut self, ink: Ink<'_>) {
        let Some((_, identity)) = self.identity() else { return };
        if self.successor().is_some() || !self.keys.root_rule().is_due(&identity) {
            return;
        }
        let seed = random_seed(&mut self.prng);
        let of = (identity.identity_key(), identity.epoch());
        let mut successor = self.keys.successor(seed, of);
        let proof = RootProof::give(self.system, &mut successor).expect("it has many leaves");
        self.put(ink, Name::RootProof(successor.epoch()), quorate_wire::encode(&proof));
        // KEY-4: nothing is named before this is durable.
        self.put(ink, Name::Successor(successor.epoch()), successor.to_bytes().to_vec());
    }

    /// The root of the tree that is there.
    pub(in super::super) fn held_root(&self) -> Option<IdentityRoot> {
        self.identity().map(|(_, identity)| identity.root())
    }

    /// The root that certificates name from now on, if there is one.
    pub(super) fn next_root(&self) -> Option<IdentityRoot> {
        self.successor().map(|successor| successor.root())
    }

    /// What shows that the server holds the root that it names.
    pub(in super::super) fn root_proof(&self) -> Option<RootProof> {
        let is_proof = |(name, _): &(&Name, _)| matches!(name, Name::RootProof(_));
        let (_, bytes) = self.files.iter().rfind(is_proof)?;
        Some(quorate_wire::decode(bytes).expect("it was put there"))
    }

    /// Goes on where a crash has stopped: a proof without its tree was never named, and a tree that
    /// has taken its place waits no more.
    pub(super) fn finish_root(&mut self, ink: Ink<'_>) {
        let held = self.held_root();
        if self.successor().is_none_or(|successor| Some(successor.root()) == held) {
            self.forget_successor(ink);
        }
    }

    fn forget_successor(&mut self, ink: Ink<'_>) {
        let is_forgotten = |name: &Name| matches!(name, Name::Successor(_) | Name::RootProof(_));
        let names: Vec<Name> = self.files.keys().copied().filter(is_forgotten).collect();
        names.into_iter().for_each(|name| self.erase(ink, name));
    }

    fn successor(&self) -> Option<Identity> {
        let is_successor = |(name, _): &(&Name, _)| matches!(name, Name::Successor(_));
        let (_, bytes) = self.files.iter().rfind(is_successor)?;
        Some(self.keys.identity(bytes))
    }
}
