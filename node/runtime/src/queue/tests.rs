//! What waits for which record.

use quorate_machine::{Effects, Input, Machine};
use quorate_types::Now;

use super::{Action, EffectQueue, Ticket};

struct Marker;

impl Machine for Marker {
    type Inbound = ();
    type Outbound = ();
    type Record = ();
    type Timer = ();
    type Request = ();
    type Output = ();

    fn step(&mut self, _: Now, _: Input<Self>, _: &mut Effects<Self>) {}
}

fn pop_all(queue: &mut EffectQueue<Marker>, on_disk: Ticket) -> Vec<&'static str> {
    let mut marks = Vec::new();
    while let Some(action) = queue.pop_ready(on_disk) {
        if let Action::Mark(mark) = action {
            marks.push(mark);
        }
    }
    marks
}

#[test]
fn what_stands_behind_a_record_waits_for_it_and_what_stands_before_does_not() {
    // RUN-1, RUN-2.
    let mut queue = EffectQueue::new();
    queue.push(Action::Mark("a"), 1);
    let first = queue.hand(10);
    queue.push(Action::Mark("b"), 1);
    queue.push(Action::Mark("c"), 1);
    let second = queue.hand(10);
    queue.push(Action::Mark("d"), 1);
    assert_eq!((queue.len(), queue.waiting_bytes()), (6, 24));

    assert_eq!(pop_all(&mut queue, Ticket::ZERO), ["a"]);
    queue.on_durable(first);
    assert_eq!(pop_all(&mut queue, first), ["b", "c"]);
    assert!(!queue.is_empty());
    queue.on_durable(second);
    assert_eq!(pop_all(&mut queue, second), ["d"]);
    assert!(queue.is_empty());
    assert_eq!(queue.waiting_bytes(), 0);
}

#[test]
fn one_report_of_the_disk_frees_all_records_up_to_it() {
    let mut queue = EffectQueue::new();
    queue.hand(1);
    queue.push(Action::Mark("a"), 1);
    let last = queue.hand(1);
    queue.push(Action::Mark("b"), 1);
    queue.on_durable(last);
    assert_eq!(pop_all(&mut queue, last), ["a", "b"]);
}

#[test]
#[should_panic(expected = "RUN-1: effect 0 overtakes a record")]
fn an_effect_that_overtakes_its_record_ends_the_process() {
    let mut queue = EffectQueue::<Marker>::new();
    let record = queue.hand(1);
    queue.push(Action::Mark("a"), 1);
    queue.on_durable(record);
    let behind = Ticket::ZERO;
    queue.pop_ready(behind);
}

#[test]
#[should_panic(expected = "RUN-1: a record is durable that nobody handed over")]
fn a_disk_that_reports_what_it_never_got_ends_the_process() {
    EffectQueue::<Marker>::new().on_durable(Ticket::new(1));
}
