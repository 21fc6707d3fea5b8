//! Single replicas, fed by hand with what others really send.

use std::sync::Arc;

use quorate_machine::{Effect, Effects, Input, Machine, RecordNumber};
use quorate_types::{Instant, Now, Resilience, UnixTime};

use crate::host::Host;
use crate::node::Node;
use crate::toy::{Body, Message, Output, Record, Snapshot, ToyHost, ToyMachine, Wish};

const NOW: Now = Now { instant: Instant::from_micros(1), wall: UnixTime::from_micros(1) };
const LEADER: Node = Node::new(0);
const CLIENT: Node = Node::new(4);

/// What a machine did.
#[derive(Default)]
struct Done {
    sent: Vec<Arc<Message>>,
    /// The slots that it executed.
    executed: Vec<u64>,
}

impl Done {
    fn votes(&self) -> Vec<Arc<Message>> {
        self.those(|body| matches!(body, Body::Vote { .. }))
    }

    fn proposals(&self) -> Vec<Arc<Message>> {
        self.those(|body| matches!(body, Body::Propose { .. }))
    }

    fn those(&self, is_wanted: impl Fn(&Body) -> bool) -> Vec<Arc<Message>> {
        self.sent.iter().filter(|message| is_wanted(&message.body)).cloned().collect()
    }
}

fn host() -> ToyHost {
    ToyHost::new(Resilience::new(1).expect("one is few"), 1, None)
}

fn step(machine: &mut ToyMachine, input: Input<ToyMachine>) -> Done {
    let (mut effects, mut done) = (Effects::new(), Done::default());
    machine.step(NOW, input, &mut effects);
    for effect in effects.drain() {
        match effect {
            Effect::Send { message, .. } => done.sent.push(message),
            Effect::Emit(Output::Executed { slot, .. }) => done.executed.push(slot),
            Effect::Emit(Output::Completed { .. })
            | Effect::Persist(_)
            | Effect::Release(_)
            | Effect::Arm { .. }
            | Effect::Disarm(_)
            | Effect::Mark(_) => {}
        }
    }
    done
}

fn deliver(
    host: &mut ToyHost,
    (from, to): (Node, Node),
    machine: &mut ToyMachine,
    message: &Arc<Message>,
) -> Done {
    let admitted = host.admit(to, from, message).expect("it is correct");
    let from = host.peer(from);
    step(machine, Input::Deliver { from, message: admitted })
}

/// The leader's proposals for so many requests of the client, and its votes.
fn proposed(host: &mut ToyHost, count: u64) -> Vec<(Arc<Message>, Arc<Message>)> {
    let (mut client, mut leader) = (host.start(CLIENT, Vec::new()), host.start(LEADER, Vec::new()));
    let propose = |number| {
        let asked = step(&mut client, Input::Request(Wish { number }));
        let done = deliver(host, (CLIENT, LEADER), &mut leader, &asked.sent[0]);
        (done.proposals()[0].clone(), done.votes()[0].clone())
    };
    (0..count).map(propose).collect()
}

/// How a replica votes that gets this proposal first of all.
fn vote_of(host: &mut ToyHost, replica: Node, proposal: &Arc<Message>) -> Arc<Message> {
    let mut machine = host.start(replica, Vec::new());
    deliver(host, (LEADER, replica), &mut machine, proposal).votes()[0].clone()
}

#[test]
fn a_vote_that_a_record_and_a_snapshot_hold_counts_once() {
    let (mut host, [voter, other]) = (host(), [Node::new(1), Node::new(2)]);
    let (proposal, of_leader) = proposed(&mut host, 1).remove(0);
    let snapshot = Snapshot { decided: Vec::new(), voted: vec![Arc::clone(&proposal)] };
    let records =
        [Record::Voted(Arc::clone(&proposal)), Record::Snapshot(Arc::new(snapshot))].into_iter();
    let records = (1..).map(RecordNumber::new).zip(records).collect();
    let mut machine = host.start(voter, records);
    let of_other = vote_of(&mut host, other, &proposal);
    let two_voters = deliver(&mut host, (LEADER, voter), &mut machine, &of_leader);
    assert_eq!(two_voters.executed, Vec::<u64>::new(), "three make a quorum");
    let three = deliver(&mut host, (other, voter), &mut machine, &of_other);
    assert_eq!(three.executed, [0]);
}

#[test]
fn a_proof_of_a_later_slot_is_kept_until_its_turn() {
    let (mut host, late) = (host(), Node::new(3));
    let mut proofs: Vec<Arc<Message>> = Vec::new();
    for (proposal, of_leader) in proposed(&mut host, 3) {
        let others = [1, 2].map(|voter| vote_of(&mut host, Node::new(voter), &proposal));
        let votes = [of_leader].into_iter().chain(others).collect();
        proofs.push(Body::Decided { proposal, votes }.unsigned());
    }
    let mut machine = host.start(late, Vec::new());
    let mut deliver =
        |slot: usize| deliver(&mut host, (LEADER, late), &mut machine, &proofs[slot]).executed;
    assert_eq!(deliver(2), Vec::<u64>::new());
    assert_eq!(deliver(1), Vec::<u64>::new());
    assert_eq!(deliver(0), [0, 1, 2]);
}
