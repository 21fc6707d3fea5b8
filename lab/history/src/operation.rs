//! One operation on a register as its client saw it, and the moments that bound it.

use std::fmt;

/// What an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Wrote this value. Within one history of one register no value is written twice.
    Write(u64),
    /// Read this value; `None` is the initial value, which nobody wrote.
    Read(Option<u64>),
}

/// One recorded operation on one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Who called; only names the operation in explanations.
    pub process: u64,
    /// What was called and, for a read that returned, what came back.
    pub kind: Kind,
    /// When the call was made.
    pub invoked: u64,
    /// When it returned, at or after `invoked`; `None` if it never did.
    ///
    /// A pending write may take effect at any time from `invoked` on, or never: this is also how a
    /// Byzantine client's write is recorded, with `invoked` the moment it first sent the value to
    /// anyone. A pending read says nothing and is ignored.
    pub returned: Option<u64>,
}

impl Operation {
    /// A write of `value` over `invoked..=returned`.
    #[must_use]
    pub const fn write(process: u64, value: u64, invoked: u64, returned: Option<u64>) -> Self {
        Self { process, kind: Kind::Write(value), invoked, returned }
    }

    /// A read over `invoked..=returned` that returned `result`.
    #[must_use]
    pub const fn read(
        process: u64,
        result: Option<u64>,
        invoked: u64,
        returned: Option<u64>,
    ) -> Self {
        Self { process, kind: Kind::Read(result), invoked, returned }
    }

    /// When the operation returned, [`Moment::Never`] if it is pending.
    #[must_use]
    pub fn return_moment(&self) -> Moment {
        self.returned.map_or(Moment::Never, Moment::At)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "p{} ", self.process)?;
        match self.kind {
            Kind::Write(value) => write!(out, "write({value})")?,
            Kind::Read(Some(value)) => write!(out, "read -> {value}")?,
            Kind::Read(None) => write!(out, "read -> initial")?,
        }
        write!(out, " [{}, {}]", self.invoked, self.return_moment())
    }
}

/// A moment of a history, ordered; the ends lie outside everything recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before every recorded moment: when the initial value was written.
    Beginning,
    /// A recorded moment.
    At(u64),
    /// After every recorded moment: when a pending operation returns.
    Never,
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => write!(out, "beginning"),
            Self::At(moment) => write!(out, "{moment}"),
            Self::Never => write!(out, "never"),
        }
    }
}
