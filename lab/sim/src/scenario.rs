//! Everything that is decided before a run, as plain data: what a seed stands for.
//!
//! A run is a function of its scenario. Shrinking edits the lists of faults and operations and runs
//! again; nothing else of a failure has to be kept.

use std::fmt;

use crate::clock::ClockShape;
use crate::node::{Node, Nodes};

/// How a scenario was drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// A random subset of all kinds of faults; the usual length.
    Swarm,
    /// As `Swarm`, a tenth as long: for planted bugs and tests.
    Short,
    /// As `Short`, but the members of a group lose each other again and again, link by link, and
    /// where it can be one of them is Byzantine: for what only shows when decisions are left half
    /// made, view after view.
    Feud,
    /// No fault at all: what the system does when it is left alone.
    Calm,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::Swarm, Self::Short, Self::Feud, Self::Calm];

    /// What it is called on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swarm => "swarm",
            Self::Short => "short",
            Self::Feud => "feud",
            Self::Calm => "calm",
        }
    }
}

/// Nodes of which at most `f` may be bad: Byzantine, amnesiac or without their data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its nodes.
    pub members: Nodes,
    /// How many may be bad.
    pub f: usize,
}

/// The delays of the links, of which each link gets its own share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetworkShape {
    /// The links' base delays are drawn below this.
    pub base_us_max: u64,
    /// The links' variations are drawn below this.
    pub jitter_us_max: u64,
    /// Messages in 1,024 that take longer.
    pub tail_per_1024: u64,
    /// How much longer at most.
    pub tail_us_max: u64,
    /// Whether a link keeps the order of its messages.
    pub is_fifo: bool,
}

/// How the disks work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskShape {
    /// Shortest time to make records durable.
    pub sync_us_min: u64,
    /// What may come on top of it.
    pub sync_us_jitter: u64,
    /// Whether one write takes all records that are queued, or only those that stand together.
    pub is_grouped: bool,
    /// Records in a segment; the log forgets only whole ones.
    pub segment_records: u64,
}

/// Which half of a node's or a side's connections fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// What it sends is lost.
    Out,
    /// What is sent to it is lost.
    In,
    /// Both.
    Both,
}

/// Where exactly a crash strikes, seen from one effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrashPoint {
    /// The effect is the first that does not happen.
    Before,
    /// It is the last that happens.
    After,
    /// It happens in part: a record is half written, a message reaches some of its recipients.
    Torn,
}

/// Kinds of messages that a fault can tell apart; 0 is what a system does not sort.
pub const MESSAGE_KINDS: u8 = 6;

/// How a write fails: what the disk says, and what it kept of the records all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// EIO: nothing of it is kept.
    Refused,
    /// ENOSPC: a part of it is kept, not all.
    Full,
    /// The sync failed: any part of it is kept, and all of it may be (settled by no second try).
    SyncFailed,
}

impl WriteError {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Full, Self::SyncFailed];
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The node has an adversary, and starts with the right program at the end of the fault. Counts
    /// in the budget until then.
    Byzantine {
        /// Where.
        node: Node,
        /// Name of the adversary.
        adversary: &'static str,
    },
    /// The node loses its memory and its unsynced records but for a random prefix; it starts again
    /// at the end of the fault.
    Crash {
        /// Where.
        node: Node,
    },
    /// As `Crash`, when the node comes to its effect with this number.
    CrashAt {
        /// Where.
        node: Node,
        /// Its number among those of the node that happen, over all lives, from 0.
        effect: u64,
        /// On which side of it.
        point: CrashPoint,
        /// Who loses its power in the same moment, as by `Crash`.
        others: Nodes,
    },
    /// As `Crash`, and of its durable records only this part is left. Counts in the budget.
    Amnesia {
        /// Where.
        node: Node,
        /// What is left: the oldest records, in 1,000.
        keep_per_mille: u64,
    },
    /// The node does nothing, and its clocks run on.
    Pause {
        /// Where.
        node: Node,
    },
    /// The node has no connection.
    Isolate {
        /// Where.
        node: Node,
        /// Which half fails.
        way: Way,
    },
    /// Nothing passes between this side and the others.
    Split {
        /// One side.
        side: Nodes,
        /// Which half fails.
        way: Way,
    },
    /// One link passes nothing in one direction.
    Cut {
        /// Its sender.
        from: Node,
        /// Its receiver.
        to: Node,
    },
    /// One link loses the messages of one kind, as the system sorts them (`Host::kind`): the
    /// network as an enemy who picks what would complete a quorum.
    Muffle {
        /// Its sender.
        from: Node,
        /// Its receiver.
        to: Node,
        /// Below [`MESSAGE_KINDS`].
        kind: u8,
    },
    /// One link keeps everything back until the end of the fault.
    Clog {
        /// Its sender.
        from: Node,
        /// Its receiver.
        to: Node,
    },
    /// Messages are lost on every link.
    Loss {
        /// How many in 1,000.
        per_mille: u64,
    },
    /// Messages arrive twice on every link.
    Duplicate {
        /// How many in 1,000.
        per_mille: u64,
    },
    /// Bytes change on every link.
    Corrupt {
        /// In how many of 1,000 messages.
        per_mille: u64,
    },
    /// The wall clock is set.
    WallJump {
        /// Where.
        node: Node,
        /// Forwards or backwards.
        by_us: i64,
    },
    /// A write to the disk fails: the node stops at once, whatever it was about to do, and starts
    /// again at the end of the fault. What it wrote before is there.
    WriteFails {
        /// Where.
        node: Node,
        /// Its number among the writes of the node, over all lives, from 0.
        write: u64,
        /// What the disk says.
        error: WriteError,
    },
    /// The disk works slowly.
    SlowDisk {
        /// Where.
        node: Node,
        /// How many times longer a write takes.
        times: u64,
    },
}

impl FaultKind {
    /// Names of all kinds, in the order of [`Self::index`].
    pub const NAMES: [&'static str; 16] = [
        "byzantine",
        "crash",
        "crash-at",
        "amnesia",
        "pause",
        "isolate",
        "split",
        "cut",
        "clog",
        "loss",
        "duplicate",
        "corrupt",
        "wall-jump",
        "slow-disk",
        "write-fails",
        "muffle",
    ];

    /// Number of its kind.
    #[must_use]
    pub const fn index(&self) -> usize {
        match self {
            Self::Byzantine { .. } => 0,
            Self::Crash { .. } => 1,
            Self::CrashAt { .. } => 2,
            Self::Amnesia { .. } => 3,
            Self::Pause { .. } => 4,
            Self::Isolate { .. } => 5,
            Self::Split { .. } => 6,
            Self::Cut { .. } => 7,
            Self::Clog { .. } => 8,
            Self::Loss { .. } => 9,
            Self::Duplicate { .. } => 10,
            Self::Corrupt { .. } => 11,
            Self::WallJump { .. } => 12,
            Self::SlowDisk { .. } => 13,
            Self::WriteFails { .. } => 14,
            Self::Muffle { .. } => 15,
        }
    }
}

/// Something that goes wrong at some time, for some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// When it begins, in virtual time.
    pub at_us: u64,
    /// How long it lasts; `u64::MAX` is for ever.
    pub lasts_us: u64,
    /// What it is.
    pub kind: FaultKind,
}

impl Fault {
    /// When it ends; `u64::MAX` is never.
    #[must_use]
    pub const fn ends_us(&self) -> u64 {
        self.at_us.saturating_add(self.lasts_us)
    }
}

/// A request that a node is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    /// When, in virtual time.
    pub at_us: u64,
    /// Which node is asked.
    pub node: Node,
    /// What the host makes the request from.
    pub number: u64,
}

/// All that is decided before a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// What it was drawn from; also the source of all later random draws.
    pub seed: u64,
    /// How it was drawn.
    pub profile: Profile,
    /// What the system itself wants to know, such as sizes that it drew.
    pub variant: u64,
    /// Machines, clients included.
    pub node_count: u16,
    /// Whose faults are counted together.
    pub groups: Vec<Group>,
    /// Who is connected and timely after the heal.
    pub core: Nodes,
    /// Whether progress after the heal is owed.
    pub judges_liveness: bool,
    /// End of the safety phase.
    pub heal_us: u64,
    /// End of the liveness phase.
    pub end_us: u64,
    /// Longest delay between nodes of the core after the heal.
    pub delta_us: u64,
    /// The delays.
    pub network: NetworkShape,
    /// The disks.
    pub disk: DiskShape,
    /// The clocks, one for each node.
    pub clocks: Vec<ClockShape>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What is asked for, in the order of time.
    pub ops: Vec<Op>,
}

impl Scenario {
    /// Is one of the nodes this villain?
    #[must_use]
    pub fn has_villain(&self, name: &str) -> bool {
        let is_it =
            |kind| matches!(kind, FaultKind::Byzantine { adversary, .. } if adversary == name);
        self.faults.iter().any(|fault| is_it(fault.kind))
    }

    /// Is the node Byzantine?
    #[must_use]
    pub fn is_byzantine(&self, node: Node) -> bool {
        let is_it = |kind| matches!(kind, FaultKind::Byzantine { node: bad, .. } if bad == node);
        self.faults.iter().any(|fault| is_it(fault.kind))
    }

    /// Every node.
    #[must_use]
    pub fn nodes(&self) -> Nodes {
        Nodes::range(0, self.node_count)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FaultKind::NAMES[self.kind.index()];
        write!(f, "{:>12} us  {name:<10} {:?}", self.at_us, self.kind)?;
        match self.lasts_us {
            0 => Ok(()),
            u64::MAX => f.write_str(" for ever"),
            lasts_us => write!(f, " for {lasts_us} us"),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}  profile {}  variant {}",
            self.seed,
            self.profile.name(),
            self.variant
        )?;
        writeln!(f, "{} nodes, groups {:?}", self.node_count, self.groups)?;
        writeln!(
            f,
            "heal at {} us, end at {} us, core {:?}",
            self.heal_us, self.end_us, self.core
        )?;
        writeln!(f, "{:?}\n{:?}\n{:?}", self.network, self.disk, self.clocks)?;
        writeln!(f, "{} faults", self.faults.len())?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        writeln!(f, "{} operations", self.ops.len())?;
        let shown = self.ops.iter().take(OPS_SHOWN_MAX);
        shown.into_iter().try_for_each(|op| writeln!(f, "  {op:?}"))
    }
}

/// Operations that a printed scenario lists.
const OPS_SHOWN_MAX: usize = 40;
