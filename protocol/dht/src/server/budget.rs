//! Counting what waits, so that no peer fills the memory of a server, and no crowd of strangers the
//! places of everybody else.
//!
//! Clients with a certificate share what there is by one rule: a peer takes a place, or bytes, only
//! while it then has no more of them than twice what is still free. So `n` greedy peers come to two
//! parts each of `2n + 1`, and the part that is left lets in whoever has nothing yet (Choudhury and
//! Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998, with their
//! alpha = 2: with 1, two writers alone would often be refused). Who has more than that, because it
//! came first, gets nothing until it is below.

use alloc::collections::BTreeMap;

use quorate_types::Peer;

use crate::limits::{
    SERVER_JOBS_MAX, SERVER_JOBS_PER_PEER_MAX, SERVER_STRANGERS_JOBS_MAX,
    SERVER_STRANGERS_WAITING_BYTES_MAX, SERVER_WAITING_BYTES_MAX,
    SERVER_WAITING_BYTES_PER_PEER_MAX,
};

/// Requests and their bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    jobs: usize,
    bytes: usize,
}

impl Use {
    const fn plus(self, bytes: usize) -> Self {
        Self { jobs: self.jobs + 1, bytes: self.bytes + bytes }
    }

    fn minus(self, other: Self) -> Self {
        assert!(
            self.jobs >= other.jobs && self.bytes >= other.bytes,
            "DHT-11: given back more than taken"
        );
        Self { jobs: self.jobs - other.jobs, bytes: self.bytes - other.bytes }
    }

    const fn fits(self, jobs_max: usize, bytes_max: usize) -> bool {
        self.jobs <= jobs_max && self.bytes <= bytes_max
    }

    /// Does what a peer uses leave others enough free? Bytes count for who wants bytes.
    const fn leaves_others(self, free: Self, wanted_bytes: usize) -> bool {
        self.jobs <= 2 * free.jobs && (wanted_bytes == 0 || self.bytes <= 2 * free.bytes)
    }

    /// What nobody uses, where this is what all use.
    const fn free(self) -> Self {
        Self { jobs: SERVER_JOBS_MAX - self.jobs, bytes: SERVER_WAITING_BYTES_MAX - self.bytes }
    }
}

/// What waits of one peer.
#[derive(Clone, Copy, Debug)]
struct Share {
    used: Use,
    /// It is counted among the strangers; until all of it is done, or a certificate is shown.
    is_stranger: bool,
}

/// Requests that wait and their bytes: of each peer, of all strangers, and of all.
#[derive(Debug, Default)]
pub(super) struct Budget {
    all: Use,
    strangers: Use,
    by_peer: BTreeMap<Peer, Share>,
}

impl Budget {
    /// Counts a request of a peer; false, and nothing counted, if it is too much.
    pub(super) fn take(&mut self, peer: Peer, is_stranger: bool, bytes: usize) -> bool {
        let begun = self.by_peer.get(&peer).copied();
        let mut share = begun.unwrap_or_else(|| Share { used: Use::default(), is_stranger });
        let mut strangers = self.strangers;
        if share.is_stranger && !is_stranger {
            strangers = strangers.minus(share.used);
            share.is_stranger = false;
        }
        share.used = share.used.plus(bytes);
        if share.is_stranger {
            strangers = strangers.plus(bytes);
        }
        let all = self.all.plus(bytes);
        if !share.used.fits(SERVER_JOBS_PER_PEER_MAX, SERVER_WAITING_BYTES_PER_PEER_MAX)
            || !strangers.fits(SERVER_STRANGERS_JOBS_MAX, SERVER_STRANGERS_WAITING_BYTES_MAX)
            || !all.fits(SERVER_JOBS_MAX, SERVER_WAITING_BYTES_MAX)
            || !share.used.leaves_others(all.free(), bytes)
        {
            return false;
        }
        self.by_peer.insert(peer, share);
        (self.strangers, self.all) = (strangers, all);
        true
    }

    /// A request that was counted is done.
    pub(super) fn give_back(&mut self, peer: Peer, bytes: usize) {
        let done = Use { jobs: 1, bytes };
        let share = self.by_peer.get_mut(&peer).expect("DHT-11: a request was not counted");
        share.used = share.used.minus(done);
        if share.is_stranger {
            self.strangers = self.strangers.minus(done);
        }
        if share.used.jobs == 0 {
            self.by_peer.remove(&peer);
        }
        self.all = self.all.minus(done);
    }

    /// Requests that wait.
    pub(super) const fn jobs(&self) -> usize {
        self.all.jobs
    }

    /// Of these, requests of strangers.
    pub(super) const fn strangers_jobs(&self) -> usize {
        self.strangers.jobs
    }

    /// Bytes that wait with them.
    pub(super) const fn bytes(&self) -> usize {
        self.all.bytes
    }
}

#[cfg(test)]
mod tests;
