//! What the thief has, of whom and of which epoch.

use std::collections::{BTreeMap, BTreeSet};

use quorate_threshold::{KeyShare, Subshare};
use quorate_types::{Epoch, IdentityRoot, NodeId, PublicKey};

use super::field::Number;
use crate::epochs::Name;
use crate::epochs::cabinet::share_in;

/// A share of the system's key: the epoch, the place, the value.
pub(super) type Share = (Epoch, u16, Number);

/// All that was ever taken.
#[derive(Default, Debug)]
pub(super) struct Loot {
    /// Shares by epoch and place, taken or put together.
    pub(super) shares: BTreeMap<(Epoch, u16), Number>,
    /// Those of them that were not put together with others yet.
    fresh: Vec<Share>,
    /// Parts of dealings that were opened, by the epoch that they ended.
    pub(super) parts: BTreeMap<Epoch, Vec<Subshare>>,
    /// Whose share of an epoch was put together from parts.
    pub(super) opened: BTreeSet<(Epoch, NodeId)>,
    /// By epoch: seeds that open what was sealed for a server.
    pub(super) openers: BTreeMap<Epoch, Vec<(NodeId, [u8; 32])>>,
    /// Seeds that the dealings of a server at the end of an epoch follow from.
    pub(super) dealers: BTreeMap<(Epoch, NodeId), [u8; 32]>,
    /// Every seed that was ever taken, and of which file.
    seeds: BTreeMap<[u8; 32], (NodeId, Name)>,
    /// What is public of each key that signs, and which file its seed was in.
    pub(super) signing: BTreeMap<PublicKey, (NodeId, Epoch)>,
    /// What is public of each key that opens, and which file its seed was in.
    pub(super) opening: BTreeMap<Vec<u8>, (NodeId, Epoch)>,
    /// By owner and root: the tree of an identity as it was taken first, with the most leaves.
    pub(super) trees: BTreeMap<(NodeId, IdentityRoot), Vec<u8>>,
    /// Servers that were robbed, by the newest epoch whose keys they had.
    pub(super) robbed: BTreeMap<Epoch, BTreeSet<NodeId>>,
}

impl Loot {
    /// Takes a file; says so if what is in it was found in another one before.
    pub(super) fn take(&mut self, owner: NodeId, name: Name, bytes: &[u8]) -> Option<Name> {
        match name {
            Name::Share(epoch) => {
                let (_, share) = share_in(bytes);
                self.put_share(epoch, &share);
                None
            }
            Name::Decryption(epoch) => {
                let seed = seed(bytes);
                let known = self.openers.entry(epoch).or_default();
                if !known.contains(&(owner, seed)) {
                    known.push((owner, seed));
                }
                self.note(owner, name, seed)
            }
            Name::Dealing(epoch) => {
                self.dealers.insert((epoch, owner), seed(bytes));
                self.note(owner, name, seed(bytes))
            }
            Name::Signing(_) => self.note(owner, name, seed(bytes)),
            Name::Identity(_) | Name::Successor(_) | Name::Certificate(_) | Name::RootProof(_) => {
                None
            }
        }
    }

    fn note(&mut self, owner: NodeId, name: Name, seed: [u8; 32]) -> Option<Name> {
        let before = *self.seeds.entry(seed).or_insert((owner, name));
        (before != (owner, name)).then_some(before.1)
    }

    pub(super) fn put_share(&mut self, epoch: Epoch, share: &KeyShare) {
        let encoded = share.encode();
        let value = encoded.last_chunk().expect("a scalar has 32 bytes");
        self.put_value((epoch, share.index().get(), Number::read(value)));
    }

    pub(super) fn put_value(&mut self, (epoch, place, value): Share) {
        if self.shares.insert((epoch, place), value) != Some(value) {
            self.fresh.push((epoch, place, value));
        }
    }

    /// The shares that are new since this was asked last.
    pub(super) fn take_fresh(&mut self) -> Vec<Share> {
        std::mem::take(&mut self.fresh)
    }

    /// The places of an epoch whose shares are known.
    pub(super) fn places(&self, epoch: Epoch) -> Vec<u16> {
        self.shares.range((epoch, 0)..=(epoch, u16::MAX)).map(|((_, place), _)| *place).collect()
    }

    /// The shares of an epoch and of those before it, the latest first, at most so many.
    pub(super) fn latest(&self, count_max: usize) -> Vec<Share> {
        let latest = self.shares.iter().rev().take(count_max);
        latest.map(|((epoch, place), value)| (*epoch, *place, *value)).collect()
    }
}

fn seed(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("a seed has 32 bytes")
}
