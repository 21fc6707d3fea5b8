//! A node that loses power comes back with what it promised.

use crate::support::journals::{Scratch, open_log};
use crate::support::toy::ToyRequest;
use crate::support::{Running, Setup, commits, heard, introduce, listen, look, until, watched};

/// A toy on the log in this directory.
fn recovered(scratch: &Scratch) -> Setup {
    let (journal, recovered) = open_log(scratch.path());
    Setup { journal: Some(Box::new(journal)), recovered, ..Setup::default() }
}

#[test]
fn after_a_loss_of_power_a_node_knows_all_that_it_acknowledged() {
    let scratch = Scratch::new();
    watched(async {
        let mut links = [listen(1).await, listen(2).await, listen(3).await];
        introduce(&mut links);
        let others = [Scratch::new(), Scratch::new()];
        let setups = [recovered(&scratch), recovered(&others[0]), recovered(&others[1])];
        let start = |((number, links), setup)| Running::start(links, (number, 3), setup);
        let mut nodes: Vec<_> = (1..).zip(links).zip(setups).map(start).collect();
        for value in 0..50 {
            nodes[1].handle.request(ToyRequest::Propose(value)).unwrap();
        }
        let acknowledged = commits(&mut nodes, 1, 50).await;
        // Committed means: all three have it, the first too.
        nodes[0].kill();

        let again = recovered(&scratch);
        for value in &acknowledged {
            assert!(again.recovered.contains(value), "{value} is lost");
        }
        // The port may be taken meanwhile, so the node comes back under another address.
        let mut links = [listen(1).await, listen(9).await];
        introduce(&mut links);
        let [first, witness] = links;
        let mut nodes = [
            Running::start(first, (1, 1), again),
            Running::start(witness, (9, 1), Setup::default()),
        ];
        assert_eq!(look(&mut nodes, 0).await.len(), 50);
        nodes[0].handle.request(ToyRequest::Propose(77)).unwrap();
        until(&mut nodes, 0, |now| now.machines[0].records_durable == 1).await;
        nodes[0].kill();
        assert_eq!(open_log(scratch.path()).1.last(), Some(&77));
    });
}

#[test]
fn a_node_that_is_told_to_stop_finishes_what_waits_for_its_disk() {
    let scratch = Scratch::new();
    watched(async {
        let mut links = [listen(1).await, listen(2).await];
        introduce(&mut links);
        let [first, second] = links;
        let mut nodes = [
            Running::start(first, (1, 2), recovered(&scratch)),
            Running::start(
                second,
                (2, 2),
                Setup {
                    journal: crate::support::journals::Gate::open_journal(),
                    ..Setup::default()
                },
            ),
        ];
        nodes[0].handle.request(ToyRequest::Propose(1_000)).unwrap();
        heard(&mut nodes, 1, 1).await;
        for value in 0..200 {
            nodes[0].handle.request(ToyRequest::Propose(value)).unwrap();
        }
        look(&mut nodes, 0).await;
        nodes[0].control.stop();
        let outcome = crate::support::ended(&mut nodes, 0).await;
        assert!(outcome.is_ok(), "{outcome:?}");
        let toy = &nodes[0].snapshot().machines[0];
        assert_eq!((toy.records_durable, toy.effects_waiting), (201, 0));
        assert!(toy.sent >= 201);
        assert_eq!(open_log(scratch.path()).1.len(), 201);
    });
}
