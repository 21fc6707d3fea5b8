//! Checkers: independent observers that say when the system under test breaks a promise.
//!
//! A checker sees everything that happens, in the order in which it happens, and knows which nodes
//! are bad; it shares no code with what it judges. The generic ones below read a system's values
//! through its [`Lens`]:
//!
//! | id | checker | promise |
//! |---|---|---|
//! | C1 | [`Agreement`] | good nodes execute the same things in the same order |
//! | C2 | [`Integrity`] | only what a client asked for is executed, and once |
//! | C4 | [`Statements`] | a good node never states two conflicting things in its life |
//! | C9 | [`Liveness`] | after the heal every request completes within a bound |
//! | C12 | [`Resources`] | queues, timers, logs and traffic stay within bounds |
//!
//! C15, the coverage marks, is judged over all runs: [`crate::marks`].

use std::fmt;

use quorate_machine::{Input, Recipients, RecordNumber};
use quorate_types::Digest;

use crate::host::Subject;
use crate::node::{Node, Nodes};
use crate::scenario::Scenario;

mod agreement;
mod integrity;
mod liveness;
mod resources;
mod statements;
#[cfg(test)]
mod tests;

pub use agreement::Agreement;
pub use integrity::Integrity;
pub use liveness::Liveness;
pub use resources::{Resources, Thresholds};
pub use statements::Statements;

/// A promise is broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Which checker found it, or `PANIC` for an assertion of the system itself.
    pub invariant: &'static str,
    /// What was seen, in one line.
    pub detail: String,
}

impl Broken {
    /// A broken promise.
    #[must_use]
    pub fn new(invariant: &'static str, detail: impl fmt::Display) -> Self {
        Self { invariant, detail: detail.to_string().replace('\n', " ") }
    }
}

/// What a checker says.
pub type Verdict = Result<(), Broken>;

/// Where and when something is observed.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Number of the event, from 1.
    pub event: u64,
    /// Virtual time.
    pub time_us: u64,
    /// The node that it concerns.
    pub node: Node,
    /// The lives that the node has begun, from 1.
    pub life: u32,
    /// Nodes that are Byzantine, amnesiac or without data.
    pub bad: Nodes,
    /// Whether the liveness phase has begun.
    pub is_healed: bool,
}

impl At {
    /// Is the node good: neither Byzantine nor amnesiac?
    #[must_use]
    pub const fn is_good(&self) -> bool {
        !self.bad.contains(self.node)
    }
}

/// What a node holds outside its machine.
#[derive(Clone, Copy, Default, Debug)]
pub struct Gauges {
    /// Timers that are going to expire.
    pub timers: usize,
    /// Effects that wait for the disk.
    pub waiting_effects: usize,
    /// Records in the log.
    pub log_records: usize,
}

/// The state of things when a run is over, or may be.
#[derive(Debug)]
pub struct End<'a, M> {
    /// What was planned.
    pub scenario: &'a Scenario,
    /// Virtual time.
    pub time_us: u64,
    /// Nodes that are bad.
    pub bad: Nodes,
    /// The machines; none where the node is down.
    pub machines: &'a [Option<&'a M>],
}

/// Observes a run. Every method may do nothing.
///
/// Sends, outputs and durable records are seen when they happen, behind the barriers; what a crash
/// took was never seen.
#[expect(unused_variables, reason = "the names of arguments document what an observer gets")]
pub trait Checker<M: Subject> {
    /// Which promise it watches: `C1`.
    fn id(&self) -> &'static str;

    /// The node is about to take an input.
    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        Ok(())
    }

    /// The node has taken it.
    fn on_step(&mut self, at: &At, machine: &M, gauges: &Gauges) -> Verdict {
        Ok(())
    }

    /// A record is durable.
    fn on_durable(&mut self, at: &At, number: RecordNumber, record: &M::Record) -> Verdict {
        Ok(())
    }

    /// A message leaves.
    fn on_send(&mut self, at: &At, to: &Recipients, message: &M::Outbound) -> Verdict {
        Ok(())
    }

    /// The machine told its node something.
    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        Ok(())
    }

    /// The node lost its memory.
    fn on_crash(&mut self, at: &At) -> Verdict {
        Ok(())
    }

    /// The node began a life with this machine: the first, or after a crash.
    fn on_start(&mut self, at: &At, machine: &M) -> Verdict {
        Ok(())
    }

    /// Whether all has come that is owed before the end, for a run that may be over then; none if
    /// this checker cannot tell.
    fn is_settled(&self, now: &End<'_, M>) -> Option<bool> {
        None
    }

    /// The run is over, and was not cut short.
    fn on_end(&mut self, end: &End<'_, M>) -> Verdict {
        Ok(())
    }
}

/// A request as the generic checkers name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestKey {
    /// The client's node.
    pub client: Node,
    /// The client's own number for it.
    pub number: u64,
}

/// One decision of a replicated log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Which log, where a system has several.
    pub log: u64,
    /// Where in the log.
    pub position: u64,
    /// What stands there.
    pub value: Digest,
}

/// One execution of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Executed {
    /// The request.
    pub request: RequestKey,
    /// Which log.
    pub log: u64,
    /// Its place among all executed requests of the log.
    pub position: u64,
}

/// One thing that a node states in its own name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    /// What it is about, such as kind, view and slot; two statements with one topic must agree.
    pub topic: [u64; 4],
    /// What it says.
    pub value: Digest,
}

/// How the generic checkers read the values of a system.
///
/// `into` lists are empty when handed over.
#[expect(unused_variables, reason = "the names of arguments document what a lens gets")]
pub trait Lens<M: Subject>: 'static {
    /// The request that a node is asked for.
    fn requested(&self, node: Node, request: &M::Request) -> Option<RequestKey> {
        None
    }

    /// The requests whose completion this output tells.
    fn completed(&self, node: Node, output: &M::Output, into: &mut Vec<RequestKey>) {}

    /// The decisions that this output tells.
    fn decided(&self, node: Node, output: &M::Output, into: &mut Vec<Decision>) {}

    /// The executions that this output tells.
    fn executed(&self, node: Node, output: &M::Output, into: &mut Vec<Executed>) {}

    /// What the sender states in its own name with this message; not what it passes on.
    fn stated(&self, node: Node, message: &M::Outbound, into: &mut Vec<Statement>) {}

    /// Items that the machine holds in its queues and tables, in constant time.
    fn live_items(&self, machine: &M) -> usize {
        0
    }
}
