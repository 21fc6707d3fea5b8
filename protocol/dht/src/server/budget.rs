//! Counting what waits, so that no peer fills the memory of a server.

use alloc::collections::BTreeMap;

use quorate_types::Peer;

use crate::limits::{
    SERVER_JOBS_MAX, SERVER_JOBS_PER_PEER_MAX, SERVER_WAITING_BYTES_MAX,
    SERVER_WAITING_BYTES_PER_PEER_MAX,
};

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    jobs: usize,
    bytes: usize,
}

/// Requests that wait and their bytes, of each peer and of all.
#[derive(Debug)]
pub(super) struct Budget {
    all: Use,
    by_peer: BTreeMap<Peer, Use>,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self { all: Use { jobs: 0, bytes: 0 }, by_peer: BTreeMap::new() }
    }

    /// Counts a request of a peer; false, and nothing counted, if it is too much.
    pub(super) fn take(&mut self, peer: Peer, bytes: usize) -> bool {
        let mut own = self.by_peer.get(&peer).copied().unwrap_or_default();
        own.jobs += 1;
        own.bytes += bytes;
        let all = Use { jobs: self.all.jobs + 1, bytes: self.all.bytes + bytes };
        let fits_peer =
            own.jobs <= SERVER_JOBS_PER_PEER_MAX && own.bytes <= SERVER_WAITING_BYTES_PER_PEER_MAX;
        if !fits_peer || all.jobs > SERVER_JOBS_MAX || all.bytes > SERVER_WAITING_BYTES_MAX {
            return false;
        }
        self.by_peer.insert(peer, own);
        self.all = all;
        true
    }

    /// A request that was counted is done.
    pub(super) fn give_back(&mut self, peer: Peer, bytes: usize) {
        let own = self.by_peer.get_mut(&peer).expect("DHT-11: a request was not counted");
        assert!(own.jobs > 0 && own.bytes >= bytes, "DHT-11: given back more than taken");
        own.jobs -= 1;
        own.bytes -= bytes;
        if own.jobs == 0 {
            self.by_peer.remove(&peer);
        }
        self.all.jobs -= 1;
        self.all.bytes -= bytes;
    }

    /// Requests that wait.
    pub(super) const fn jobs(&self) -> usize {
        self.all.jobs
    }

    /// Bytes that wait with them.
    pub(super) const fn bytes(&self) -> usize {
        self.all.bytes
    }
}
