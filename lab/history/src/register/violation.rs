//! Why a history is not atomic: the operations that clash, in one line for a person to read.

use std::fmt;

use super::Moment;
use crate::operation::Operation;

/// Why a history is not that of an atomic register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The record is unsound: this operation ends before it begins.
    ReturnedBeforeInvoked {
        /// The operation.
        operation: Operation,
    },
    /// The record is unsound: the judge needs unique values, and these two wrote the same one.
    WrittenTwice {
        /// One write.
        first: Operation,
        /// The other.
        second: Operation,
    },
    /// A read returned a value that nobody ever wrote.
    NeverWritten {
        /// The read.
        read: Operation,
    },
    /// A read returned a value before the write of it was invoked.
    ReadBeforeWrite {
        /// The read.
        read: Operation,
        /// The write of what it returned.
        write: Operation,
    },
    /// Two values each must come before the other.
    Clash {
        /// One zone, always forward.
        outer: Box<Zone>,
        /// The other: forward and overlapping, or backward and enclosed.
        inner: Box<Zone>,
    },
}

impl Violation {
    /// The clash of two zones.
    ///
    /// # Panics
    /// If they do not clash (HIS-1).
    pub(super) fn clash(outer: Zone, inner: Zone) -> Self {
        let is_cycle = outer.must_precede(&inner) && inner.must_precede(&outer);
        assert!(is_cycle, "HIS-1: {outer} and {inner} do not clash");
        Self::Clash { outer: Box::new(outer), inner: Box::new(inner) }
    }

    /// Whether the record is unsound, so that the judge can say nothing about the register: a
    /// fault of the recorder, not of the system under test.
    #[must_use]
    pub const fn is_fault_of_record(&self) -> bool {
        matches!(self, Self::ReturnedBeforeInvoked { .. } | Self::WrittenTwice { .. })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReturnedBeforeInvoked { operation } => {
                write!(out, "unsound record: {operation} returned before it was invoked")
            }
            Self::WrittenTwice { first, second } => {
                write!(out, "unsound record: {first} and {second} wrote the same value")
            }
            Self::NeverWritten { read } => {
                write!(out, "{read} returned a value that was never written")
            }
            Self::ReadBeforeWrite { read, write } => {
                write!(out, "{read} returned before {write} was invoked")
            }
            Self::Clash { outer, inner } => {
                write!(out, "{outer} and {inner} clash: ")?;
                outer.explain_precedence(inner, out)?;
                write!(out, ", but ")?;
                inner.explain_precedence(outer, out)
            }
        }
    }
}

/// The zone of a cluster: the stretch between its first return and its last invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The value of the cluster; `None` is the initial value.
    pub value: Option<u64>,
    /// The operation that returned first; `None` is the initial state itself.
    pub first_returned: Option<Operation>,
    /// The operation that was invoked last; `None` is the initial state itself.
    pub last_invoked: Option<Operation>,
}

impl Zone {
    /// The initial value before any read of it.
    pub(super) const fn initial() -> Self {
        Self { value: None, first_returned: None, last_invoked: None }
    }

    /// A written value before any read of it.
    pub(super) const fn of_write(value: u64, write: Operation) -> Self {
        Self { value: Some(value), first_returned: Some(write), last_invoked: Some(write) }
    }

    /// Takes in a read of the value.
    pub(super) fn add(&mut self, read: Operation) {
        if read.return_moment() < self.first_return() {
            self.first_returned = Some(read);
        }
        if Moment::At(read.invoked) > self.last_invocation() {
            self.last_invoked = Some(read);
        }
    }

    /// The first return among the operations: *f* in the argument.
    #[must_use]
    pub fn first_return(&self) -> Moment {
        self.first_returned.map_or(Moment::Beginning, |operation| operation.return_moment())
    }

    /// The last invocation among the operations: *s* in the argument.
    #[must_use]
    pub fn last_invocation(&self) -> Moment {
        self.last_invoked.map_or(Moment::Beginning, |operation| Moment::At(operation.invoked))
    }

    /// Whether the register must have held the value through the whole zone.
    #[must_use]
    pub fn is_forward(&self) -> bool {
        self.first_return() < self.last_invocation()
    }

    /// Whether some operation of this cluster precedes some operation of the other.
    #[must_use]
    pub fn must_precede(&self, other: &Self) -> bool {
        self.first_return() < other.last_invocation()
    }

    fn explain_precedence(&self, other: &Self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first_returned {
            Some(operation) => write!(out, "{operation} returned")?,
            None => write!(out, "the history began")?,
        }
        match other.last_invoked {
            Some(operation) => write!(out, " before {operation} was invoked"),
            None => write!(out, " before it began"),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first_return(), self.last_invocation());
        match self.value {
            Some(value) => write!(out, "value {value} ")?,
            None => write!(out, "the initial value ")?,
        }
        if self.is_forward() {
            write!(out, "(forward zone [{first}, {last}])")
        } else {
            write!(out, "(backward zone [{last}, {first}])")
        }
    }
}
