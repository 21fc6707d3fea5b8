//! The exit codes, the same in every release.

use std::fmt::Write as _;
use std::process::ExitCode;

use quorate_client::explanation::Kind;

macro_rules! exits {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $meaning:literal;)*) => {
        /// What a command's exit code says.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub(crate) enum Exit {
            $(#[doc = $meaning] $name = $code,)*
        }

        /// Every code with its meaning.
        const TABLE: &[(Exit, &str)] = &[$((Exit::$name, $meaning),)*];
    };
}

exits! {
    Ok = 0, "done, or asked to stop";
    Internal = 1, "a defect of the program, or a failure of the system without a code of its own";
    Usage = 2, "the call is wrong";
    NotServing = 3, "a group of the cluster does not serve";
    Configuration = 4, "a file that people write or carry is wrong";
    Key = 5, "a key is missing, open to others, or not the right one";
    PortTaken = 6, "another process listens there";
    DiskFull = 7, "a disk is full";
    NotFound = 8, "what was named does not exist";
    NoQuorum = 9, "too few servers answer";
    Unauthorised = 10, "nobody with this key or certificate may do that";
    Forgotten = 11, "the data of this server is gone, or belongs to another one";
    Damaged = 12, "stored bytes are damaged or cannot be read, and could not be repaired";
    InUse = 13, "another process works there";
    Exists = 14, "it is there already, and nothing is replaced";
    TooLarge = 15, "larger than the limit";
    Removed = 16, "this server was removed from its system, and does not come back";
    Interrupted = 130, "interrupted by a signal before it was done, as shells say it";
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// What the number of a process that ended means.
    pub(crate) fn meaning_of(code: i32) -> Option<&'static str> {
        let found = TABLE.iter().find(|(exit, _)| i32::from(exit.code()) == code);
        found.map(|(_, meaning)| *meaning)
    }
}

/// The table, for `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in TABLE {
        writeln!(text, "  {:>3}  {meaning}", exit.code()).expect("a string takes everything");
    }
    text
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Internal => Self::Internal,
            Kind::Usage => Self::Usage,
            Kind::Configuration => Self::Configuration,
            Kind::Key => Self::Key,
            Kind::PortTaken => Self::PortTaken,
            Kind::DiskFull => Self::DiskFull,
            Kind::NotFound => Self::NotFound,
            Kind::Unauthorised => Self::Unauthorised,
            Kind::Forgotten => Self::Forgotten,
            Kind::Damaged => Self::Damaged,
            Kind::InUse => Self::InUse,
            Kind::Exists => Self::Exists,
            Kind::NoQuorum => Self::NoQuorum,
            Kind::NotServing => Self::NotServing,
            Kind::TooLarge => Self::TooLarge,
            Kind::Removed => Self::Removed,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    //! Codes are for ever: scripts depend on them.
    use quorate_daemon::error::ServerError;
    use quorate_types::Epoch;

    use super::{Exit, TABLE, help};
    use crate::failure::Failure;

    #[test]
    fn each_code_stands_once_and_in_order() {
        let codes: Vec<u8> = TABLE.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, (0..17).chain([130]).collect::<Vec<_>>());
        assert_eq!(Exit::meaning_of(6), Some("another process listens there"));
        assert_eq!(Exit::meaning_of(200), None);
        assert!(help().contains("\n   10  nobody"));
    }

    #[test]
    fn a_server_whose_clock_is_behind_ends_with_4() {
        let behind = ServerError::ClockBehind { seconds: 3_600, epoch: Epoch::new(7) };
        let failure = Failure::from(behind);
        assert_eq!(failure.exit().code(), 4);
        assert!(failure.text().starts_with("error[clock-behind]: "), "{}", failure.text());
    }
}
