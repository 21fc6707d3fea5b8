//! The seam between the ordering engine and what it replicates: the CLBFT interface of today.
//!
//! Castro and Liskov's library asks a service for `execute`, and the service tells the library
//! through `modify` which part of its state it is about to change, so that checkpoints are cheap.
//! Here the state lies in one authenticated map that belongs to the engine; a service reaches it
//! only through [`ServiceState`], whose writes are the modifications. Snapshots are therefore the
//! engine's work, and [`Service::restore`] is left to services that derive something from the map.

use alloc::vec::Vec;

use quorate_types::{ClientId, Digest, Epoch, NodeId, Slot, UnixTime};

/// On whose behalf a request is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// A client with an open session, whose signature covers the request.
    Client(ClientId),
    /// A member of the group, which announced the request in its own lane. No session covers it:
    /// it may come again, from this member or another, and the service says what that means.
    Member(NodeId),
}

/// One request to execute, with all that is agreed about it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who asks.
    pub caller: Caller,
    /// What is asked, in the service's own encoding; hostile bytes are a result, not a failure.
    pub operation: &'a [u8],
    /// The epoch of the slot that holds the request.
    pub epoch: Epoch,
    /// The slot that holds the request.
    pub slot: Slot,
    /// The agreed time of the slot: the same at every replica, and later than that of any slot
    /// before it.
    pub time: UnixTime,
    /// The agreed randomness of the request: unpredictable to clients, but known to the replicas
    /// that order it, hence no secret.
    pub randomness: Digest,
}

/// The part of the replicated state that belongs to a service: an ordered map of bytes.
pub trait ServiceState {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Sets the value of a key: CLBFT's `modify`.
    fn put(&mut self, key: &[u8], value: Vec<u8>);
    /// Removes a key.
    fn remove(&mut self, key: &[u8]);
    /// Up to `count_max` entries in ascending order, beginning with the first key not below
    /// `from`.
    fn scan(&self, from: &[u8], count_max: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// What a service says of its state between two slots.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Conclusion {
    /// What the state has to say to the member's own node, in the service's encoding: all of it,
    /// and not what has changed. The node is told when it is other than before, and again when the
    /// replica has restarted.
    pub news: Option<Vec<u8>>,
    /// Was that the last slot of the epoch?
    pub is_last: bool,
}

/// A deterministic service behind the ordering engine.
pub trait Service {
    /// Executes one request and returns the reply.
    ///
    /// Requires: depends on nothing but its arguments and what [`Service::restore`] derives.
    /// Effects: changes `state` alone. A request that cannot be served gets a reply that says so;
    /// a committed request never panics.
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8>;

    /// Rebuilds what was derived from the state, after it was replaced as a whole.
    fn restore(&mut self, state: &dyn ServiceState);

    /// Says what the state means for the member's own node, and for the epoch: asked after each
    /// slot, which is executed as a whole, and after [`Service::restore`].
    ///
    /// Requires: depends on nothing but its arguments and what [`Service::restore`] derives. Where
    /// a state says that an epoch is over, later states of that epoch say so too.
    fn conclude(&mut self, _epoch: Epoch, _state: &dyn ServiceState) -> Conclusion {
        Conclusion::default()
    }
}
