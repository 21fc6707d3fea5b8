//! What clients asked and were told, each with its place in one order of all events.
//!
//! A moment is the number of an event, drawn before an operation is sent and after its outcome is
//! there: if one returned before another was invoked, in any thread, its number is lower. That is
//! the real-time order which the judges need, with no clock in it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use quorate_dht::ObjectKey;
use quorate_history::wgl::{Call, KeyValueInput, KeyValueOutput, Return};
use quorate_history::{Kind, Operation};

/// A key of the ordered service, and its values.
pub type KvInput = KeyValueInput<String, u64>;
/// What the ordered service answers.
pub type KvOutput = KeyValueOutput<u64>;

/// Content that a client stored under its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its name.
    pub key: ObjectKey,
    /// The seed of its bytes.
    pub seed: u64,
    /// How often it was read, and came back bit for bit.
    pub reads: u64,
    /// Whether it was read when all faults had been healed.
    pub is_read_at_the_end: bool,
}

/// Everything that the clients of a round saw.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Operations on public-key objects, with the number of the object.
    pub registers: Vec<(usize, Operation)>,
    /// Calls of the ordered key-value service.
    pub key_value: Vec<Call<KvInput, KvOutput>>,
    /// Content whose storing was acknowledged.
    pub contents: Vec<Content>,
    /// Outcomes that no correct cluster gives: other bytes than were stored, unknown answers.
    pub impossible: Vec<String>,
    /// Operations without an outcome: refused, or not answered in time.
    pub failures: Vec<String>,
    moment: u64,
}

impl History {
    const fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// A content was read. The same one may have been stored more than once, as the empty one
    /// comes to be in a long run: then it is read for all of them.
    ///
    /// # Panics
    /// If it was not stored.
    pub fn read(&mut self, key: ObjectKey, is_at_the_end: bool) {
        let same = self.contents.iter_mut().filter(|content| content.key == key);
        let mut same = same.peekable();
        same.peek_mut().expect("what is read was stored").reads += 1;
        same.for_each(|content| content.is_read_at_the_end |= is_at_the_end);
    }

    /// Operations that came to an outcome.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        let registers = self.registers.iter().filter(|(_, one)| one.returned.is_some()).count();
        let calls = self.answered();
        let reads: u64 = self.contents.iter().map(|content| content.reads).sum();
        registers + calls + self.contents.len() + usize::try_from(reads).unwrap_or(usize::MAX)
    }

    /// Calls of the ordered service that were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.key_value.iter().filter(|call| call.answer.is_some()).count()
    }
}

/// An operation that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(usize);

/// Writes the history down, for all clients at once.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<History>);

impl Recorder {
    /// What was recorded, to be read or altered.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation on a public-key object is about to be sent.
    pub fn invoke_register(&self, process: u64, register: usize, kind: Kind) -> Ticket {
        let mut history = self.history();
        let invoked = history.next();
        let operation = Operation { process, kind, invoked, returned: None };
        history.registers.push((register, operation));
        Ticket(history.registers.len() - 1)
    }

    /// It returned; a read with this value.
    pub fn return_register(&self, ticket: Ticket, read: Option<Option<u64>>) {
        let mut history = self.history();
        let at = history.next();
        let operation = &mut history.registers[ticket.0].1;
        operation.returned = Some(at);
        if let Some(value) = read {
            operation.kind = Kind::Read(value);
        }
    }

    /// A call of the key-value service is about to be sent.
    pub fn invoke_key_value(&self, process: u64, input: KvInput) -> Ticket {
        let mut history = self.history();
        let invoked = history.next();
        history.key_value.push(Call { process, input, invoked, answer: None });
        Ticket(history.key_value.len() - 1)
    }

    /// It returned.
    pub fn return_key_value(&self, ticket: Ticket, output: KvOutput) {
        let mut history = self.history();
        let at = history.next();
        history.key_value[ticket.0].answer = Some(Return { at, output });
    }
}
