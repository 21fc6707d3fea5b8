//! Assertions of the system under test, as data: a machine that stops itself is a finding.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Where the latest panic of this thread was, as the hook saw it.
    static LATEST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the text of panics for the report instead of printing it. Call it once, in a program.
pub fn silence() {
    panic::set_hook(Box::new(|info| {
        LATEST.with(|latest| *latest.borrow_mut() = Some(info.to_string()));
    }));
}

/// Runs a closure; its panic comes back as text in one line.
///
/// What the closure borrowed may be half changed afterwards: read it for a report, no more.
pub(crate) fn caught(run: impl FnOnce()) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let seen = LATEST.with(|latest| latest.borrow_mut().take());
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = seen.or(text).unwrap_or_else(|| "a panic without a text".to_owned());
        text.replace('\n', " ")
    })
}

#[cfg(test)]
mod tests {
    //! A panic becomes one line.
    use super::caught;

    #[test]
    fn a_panic_becomes_one_line() {
        assert_eq!(caught(|| ()), Ok(()));
        let text = caught(|| panic!("no such thing: two\nlines")).unwrap_err();
        assert!(text.contains("no such thing: two lines"), "{text}");
    }
}
