//! The agenda keeps virtual time.

use super::Agenda;

#[test]
fn sim_1_the_earlier_comes_first_and_equals_keep_their_order() {
    let mut agenda = Agenda::new();
    for (at_us, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b'), (u64::MAX, 'x')] {
        agenda.enter(at_us, what);
    }
    assert_eq!(agenda.len(), 4);
    let taken: Vec<_> = std::iter::from_fn(|| agenda.take()).collect();
    assert_eq!(taken, [(1, 'a'), (2, 'b'), (5, 'c'), (5, 'd')]);
}

#[test]
#[should_panic(expected = "SIM-1")]
fn sim_1_the_past_cannot_be_entered_unnoticed() {
    let mut agenda = Agenda::new();
    agenda.enter(7, ());
    agenda.take();
    agenda.enter(6, ());
    agenda.take();
}
