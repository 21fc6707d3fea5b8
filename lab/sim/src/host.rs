//! What the simulator must know of a system under test that is not in its machines.

use std::fmt::Debug;
use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_history::Prng;
use quorate_machine::{Machine, RecordNumber};
use quorate_types::Peer;

use crate::fast::FastMap;
use crate::node::Node;

/// A machine that can be simulated: its values can be kept, copied and shown.
pub trait Subject:
    Machine<
        Inbound: Debug,
        Outbound: Clone + Debug,
        Record: Clone + Debug,
        Timer: Debug,
        Request: Debug,
        Output: Debug,
    > + Sized
{
}

impl<M> Subject for M where
    M: Machine<
            Inbound: Debug,
            Outbound: Clone + Debug,
            Record: Clone + Debug,
            Timer: Debug,
            Request: Debug,
            Output: Debug,
        >
{
}

/// Everything around the machines of one system: keys, verification, recovery, workload.
///
/// A host must be as deterministic as a machine: the same calls give the same answers.
pub trait Host<M: Subject> {
    /// The address of a node on its links.
    fn peer(&self, node: Node) -> Peer;

    /// Makes the machine of a node from what its log holds; `records` is empty at the first start.
    fn start(&mut self, node: Node, records: Vec<(RecordNumber, M::Record)>) -> M;

    /// Makes the adversary of a node that the scenario declares Byzantine.
    fn adversary(&mut self, node: Node, name: &str) -> Box<dyn Adversary<M>>;

    /// Decodes and verifies what arrives; none if a correct node would refuse it.
    fn admit(&mut self, to: Node, from: Node, message: &M::Outbound) -> Option<M::Inbound>;

    /// Length of a message on a link. Called once per send; part of the hash of the trace.
    fn wire_bytes(&self, message: &M::Outbound) -> u64;

    /// Which kind of message this is, for [`crate::scenario::FaultKind::Muffle`]: below
    /// [`crate::scenario::MESSAGE_KINDS`], 0 for all that the system does not sort.
    fn kind(&self, message: &M::Outbound) -> u8 {
        let _: &M::Outbound = message;
        0
    }

    /// The request that an operation of the scenario stands for; none if there is nothing to ask.
    fn request(&mut self, node: Node, number: u64) -> Option<M::Request>;

    /// The message after bytes of it changed; none if the link's authentication stops it.
    fn rewrite(&mut self, prng: &mut Prng, message: &M::Outbound) -> Option<M::Outbound> {
        let _: (&mut Prng, &M::Outbound) = (prng, message);
        None
    }

    /// What a node is called in the log of events.
    fn label(&self, node: Node) -> String {
        format!("{node:?}")
    }
}

/// From addresses to nodes.
#[derive(Debug)]
pub(crate) struct Directory {
    nodes: FastMap<Peer, Node>,
    peers: Vec<Peer>,
}

impl Directory {
    pub(crate) fn new(peers: Vec<Peer>) -> Self {
        let numbered = peers.iter().enumerate();
        let nodes: FastMap<_, _> = numbered.map(|(index, &peer)| (peer, Node::at(index))).collect();
        assert!(nodes.len() == peers.len(), "two nodes have one address");
        Self { nodes, peers }
    }

    /// The node with this address, unless nobody has it.
    pub(crate) fn node(&self, peer: &Peer) -> Option<Node> {
        self.nodes.get(peer).copied()
    }

    pub(crate) fn peer(&self, node: Node) -> Peer {
        self.peers[node.index()]
    }
}

/// Entries of an [`AdmitCache`].
const ADMIT_CACHE_ENTRIES: usize = 1 << 12;

/// Remembers what was verified, so that a message to many nodes is verified once.
///
/// A message is recognised by its address in memory; the cache keeps what it remembers alive, so
/// no other message can have the address meanwhile. Whether it remembers changes no answer.
#[derive(Debug)]
pub struct AdmitCache<T, V> {
    entries: Vec<Option<(Arc<T>, Option<V>)>>,
}

impl<T, V: Clone> Default for AdmitCache<T, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, V: Clone> AdmitCache<T, V> {
    /// Remembers nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: (0..ADMIT_CACHE_ENTRIES).map(|_| None).collect() }
    }

    /// The answer for this message: remembered, or made by `verify` now.
    pub fn admit(
        &mut self,
        message: &Arc<T>,
        verify: impl FnOnce(&Arc<T>) -> Option<V>,
    ) -> Option<V> {
        let address = Arc::as_ptr(message).addr() as u64;
        let index = crate::fast::mixed(0, address >> 4) >> 32;
        let entry = &mut self.entries[index as usize % ADMIT_CACHE_ENTRIES];
        if let Some((known, answer)) = entry
            && Arc::ptr_eq(known, message)
        {
            return answer.clone();
        }
        let answer = verify(message);
        *entry = Some((Arc::clone(message), answer.clone()));
        answer
    }
}
