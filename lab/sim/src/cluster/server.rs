//! A server: the machines that its configuration asks for, side by side.

use std::collections::VecDeque;

use quorate_machine::{Effect, Effects, Input, Machine, RecordNumber};
use quorate_membership::{FreshnessResponder, ResponderRecord};
use quorate_types::Now;

use quorate_dht::Record as StorageRecord;

use super::{
    ClusterMachine, Kept, KeyValueMachine, MembershipMachine, OrderedRecord, Received, Record,
    Timer,
};
use crate::part::Part;
use crate::storage::seat::ServerSeat as StorageServer;

/// A machine of a node, with the list that its effects go to first.
#[derive(Debug)]
pub(super) struct Place<P: Machine> {
    pub(super) machine: P,
    pub(super) effects: Effects<P>,
}

impl<P: Machine> Place<P> {
    pub(super) const fn new(machine: P) -> Self {
        Self { machine, effects: Effects::new() }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<P>) {
        self.machine.step(now, input, &mut self.effects);
    }
}

/// The machines of a server.
#[derive(Debug)]
pub struct ServerSeat {
    pub(super) membership: Option<Place<MembershipMachine>>,
    pub(super) key_value: Option<Place<KeyValueMachine>>,
    pub(super) responder: Place<FreshnessResponder>,
    pub(super) storage: Place<StorageServer>,
    pub(super) journal: Journal,
}

impl ServerSeat {
    /// The replica of the membership service, if the server is in its group.
    #[must_use]
    pub fn membership(&self) -> Option<&MembershipMachine> {
        self.membership.as_ref().map(|place| &place.machine)
    }

    /// The replica of the key-value service, if the server is in its group.
    #[must_use]
    pub fn key_value(&self) -> Option<&KeyValueMachine> {
        self.key_value.as_ref().map(|place| &place.machine)
    }

    /// The storage server.
    #[must_use]
    pub const fn storage(&self) -> &StorageServer {
        &self.storage.machine
    }

    pub(super) fn step(
        &mut self,
        now: Now,
        input: Input<ClusterMachine>,
        effects: &mut Effects<ClusterMachine>,
    ) {
        match input {
            Input::Start => {
                self.step_membership(now, Input::Start);
                self.step_key_value(now, Input::Start);
                self.responder.step(now, Input::Start);
                self.storage.step(now, Input::Start);
            }
            Input::Deliver { from, message } => match message {
                Received::Membership(message) => {
                    self.step_membership(now, Input::Deliver { from, message });
                }
                Received::KeyValue(message) => {
                    self.step_key_value(now, Input::Deliver { from, message });
                }
                Received::Configuration(message) => {
                    let message = (*message).clone();
                    self.responder.step(now, Input::Deliver { from, message });
                }
                Received::Storage(message) => {
                    let message = *message;
                    self.storage.step(now, Input::Deliver { from, message });
                }
            },
            Input::Expired(Timer::Membership(timer)) => {
                self.step_membership(now, Input::Expired(timer));
            }
            Input::Expired(Timer::KeyValue(timer)) => {
                self.step_key_value(now, Input::Expired(timer));
            }
            Input::Expired(Timer::StorageServer(timer)) => {
                self.storage.step(now, Input::Expired(timer));
            }
            Input::Expired(Timer::Configuration(_) | Timer::StorageClient(_))
            | Input::Request(_) => {}
        }
        self.pass_on(effects);
    }

    /// What is for a machine that the server does not run, nobody takes.
    fn step_membership(&mut self, now: Now, input: Input<MembershipMachine>) {
        if let Some(place) = &mut self.membership {
            place.step(now, input);
        }
    }

    fn step_key_value(&mut self, now: Now, input: Input<KeyValueMachine>) {
        if let Some(place) = &mut self.key_value {
            place.step(now, input);
        }
    }

    fn pass_on(&mut self, effects: &mut Effects<ClusterMachine>) {
        let Self { membership, key_value, responder, storage, journal } = self;
        if let Some(place) = membership {
            journal.pass_on(Shelf::Membership, &mut place.effects, effects);
        }
        if let Some(place) = key_value {
            journal.pass_on(Shelf::KeyValue, &mut place.effects, effects);
        }
        journal.pass_on(Shelf::Responder, &mut responder.effects, effects);
        journal.pass_on(Shelf::Storage, &mut storage.effects, effects);
    }
}

/// Whose records these are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shelf {
    Membership,
    KeyValue,
    Responder,
    /// The object store: a record is of no use once it is in the store.
    Storage,
}

const SHELVES: usize = 4;

impl Kept {
    const fn shelf(&self) -> Shelf {
        match self {
            Self::Membership(_) => Shelf::Membership,
            Self::KeyValue(_) => Shelf::KeyValue,
            Self::Responder(_) => Shelf::Responder,
            Self::Storage(_) => Shelf::Storage,
        }
    }
}

/// The logs of a server's machines, in the one log of its node.
#[derive(Default, Debug)]
pub(super) struct Journal {
    /// Number of the last record of the node.
    last: u64,
    /// By shelf: number of its last record.
    own: [u64; SHELVES],
    /// By shelf: the first of its records that is still needed.
    needed: [u64; SHELVES],
    /// Records that may be needed: number in the node's log, shelf, number on the shelf.
    held: VecDeque<(u64, Shelf, u64)>,
}

/// What each machine finds when its server starts again.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) membership: Vec<(RecordNumber, OrderedRecord)>,
    pub(super) key_value: Vec<(RecordNumber, OrderedRecord)>,
    pub(super) responder: Vec<(RecordNumber, ResponderRecord)>,
    /// With their numbers in the node's log.
    pub(super) storage: Vec<(RecordNumber, StorageRecord)>,
    /// The last record of the node.
    pub(super) last: RecordNumber,
}

impl Journal {
    /// Sorts the records of a node by their machines.
    pub(super) fn open(records: Vec<(RecordNumber, Record)>) -> (Self, Found) {
        let mut journal = Self::default();
        let mut found = Found {
            membership: Vec::new(),
            key_value: Vec::new(),
            responder: Vec::new(),
            storage: Vec::new(),
            last: RecordNumber::ZERO,
        };
        for (number, record) in records {
            let shelf = record.kept.shelf();
            (journal.last, found.last) = (number.get(), number);
            journal.own[shelf as usize] = record.number.get();
            journal.hold(shelf);
            match record.kept {
                Kept::Membership(kept) => found.membership.push((record.number, kept)),
                Kept::KeyValue(kept) => found.key_value.push((record.number, kept)),
                Kept::Responder(kept) => found.responder.push((record.number, kept)),
                Kept::Storage(kept) => found.storage.push((number, kept)),
            }
        }
        (journal, found)
    }

    fn pass_on<P: Part<ClusterMachine>>(
        &mut self,
        shelf: Shelf,
        part: &mut Effects<P>,
        whole: &mut Effects<ClusterMachine>,
    ) {
        for effect in part.drain() {
            whole.push(match effect {
                Effect::Persist(record) => {
                    let number = self.append(shelf);
                    Effect::Persist(Record { number, ..P::record(record) })
                }
                Effect::Release(below) => match self.release(shelf, below) {
                    Some(below) => Effect::Release(below),
                    None => continue,
                },
                Effect::Send { to, class, message } => {
                    Effect::Send { to, class, message: P::message(message) }
                }
                Effect::Arm { timer, at } => Effect::Arm { timer: P::timer(timer), at },
                Effect::Disarm(timer) => Effect::Disarm(P::timer(timer)),
                Effect::Emit(output) => Effect::Emit(P::output(output)),
                Effect::Mark(mark) => Effect::Mark(mark),
            });
        }
    }

    /// The number of the next record of a machine, among its own.
    fn append(&mut self, shelf: Shelf) -> RecordNumber {
        self.last += 1;
        self.own[shelf as usize] += 1;
        self.hold(shelf);
        RecordNumber::new(self.own[shelf as usize])
    }

    /// The last record is needed; one of the store only until it is durable, and whatever releases
    /// it stands behind it.
    fn hold(&mut self, shelf: Shelf) {
        let own = self.own[shelf as usize];
        self.held.push_back((self.last, shelf, own));
        if shelf == Shelf::Storage {
            self.needed[shelf as usize] = own + 1;
        }
    }

    /// A machine does not need its records below this one; returns what nobody needs any more. The
    /// last record stays, so that the numbers go on behind it.
    fn release(&mut self, shelf: Shelf, below: RecordNumber) -> Option<RecordNumber> {
        let needed = &mut self.needed[shelf as usize];
        *needed = below.get().max(*needed);
        let before = self.held.len();
        while let Some(&(_, shelf, own)) = self.held.front()
            && self.held.len() > 1
            && own < self.needed[shelf as usize]
        {
            self.held.pop_front();
        }
        let first = self.held.front().map(|(number, _, _)| RecordNumber::new(*number));
        first.filter(|_| self.held.len() < before)
    }
}

#[cfg(test)]
mod tests {
    //! The machines of a server share one log, and none loses a record that it needs.
    use quorate_machine::RecordNumber;

    use super::{Journal, Shelf};

    #[test]
    fn a_record_is_released_when_every_one_before_it_is() {
        let mut journal = Journal::default();
        assert_eq!(journal.append(Shelf::Membership).get(), 1);
        assert_eq!(journal.append(Shelf::KeyValue).get(), 1);
        assert_eq!(journal.append(Shelf::Membership).get(), 2);
        assert_eq!(journal.append(Shelf::KeyValue).get(), 2);
        // The key-value replica needs nothing below its second record, but the first of all is
        // the membership replica's.
        assert_eq!(journal.release(Shelf::KeyValue, RecordNumber::new(2)), None);
        let below = journal.release(Shelf::Membership, RecordNumber::new(2));
        assert_eq!(below, Some(RecordNumber::new(3)));
    }

    #[test]
    fn the_last_record_is_never_released() {
        let mut journal = Journal::default();
        journal.append(Shelf::Responder);
        assert_eq!(journal.release(Shelf::Responder, RecordNumber::new(2)), None);
        assert_eq!(journal.append(Shelf::Responder).get(), 2);
    }
}
