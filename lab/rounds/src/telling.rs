//! What a round says while it runs, on standard error, so that a failing test shows it.
#![expect(clippy::print_stderr, reason = "a round is watched by people")]

/// One line.
pub fn tell(line: &str) {
    eprintln!("round: {line}");
}

/// One line that nobody overlooks: something was not done here.
pub fn skip(what: &str, why: &str) {
    eprintln!("!!! SKIPPED: {what}: {why}");
}
