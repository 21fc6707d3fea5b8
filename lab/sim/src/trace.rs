//! The trace of a run: a hash of everything that happens, and on demand a line for each event.
//!
//! # Invariants
//! - SIM-5: the same scenario gives the same hash, on every machine and in every build.

use std::fmt::{self, Debug};
use std::io::Write;

use crate::fast::mixed;

/// Explains the columns of the log.
pub const LEGEND: &str = "\
event    number of the step, from 1; effects stand below the step that asked for them or freed them
time     virtual time in seconds
node     where it happens
what     start deliver expired request alarm : the input of a step
         persist durable send emit mark arm disarm release : effects, when they are performed
         crash restart fault heal lost refused : what the simulator does
detail   the value; #N is the number of the effect among the node's, over all its lives";

/// What a line of the log is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) event: u64,
    pub(crate) time_us: u64,
    pub(crate) node: &'a str,
}

/// Where lines go.
pub(crate) struct Printer {
    out: Box<dyn Write>,
    from_event: u64,
}

impl Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Printer from event {}", self.from_event)
    }
}

impl Printer {
    /// Prints the legend, then lines from this event on.
    pub(crate) fn new(mut out: Box<dyn Write>, from_event: u64) -> Self {
        writeln!(out, "{LEGEND}").expect("the log of events can be written");
        let head = format!("{:>9} {:>12} {:<6} {:<8} detail", "event", "time", "node", "what");
        writeln!(out, "{head}").expect("the log of events can be written");
        Self { out, from_event }
    }

    pub(crate) fn line(&mut self, stamp: Stamp<'_>, what: &str, detail: fmt::Arguments<'_>) {
        let Stamp { event, time_us, node } = stamp;
        if event < self.from_event {
            return;
        }
        let (seconds, micros) = (time_us / 1_000_000, time_us % 1_000_000);
        let head = format!("{event:>9} {seconds:>5}.{micros:06} {node:<6} {what:<8}");
        writeln!(self.out, "{head} {detail}").expect("the log of events can be written");
    }
}

/// The hash of what has happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct TraceHash {
    trace: u64,
    course: u64,
}

impl TraceHash {
    pub(crate) const fn absorb(&mut self, tag: u64, first: u64, second: u64) {
        self.trace = mixed(mixed(mixed(self.trace, tag), first), second);
        self.course = mixed(mixed(mixed(self.course, tag), first), second);
    }

    /// Absorbs the effect of a node, with its number there.
    pub(crate) const fn absorb_effect(&mut self, tag: u64, node: u64, number: u64) {
        self.trace = mixed(mixed(mixed(self.trace, tag), node), number);
        self.course = mixed(mixed(self.course, tag), node);
    }

    pub(crate) const fn get(self) -> u64 {
        self.trace ^ (self.trace >> 32)
    }

    /// The hash of the same but for the numbers of effects.
    pub(crate) const fn course(self) -> u64 {
        self.course ^ (self.course >> 32)
    }
}
