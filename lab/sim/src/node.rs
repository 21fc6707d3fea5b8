//! Names of the machines in a simulation, and sets of them.

use std::fmt;

use quorate_types::ReplicaId;

/// A machine in a simulation: its index, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(u16);

impl Node {
    /// Most machines in one simulation: they fit a [`Nodes`].
    pub const COUNT_MAX: u16 = 128;

    /// Wraps an index.
    ///
    /// # Panics
    /// If the index is not below [`Self::COUNT_MAX`].
    #[must_use]
    pub const fn new(index: u16) -> Self {
        assert!(index < Self::COUNT_MAX, "a simulation has at most 128 machines");
        Self(index)
    }

    /// Wraps a position in a table of machines.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn at(index: usize) -> Self {
        Self::new(u16::try_from(index).expect("a simulation has at most 128 machines"))
    }

    /// The index as a number to be hashed.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0 as u64
    }

    /// The replica with this index, where a group's replicas are the first machines.
    #[must_use]
    pub const fn replica(self) -> ReplicaId {
        ReplicaId::new(self.0)
    }

    /// The index for a table of machines.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// A set of machines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nodes(u128);

impl Nodes {
    /// No machine.
    pub const EMPTY: Self = Self(0);

    /// The machines with an index in `from..to`.
    #[must_use]
    pub fn range(from: u16, to: u16) -> Self {
        (from..to).map(Node::new).collect()
    }

    /// Is the machine in the set?
    #[must_use]
    pub const fn contains(self, node: Node) -> bool {
        self.0 >> node.0 & 1 == 1
    }

    /// Adds a machine.
    pub const fn insert(&mut self, node: Node) {
        self.0 |= 1 << node.0;
    }

    /// Takes a machine out.
    pub const fn remove(&mut self, node: Node) {
        self.0 &= !(1 << node.0);
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Number of machines.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Is nobody in the set?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The machines in ascending order.
    pub fn iter(self) -> impl Iterator<Item = Node> + Clone {
        (0..Node::COUNT_MAX).map(Node).filter(move |&node| self.contains(node))
    }
}

impl FromIterator<Node> for Nodes {
    fn from_iter<I: IntoIterator<Item = Node>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
