//! Effects keep their order and their numbers.

use quorate_types::{Instant, Now};

use super::{Effect, Effects};
use crate::{Input, Machine};

struct Echo;

impl Machine for Echo {
    type Inbound = u8;
    type Outbound = u8;
    type Record = u8;
    type Timer = u8;
    type Request = u8;
    type Output = u8;

    fn step(&mut self, _: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        if let Input::Request(byte) = input {
            effects.persist(byte);
            effects.emit(byte);
        }
    }
}

#[test]
fn effects_are_numbered_without_gaps_over_steps() {
    let now = Now { instant: Instant::ZERO, wall: quorate_types::UnixTime::ZERO };
    let mut effects = Effects::new();
    let mut seen = 0;
    for byte in 0..3 {
        Echo.step(now, Input::Request(byte), &mut effects);
        let first = effects.pushed_count() - 2;
        assert_eq!(first, seen, "MAC-1");
        let drained: std::vec::Vec<_> = effects.drain().collect();
        assert!(matches!(drained[0], Effect::Persist(record) if record == byte));
        assert!(matches!(drained[1], Effect::Emit(output) if output == byte));
        seen += 2;
    }
    assert_eq!(effects.drain().count(), 0);
}
