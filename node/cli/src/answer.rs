//! What a command has to say when it did what it was asked for.

use std::io::{self, Write};

use serde_json::Value;

/// The same answer for people and for programs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    /// For people: lines without the last line feed. Empty if all was said already.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
}

impl Answer {
    /// Nothing is left to say.
    pub(crate) const fn none() -> Self {
        Self { text: String::new(), json: Value::Null }
    }

    /// Prints the answer to standard output.
    pub(crate) fn print(&self, json: bool) {
        if json && !self.json.is_null() {
            say(&self.json.to_string());
        } else if !json && !self.text.is_empty() {
            say(&self.text);
        }
    }
}

/// Prints a line to standard output, if anybody listens.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        // Whoever closed it does not want to know more; a cluster goes on without.
    }
}

/// Prints a line to standard error, if anybody listens.
pub(crate) fn complain(line: &str) {
    if writeln!(io::stderr().lock(), "{line}").is_err() {
        // Nobody listens; the exit code still tells.
    }
}
