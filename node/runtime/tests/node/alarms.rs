//! Alarms on a real clock: waiting is for what rings, never for time.

use crate::support::toy::{ToyOutput, ToyRequest};
use crate::support::{Running, Setup, listen, look, next_output, watched};

const HOUR: u64 = 3_600_000_000;

#[test]
fn an_alarm_is_replaced_and_disarmed_and_rings_once() {
    // RUN-6.
    watched(async {
        let mut nodes = [Running::start(listen(1).await, (1, 1), Setup::default())];
        let requests = [
            ToyRequest::Set(1, HOUR),
            ToyRequest::Set(2, 30_000),
            ToyRequest::Set(1, 20_000),
            ToyRequest::Set(3, 10_000),
            ToyRequest::Unset(3),
        ];
        for request in requests {
            nodes[0].handle.request(request).unwrap();
        }
        look(&mut nodes, 0).await;
        assert_eq!(next_output(&mut nodes, 0).await, ToyOutput::Rang(1));
        assert_eq!(next_output(&mut nodes, 0).await, ToyOutput::Rang(2));
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!((toy.alarms, toy.alarms_set), (2, 0));
    });
}

#[test]
fn an_output_can_ask_the_machine_for_more() {
    watched(async {
        let mut nodes = [Running::start(listen(1).await, (1, 1), Setup::default())];
        nodes[0].handle.request(ToyRequest::Set(u8::MAX, 0)).unwrap();
        assert_eq!(next_output(&mut nodes, 0).await, ToyOutput::Rang(u8::MAX));
        assert_eq!(next_output(&mut nodes, 0).await, ToyOutput::Rang(0));
    });
}
