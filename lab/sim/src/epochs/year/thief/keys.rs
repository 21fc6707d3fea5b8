//! What the thief tries with keys: to sign and to open for epochs that are over, and to certify.

use quorate_crypto::verify;
use quorate_membership::freshness::Subject;
use quorate_membership::{
    EpochKeyCertificate, EpochKeyStatement, IdentitySigner, Nonce, VerifiedConfiguration, Vouch,
};
use quorate_threshold::{DecryptionKey, Seed};
use quorate_types::{Digest, Epoch, IdentityKey, IdentityRoot, NodeId};

use super::{Thief, WINDOW, broken};
use crate::checker::Verdict;
use crate::epochs::Name;
use crate::epochs::keys::LabTree;

type Identity = quorate_membership::Identity<LabTree>;

impl Thief {
    pub(super) fn try_file(&mut self, (owner, name): (NodeId, Name), bytes: &[u8]) -> Verdict {
        match name {
            Name::Signing(epoch) => self.try_signing((owner, epoch), bytes),
            Name::Decryption(epoch) => self.try_opening((owner, epoch), bytes),
            Name::Identity(_) | Name::Successor(_) => self.try_tree(owner, bytes),
            Name::Share(_) | Name::Dealing(_) | Name::Certificate(_) | Name::RootProof(_) => Ok(()),
        }
    }

    /// A key that signs is none that a configuration of an epoch names which is over, but for the
    /// founding's; and all that were ever found of a group are too few to vouch for its epoch.
    fn try_signing(&mut self, of: (NodeId, Epoch), bytes: &[u8]) -> Verdict {
        let signer = self.keys.signer(bytes.try_into().expect("a seed has 32 bytes"));
        let over = |epoch: Epoch| epoch < self.newest && epoch != Epoch::ZERO;
        let key = signer.public_key();
        if let Some((epoch, owner)) = self.named.get(&key)
            && over(*epoch)
        {
            return broken(&format!("the key of {owner} of epoch {epoch} was found"));
        }
        self.loot.signing.entry(key).or_insert(of);
        self.tally.borrow_mut().keys += self.named.len() as u64;
        let configurations: Vec<_> = self.configurations.values().cloned().collect();
        for configuration in configurations.iter().filter(|it| over(it.epoch())) {
            let nonce = Nonce::new(Digest::new([7; 32]));
            let vouch = Vouch::sign(Subject::of(configuration, nonce), of.0, &*signer);
            self.tally.borrow_mut().signatures += 1;
            if verify(vouch, configuration, &*self.verifier).is_ok() {
                return broken(&format!("a vouch for epoch {} verifies", configuration.epoch()));
            }
        }
        self.count_voices()
    }

    /// Of no group more members can be impersonated than were robbed in its epoch and the one
    /// before, in which their keys were made: vouches of several epochs do not add up.
    fn count_voices(&self) -> Verdict {
        for configuration in self.configurations.values() {
            let (epoch, voices) = (configuration.epoch(), self.voices(configuration));
            self.tally.borrow_mut().voices += voices as u64;
            if voices > self.plan.robbed && epoch != Epoch::ZERO {
                let what = format!("{voices} members of the group of epoch {epoch}");
                return broken(&format!("the keys of {what} were found"));
            }
        }
        Ok(())
    }

    /// Members of the group of an epoch whose key was found, whenever that was.
    pub(super) fn voices(&self, configuration: &VerifiedConfiguration) -> usize {
        let servers = configuration.configuration();
        let members = servers.membership_group.iter().filter_map(|id| servers.member(*id));
        let keys = members.filter_map(|member| member.epoch_key);
        keys.filter(|key| self.loot.signing.contains_key(key)).count()
    }

    /// A key that opens is none that anything was sealed with for an epoch that is over.
    fn try_opening(&mut self, of: (NodeId, Epoch), bytes: &[u8]) -> Verdict {
        let seed = Seed::new(bytes.try_into().expect("a seed has 32 bytes"));
        let key = DecryptionKey::derive(&seed).encryption_key().encode();
        match self.sealed_with.get(key.as_slice()) {
            Some(epoch) if *epoch < self.newest => {
                broken(&format!("the key that opens what was sealed for epoch {epoch} was found"))
            }
            Some(_) | None => {
                self.tally.borrow_mut().closed += self.sealed_with.len() as u64;
                self.loot.opening.entry(key.to_vec()).or_insert(of);
                Ok(())
            }
        }
    }

    /// The keys that a configuration names are none that were found as keys of other epochs.
    pub(super) fn try_found_signing(&self, configuration: &VerifiedConfiguration) -> Verdict {
        let epoch = configuration.epoch();
        for key in configuration.configuration().members.iter().filter_map(|it| it.epoch_key) {
            if let Some((owner, of)) = self.loot.signing.get(&key).filter(|(_, of)| *of != epoch) {
                let what = format!("epoch {epoch} names a key that {owner} had in epoch {of}");
                return broken(&what);
            }
        }
        Ok(())
    }

    /// What is sealed for an epoch is opened by no key that was found as one of another.
    pub(super) fn try_found_opening(&self, epoch: Epoch, key: &[u8]) -> Verdict {
        match self.loot.opening.get(key).filter(|(_, of)| *of != epoch) {
            Some((owner, of)) => {
                broken(&format!("what {owner} had in epoch {of} opens dealings for {epoch}"))
            }
            None => Ok(()),
        }
    }

    /// The tree of an identity certifies keys of no epoch whose key it has certified. Of the next
    /// one it does, if the server's record has its root: that shows that the trial is one; else it
    /// certifies nothing.
    fn try_tree(&mut self, owner: NodeId, bytes: &[u8]) -> Verdict {
        let identity = self.keys.identity(bytes);
        let (present, roots) = self.roots_of(owner);
        let next = identity.epoch();
        let is_present = identity.root() == present;
        if self.is_taken(&identity, next, present) != is_present {
            let what = if is_present { "does not certify" } else { "of another root certifies" };
            return broken(&format!("an identity {what} the key of epoch {next}"));
        }
        let first = next.get().saturating_sub(WINDOW);
        let mut past = (first..next.get()).map(Epoch::new);
        if let Some(epoch) = past.find(|epoch| self.is_taken(&identity, *epoch, present)) {
            return broken(&format!("an identity certifies a key of epoch {epoch} again"));
        }
        self.try_paths(&identity, &roots)?;
        self.loot.trees.entry((owner, identity.root())).or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    /// The leaf that an identity has left leads to no root of the server in any epoch before its
    /// own.
    fn try_paths(&mut self, identity: &Identity, roots: &[IdentityRoot]) -> Verdict {
        let next = identity.epoch();
        let signature = identity.sign_as_identity(&Digest::new([5; 32]));
        let leads = |epoch: &Epoch| signature.root(*epoch).is_some_and(|it| roots.contains(&it));
        self.tally.borrow_mut().paths += next.get();
        match (0..next.get()).map(Epoch::new).find(leads) {
            Some(epoch) => broken(&format!("the leaf of epoch {next} is one of epoch {epoch}")),
            None => Ok(()),
        }
    }

    /// A tree that was taken and whose root the record has no more certifies no key of the epoch
    /// behind the newest, for which it has a leaf.
    pub(super) fn try_old_trees(&mut self) -> Verdict {
        let ahead = self.newest.next();
        let old: Vec<_> = self.loot.trees.keys().copied().collect();
        for (owner, root) in old {
            let (present, roots) = self.roots_of(owner);
            if root == present || !roots.contains(&root) {
                continue;
            }
            let mut identity = self.keys.identity(&self.loot.trees[&(owner, root)]);
            let mut has_leaf = true;
            while has_leaf && identity.epoch() < ahead {
                has_leaf = identity.evolve().is_ok();
            }
            if !has_leaf {
                self.loot.trees.remove(&(owner, root));
                continue;
            }
            self.tally.borrow_mut().old_trees += 1;
            if self.is_taken(&identity, ahead, present) {
                return broken(&format!("a root of {owner} that was replaced certifies {ahead}"));
            }
            self.loot.trees.insert((owner, root), identity.to_bytes().to_vec());
        }
        Ok(())
    }

    /// Does the certificate that an identity makes about a key of the thief's count, while the
    /// server has this root?
    fn is_taken(&self, identity: &Identity, epoch: Epoch, root: IdentityRoot) -> bool {
        let key = identity.identity_key();
        let mine = self.keys.signer(&[9; 32]).public_key();
        let statement = EpochKeyStatement::of_system(self.system, key, epoch, mine);
        let certificate = EpochKeyCertificate::issue(statement, identity);
        self.tally.borrow_mut().signatures += 1;
        certificate.is_valid(root, &*self.verifier)
    }

    /// The root that a server has, and all that it ever had.
    fn roots_of(&self, server: NodeId) -> (IdentityRoot, Vec<IdentityRoot>) {
        let roots = self.roots.get(&server).cloned().unwrap_or_default();
        (*roots.last().expect("a server has a root"), roots)
    }

    /// Notes the roots that a configuration names.
    pub(super) fn note_roots(&mut self, configuration: &VerifiedConfiguration) {
        for member in &configuration.configuration().members {
            let first = |key: IdentityKey| vec![key.first_root()];
            let roots = self.roots.entry(member.id).or_insert_with(|| first(member.identity_key));
            if !roots.contains(&member.root()) {
                roots.push(member.root());
                self.tally.borrow_mut().roots += 1;
            }
        }
    }
}
