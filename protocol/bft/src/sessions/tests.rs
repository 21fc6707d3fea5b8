//! The exactly-once table: windows, floors, closed sessions and hostile numbers. BFT-3.

use std::string::String;
use std::vec::Vec;

use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{ClientCertificate, ClientGrant, Signer};
use quorate_state::{Map, Section};
use quorate_types::{ClientId, Epoch, RequestId, Slot, SystemId, UnixTime};

use super::Sessions;
use crate::limits::{CLIENT_SESSIONS_MAX, SESSION_WINDOW_REQUESTS};
use crate::message::{Answer, Opening, Operation, Outcome, SessionId, operation_digest};

const EXPIRES: UnixTime = UnixTime::from_micros(1_000);
const NOW: UnixTime = UnixTime::from_micros(10);

fn certificate(client: u8) -> ClientCertificate {
    let registry = IdealRegistry::new([7; 32]);
    let grant = ClientGrant {
        system: SystemId::new([1; 32]),
        client: registry.signer(&[client; 32]).public_key().client(),
        name: String::from("test"),
        expires: EXPIRES,
    };
    ClientCertificate::issue(grant, &registry.signer(&[250; 32]))
}

fn id(slot: u64) -> SessionId {
    SessionId { epoch: Epoch::ZERO, slot: Slot::new(slot), index: 0 }
}

fn operation(id: u64, payload: &str) -> Operation {
    Operation { id: RequestId::new(id), payload: payload.into() }
}

/// A table with one client, as the replicated state holds it.
struct Table {
    map: Map,
    client: ClientId,
}

impl Table {
    fn new() -> Self {
        let mut table = Self { map: Map::new(), client: certificate(1).grant.client };
        assert_eq!(table.open(7, 1), Outcome::Opened(id(1)));
        table
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Sessions<'_>, ClientId) -> T) -> T {
        let mut section = Section::new(&mut self.map, 1);
        act(&mut Sessions::new(&mut section), self.client)
    }

    fn open(&mut self, number: u64, slot: u64) -> Outcome {
        self.open_as(Opening { number, nonce: 50 }, slot)
    }

    fn open_as(&mut self, opening: Opening, slot: u64) -> Outcome {
        self.with(|sessions, _| sessions.open(&certificate(1), opening, (id(slot), NOW)))
    }

    fn recall(&mut self, session: u64, operation: &Operation) -> Option<Outcome> {
        self.recall_at(session, operation, NOW).map(|answer| answer.outcome)
    }

    fn recall_at(&mut self, session: u64, operation: &Operation, now: UnixTime) -> Option<Answer> {
        self.with(|sessions, client| {
            sessions.recall(&sessions.enter(client, id(session)), operation, now)
        })
    }

    fn record(&mut self, session: u64, answer: &Answer) {
        self.with(|sessions, client| {
            let mut visit = sessions.enter(client, id(session));
            sessions.record(&mut visit, answer);
            sessions.leave(visit);
        });
    }

    /// As execution does: recalls, or executes and records.
    fn execute(&mut self, session: u64, operation: &Operation) -> Outcome {
        if let Some(outcome) = self.recall(session, operation) {
            return outcome;
        }
        let outcome = Outcome::Executed(operation.payload.clone());
        let digest = operation_digest(&operation.payload);
        let answer = Answer { id: operation.id, operation: digest, outcome: outcome.clone() };
        self.record(session, &answer);
        outcome
    }

    fn acknowledge(&mut self, upto: u64) {
        let upto = RequestId::new(upto);
        self.with(|sessions, client| {
            let mut visit = sessions.enter(client, id(1));
            sessions.acknowledge(&mut visit, upto);
            sessions.leave(visit);
        });
    }

    fn entries(&self) -> usize {
        self.map.len()
    }
}

fn executed(payload: &str) -> Outcome {
    Outcome::Executed(payload.into())
}

#[test]
fn a_request_executes_once_and_is_answered_from_the_record_bft_3() {
    let mut table = Table::new();
    assert_eq!(table.recall(1, &operation(1, "a")), None);
    assert_eq!(table.execute(1, &operation(1, "a")), executed("a"));
    assert_eq!(table.recall(1, &operation(1, "a")), Some(executed("a")));
}

#[test]
fn another_operation_under_one_number_gets_the_first_ones_reply_p12() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    let other = operation(1, "b");
    let answer = table.recall_at(1, &other, NOW).expect("recorded");
    assert_eq!(answer.outcome, executed("a"));
    assert_eq!(answer.operation, operation_digest(b"a"), "the client notices by the digest");
}

#[test]
#[should_panic(expected = "BFT-3")]
fn recording_twice_is_a_mistake_of_ours() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    let digest = operation_digest(b"a");
    let answer = Answer { id: RequestId::new(1), operation: digest, outcome: executed("a") };
    table.record(1, &answer);
}

#[test]
fn what_the_client_acknowledged_is_forgotten_and_never_executed_again() {
    let mut table = Table::new();
    let before = table.entries();
    for number in 1..=5 {
        table.execute(1, &operation(number, "a"));
    }
    table.acknowledge(4);
    assert_eq!(table.entries(), before + 1);
    assert_eq!(table.recall(1, &operation(4, "a")), Some(Outcome::Expired));
    assert_eq!(table.recall(1, &operation(5, "a")), Some(executed("a")));
    table.acknowledge(2);
    assert_eq!(table.recall(1, &operation(5, "a")), Some(executed("a")), "the floor never sinks");
}

#[test]
fn an_acknowledgement_of_the_future_locks_nobody_out_b17() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    table.acknowledge(u64::MAX);
    assert_eq!(table.execute(1, &operation(2, "b")), executed("b"));
}

#[test]
fn a_skipped_number_does_not_lock_the_session_25() {
    let mut table = Table::new();
    for number in 2..SESSION_WINDOW_REQUESTS + 10 {
        assert_eq!(table.execute(1, &operation(number, "a")), executed("a"));
    }
    assert_eq!(table.recall(1, &operation(1, "a")), Some(Outcome::Expired), "the window moved on");
    assert_eq!(table.recall(1, &operation(9, "a")), Some(Outcome::Expired));
    assert_eq!(table.recall(1, &operation(10, "a")), Some(executed("a")));
}

#[test]
fn the_window_bounds_what_is_kept() {
    let mut table = Table::new();
    let before = table.entries();
    for number in 1..3 * SESSION_WINDOW_REQUESTS {
        table.execute(1, &operation(number, "a"));
    }
    let window = usize::try_from(SESSION_WINDOW_REQUESTS).expect("small");
    assert_eq!(table.entries(), before + window);
}

#[test]
fn the_highest_number_there_is_ends_its_session_alone_b17() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    assert_eq!(table.execute(1, &operation(u64::MAX, "z")), executed("z"));
    assert_eq!(table.execute(1, &operation(u64::MAX, "z")), executed("z"));
    assert_eq!(table.recall(1, &operation(2, "b")), Some(Outcome::Expired));
    assert_eq!(table.execute(1, &operation(u64::MAX - 1, "y")), executed("y"));
    assert_eq!(table.open(8, 2), Outcome::Opened(id(2)));
    assert_eq!(table.execute(2, &operation(1, "a")), executed("a"));
    assert_eq!(table.recall(1, &operation(0, "a")), Some(Outcome::Expired), "0 is below any floor");
}

#[test]
fn the_operations_of_one_bundle_see_each_other_and_leave_one_row() {
    let mut apart = Table::new();
    let mut together = Table::new();
    let answer = |number| {
        let (digest, outcome) = (operation_digest(b"a"), executed("a"));
        Answer { id: RequestId::new(number), operation: digest, outcome }
    };
    let numbers = 1..2 * SESSION_WINDOW_REQUESTS;
    for number in numbers.clone() {
        apart.record(1, &answer(number));
    }
    together.with(|sessions, client| {
        let mut visit = sessions.enter(client, id(1));
        for number in numbers {
            sessions.record(&mut visit, &answer(number));
            let again = sessions.recall(&visit, &operation(number, "b"), NOW);
            assert_eq!(again, Some(answer(number)), "BFT-3: executed once in one bundle too");
        }
        sessions.leave(visit);
    });
    assert_eq!(together.map.root(), apart.map.root());
}

#[test]
fn one_opening_is_one_session_and_the_oldest_of_many_is_closed() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    assert_eq!(table.open(7, 2), Outcome::Opened(id(1)), "opened again: the same");
    let last = u64::try_from(CLIENT_SESSIONS_MAX).expect("small") + 1;
    for number in 2..=last {
        assert_eq!(table.open(7 + number, number), Outcome::Opened(id(number)));
    }
    assert_eq!(table.recall(1, &operation(1, "a")), Some(Outcome::UnknownSession), "closed");
    assert_eq!(table.recall(2, &operation(1, "a")), None, "the others are open");
    assert_eq!(table.entries(), 1 + CLIENT_SESSIONS_MAX, "and nothing of it is left");
}

#[test]
fn an_opening_that_is_ordered_again_when_its_session_is_closed_opens_and_closes_nothing_bft_10() {
    let mut table = Table::new();
    let last = u64::try_from(CLIENT_SESSIONS_MAX).expect("small") + 1;
    for number in 2..=last {
        assert_eq!(table.open(7 + number, number), Outcome::Opened(id(number)));
    }
    let highest = 7 + last;
    for slot in last + 1..last + 20 {
        assert_eq!(table.open(7, slot), Outcome::NumberTaken { highest });
    }
    for number in 2..=last {
        assert_eq!(table.recall(number, &operation(1, "a")), None, "all of them are still open");
    }
    assert_eq!(table.entries(), 1 + CLIENT_SESSIONS_MAX);
}

#[test]
fn the_numbers_of_a_clients_sessions_rise_and_what_was_skipped_is_gone_bft_10() {
    let mut table = Table::new();
    assert_eq!(table.open(100, 2), Outcome::Opened(id(2)));
    assert_eq!(table.open(99, 3), Outcome::NumberTaken { highest: 100 });
    assert_eq!(table.open(7, 3), Outcome::Opened(id(1)), "its session is open: it is told again");
    assert_eq!(table.open(101, 3), Outcome::Opened(id(3)));
}

#[test]
fn two_processes_that_took_one_number_never_share_a_session() {
    let mut table = Table::new();
    let [first, second] = [60, 61].map(|nonce| Opening { number: 8, nonce });
    assert_eq!(table.open_as(first, 2), Outcome::Opened(id(2)));
    assert_eq!(table.open_as(second, 3), Outcome::NumberTaken { highest: 8 });
    assert_eq!(table.open_as(Opening { number: 9, ..second }, 4), Outcome::Opened(id(4)));
}

#[test]
fn the_highest_number_of_a_session_there_is_is_the_clients_last_and_nobody_elses_b17() {
    let mut table = Table::new();
    assert_eq!(table.open(u64::MAX, 2), Outcome::Opened(id(2)));
    assert_eq!(table.open(8, 3), Outcome::NumberTaken { highest: u64::MAX });
    assert_eq!(table.execute(1, &operation(1, "a")), executed("a"), "what is open stays so");
    let opening = Opening { number: 1, nonce: 1 };
    let open =
        |sessions: &mut Sessions<'_>, _| sessions.open(&certificate(2), opening, (id(4), NOW));
    assert_eq!(table.with(open), Outcome::Opened(id(4)));
}

#[test]
fn a_session_is_its_clients_alone_25() {
    let mut table = Table::new();
    let other = certificate(2).grant.client;
    let outcome = |table: &mut Table, session| {
        let of = |sessions: &mut Sessions<'_>, _| {
            sessions.recall(&sessions.enter(other, session), &operation(1, "a"), NOW)
        };
        table.with(of).map(|answer| answer.outcome)
    };
    assert_eq!(outcome(&mut table, id(1)), Some(Outcome::UnknownSession), "somebody else's");
    assert_eq!(outcome(&mut table, id(9)), Some(Outcome::UnknownSession), "nobody's");
    table.with(|sessions, _| {
        let mut visit = sessions.enter(other, id(1));
        sessions.acknowledge(&mut visit, RequestId::new(9));
        sessions.leave(visit);
    });
    assert_eq!(table.recall(1, &operation(1, "a")), None, "nor can it be acknowledged away");
}

#[test]
fn a_certificate_that_ran_out_opens_and_executes_nothing_more() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    let late = |table: &mut Table, number| {
        table.recall_at(1, &operation(number, "a"), EXPIRES).map(|answer| answer.outcome)
    };
    assert_eq!(late(&mut table, 2), Some(Outcome::NotAuthorised));
    assert_eq!(late(&mut table, 1), Some(executed("a")), "what was executed is still answered");
    let opening = Opening { number: 9, nonce: 50 };
    let open =
        |sessions: &mut Sessions<'_>, _| sessions.open(&certificate(1), opening, (id(3), EXPIRES));
    assert_eq!(table.with(open), Outcome::NotAuthorised);
}

#[test]
fn the_table_is_state_and_travels_with_it_p01() {
    let mut table = Table::new();
    table.execute(1, &operation(1, "a"));
    let copy = Map::from_snapshot(&table.map.snapshot());
    let mut copy = Table { map: copy, client: table.client };
    assert_eq!(copy.recall(1, &operation(1, "a")), Some(executed("a")));
    let entries: Vec<_> = copy.map.iter().collect();
    assert!(entries.iter().all(|(key, _)| key.first() == Some(&1)), "in the engine's section");
}
