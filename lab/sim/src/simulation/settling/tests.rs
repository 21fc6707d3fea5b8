//! A run is over when its checkers were content for some rounds in a row.

use super::{QUIET_ROUNDS, ROUND_US, Settling};

#[test]
fn who_becomes_discontent_is_waited_for_again() {
    let mut settling = Settling::from(0);
    let mut at_us = 0;
    let mut hear = |is_content| {
        at_us += ROUND_US;
        settling.hear(at_us, is_content)
    };
    for _ in 0..QUIET_ROUNDS {
        assert!(!hear(true));
    }
    assert!(!hear(false));
    for _ in 0..QUIET_ROUNDS {
        assert!(!hear(true));
    }
    assert!(hear(true));
}
