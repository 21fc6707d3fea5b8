//! The law of effects on a real node: nothing leaves before its record is on the disk.

use quorate_machine::RecordNumber;
use quorate_runtime::{Journal, JournalError, NodeError};

use crate::support::journals::Gate;
use crate::support::toy::{ToyRecord, ToyRequest};
use crate::support::{Running, Setup, commits, ended, heard, introduce, listen, look, watched};

/// A node whose disk is behind this gate, and one without a disk.
async fn gated_and_free(gate: &Gate) -> [Running; 2] {
    let mut links = [listen(1).await, listen(2).await];
    introduce(&mut links);
    let [first, second] = links;
    let gated = Setup { journal: gate.journal(), ..Setup::default() };
    let free = Setup { journal: Gate::open_journal(), ..Setup::default() };
    [Running::start(first, (1, 2), gated), Running::start(second, (2, 2), free)]
}

#[test]
fn a_message_behind_a_record_leaves_only_when_the_record_is_durable() {
    // RUN-1, RUN-3.
    let gate = Gate::shut();
    watched(async {
        let mut nodes = gated_and_free(&gate).await;
        for value in 0..100 {
            nodes[0].handle.request(ToyRequest::Propose(value)).unwrap();
        }
        assert_eq!(look(&mut nodes, 0).await.len(), 100, "the machine goes on meanwhile");
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!((toy.records, toy.records_durable, toy.sent, toy.alarms_set), (100, 0, 0, 0));
        assert_eq!(toy.effects_waiting, 300, "a record, a message and an alarm for each value");

        gate.open();
        let values = heard(&mut nodes, 1, 100).await;
        assert_eq!(values[..3], [0, 1, 2]);
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!(toy.records_durable, 100);
    });
}

#[test]
fn when_the_disk_fails_the_node_ends_with_the_reason_and_nothing_was_sent() {
    // RUN-1, RUN-4.
    let gate = Gate::shut();
    watched(async {
        let mut nodes = gated_and_free(&gate).await;
        for value in 0..10 {
            nodes[0].handle.request(ToyRequest::Propose(value)).unwrap();
        }
        look(&mut nodes, 0).await;
        gate.fail();
        let error = ended(&mut nodes, 0).await.unwrap_err();
        assert!(matches!(error, NodeError::Disk { machine: "toy", .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("the disk of toy failed: the disk is full"), "{text}");
        assert!(text.contains("free space"), "{text}");
        assert!(error.is_disk_full());

        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!((toy.sent, toy.unsent_down, toy.records_durable), (0, 0, 0));
        assert_eq!(nodes[1].snapshot().machines[0].frames, 0);
        assert!(nodes[0].handle.request(ToyRequest::Propose(1)).is_err(), "the node has stopped");
    });
}

#[test]
fn records_that_wait_together_share_a_commit() {
    let gate = Gate::shut();
    watched(async {
        let mut nodes = gated_and_free(&gate).await;
        for value in 0..1_000 {
            nodes[0].handle.request(ToyRequest::Propose(value)).unwrap();
        }
        look(&mut nodes, 0).await;
        gate.open();
        heard(&mut nodes, 1, 1_000).await;
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!(toy.records_durable, 1_000);
        assert!(toy.commits <= 2, "{} commits", toy.commits);
        assert_eq!(toy.commit_micros.count(), toy.commits);
        assert_eq!(toy.group_records.sum, 1_000);
    });
}

#[test]
fn four_nodes_commit_values_with_all_their_disks() {
    watched(async {
        let mut links = [listen(1).await, listen(2).await, listen(3).await, listen(4).await];
        introduce(&mut links);
        let start = |(number, links)| {
            let setup = Setup { journal: Gate::open_journal(), ..Setup::default() };
            Running::start(links, (number, 4), setup)
        };
        let mut nodes: Vec<_> = (1..).zip(links).map(start).collect();
        for value in 0..100 {
            nodes[0].handle.request(ToyRequest::Propose(value)).unwrap();
        }
        let mut values = commits(&mut nodes, 0, 100).await;
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!((toy.marks["toy.started"], toy.marks["toy.committed"]), (1, 100));
    });
}

/// A journal with an error of the program in it.
struct Panicking;

impl Journal<ToyRecord> for Panicking {
    fn append(&mut self, record: ToyRecord) -> Result<(), JournalError> {
        assert!(record.0 == 0, "on purpose");
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn release(&mut self, _: RecordNumber) -> Result<(), JournalError> {
        Ok(())
    }
}

#[test]
fn when_the_disk_thread_dies_the_node_ends_and_nothing_was_sent() {
    // RUN-4.
    watched(async {
        let setup = Setup { journal: Some(Box::new(Panicking)), ..Setup::default() };
        let mut nodes = [Running::start(listen(1).await, (1, 2), setup)];
        nodes[0].handle.request(ToyRequest::Propose(1)).unwrap();
        let error = ended(&mut nodes, 0).await.unwrap_err();
        assert!(matches!(error, NodeError::ThreadDied { thread: "toy" }), "{error:?}");
        assert!(!error.is_disk_full());
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!((toy.sent, toy.unsent_down), (0, 0));
    });
}
