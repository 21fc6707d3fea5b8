//! What a check reports: a place, a rule, what is wrong and how to mend it.

use std::fmt;

/// One breach of a rule, printed as `file:line: rule: message: remedy`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    message: String,
    remedy: String,
}

impl Finding {
    /// A finding about the file as a whole.
    pub(crate) fn new(path: &str, rule: &'static str, message: String) -> Self {
        Self { path: path.to_owned(), line: 1, rule, message, remedy: String::new() }
    }

    /// The line, counted from one.
    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = line;
        self
    }

    /// What the author should do.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message, remedy } = self;
        write!(formatter, "{path}:{line}: {rule}: {message}: {remedy}")
    }
}

#[cfg(test)]
mod tests;
