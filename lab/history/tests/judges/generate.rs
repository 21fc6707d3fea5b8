//! Makes histories: of a register that works, of one that was tampered with, of none at all.

use quorate_history::{Kind, Operation, Prng};

/// The size of an execution.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Concurrent callers, each with one call at a time.
    pub(crate) processes: u64,
    /// Calls of all processes together.
    pub(crate) operations: usize,
    /// How many of 1,000 calls never return; their process goes on under the same name.
    pub(crate) give_up: u64,
}

impl Load {
    /// Three or four processes, six to ten operations.
    pub(crate) fn small(prng: &mut Prng) -> Self {
        let operations = 6 + prng.index(5);
        Self { processes: 3 + prng.below(2), operations, give_up: 80 }
    }
}

/// Where a process stands in its call.
#[derive(Clone, Copy)]
enum Stage {
    Idle,
    /// Invoked, and not yet known to the register.
    Invoked(Operation),
    /// The register answered, and the answer is under way.
    Answered(Operation),
}

/// An execution of a real register: calls take effect at one moment between their ends. Some time
/// steps are zero, so moments coincide.
pub(crate) fn execution(prng: &mut Prng, load: impl Fn(&mut Prng) -> Load) -> Vec<Operation> {
    let load = load(prng);
    let mut history = Vec::new();
    let mut stages = vec![Stage::Idle; usize::try_from(load.processes).expect("few processes")];
    let mut register = None;
    let mut now = 0;
    let mut invoked_count = 0;
    while history.len() < load.operations {
        now += prng.below(3);
        let process = prng.index(stages.len());
        stages[process] = match stages[process] {
            Stage::Idle if invoked_count == load.operations => continue,
            Stage::Idle => {
                invoked_count += 1;
                Stage::Invoked(invoke(prng, process, invoked_count, now))
            }
            Stage::Invoked(operation) if prng.chance(load.give_up) => {
                history.push(operation);
                Stage::Idle
            }
            Stage::Invoked(operation) => Stage::Answered(answer(operation, &mut register)),
            Stage::Answered(operation) => {
                let returned = (!prng.chance(load.give_up)).then_some(now);
                history.push(Operation { returned, ..operation });
                Stage::Idle
            }
        };
    }
    history
}

fn invoke(prng: &mut Prng, process: usize, number: usize, now: u64) -> Operation {
    let process = u64::try_from(process).expect("few processes");
    let value = u64::try_from(number).expect("few operations");
    match prng.chance(450) {
        true => Operation::write(process, value, now, None),
        false => Operation::read(process, None, now, None),
    }
}

fn answer(operation: Operation, register: &mut Option<u64>) -> Operation {
    let kind = match operation.kind {
        Kind::Write(value) => {
            *register = Some(value);
            operation.kind
        }
        Kind::Read(_) => Kind::Read(*register),
    };
    Operation { kind, ..operation }
}

/// A real execution with one to three facts changed.
pub(crate) fn mutated(shape: &mut Prng, mutation: &mut Prng) -> Vec<Operation> {
    let mut history = execution(shape, Load::small);
    for _ in 0..=mutation.below(3) {
        mutate(mutation, &mut history);
    }
    history
}

fn mutate(prng: &mut Prng, history: &mut [Operation]) {
    let end = history.iter().map(|each| each.returned.unwrap_or(each.invoked)).max().unwrap_or(0);
    let chosen = prng.index(history.len());
    let other = history[prng.index(history.len())];
    let operation = &mut history[chosen];
    match (prng.below(7), operation.kind, other.kind) {
        (0..=2, Kind::Read(_), Kind::Read(result)) => operation.kind = Kind::Read(result),
        (0..=2, Kind::Read(_), Kind::Write(value)) => operation.kind = Kind::Read(Some(value)),
        (3, Kind::Read(_), _) if prng.chance(200) => operation.kind = Kind::Read(Some(999)),
        (3, Kind::Read(_), _) => operation.kind = Kind::Read(None),
        // Shorter, so that more precedes it and it precedes more.
        (4, _, _) => operation.returned = Some(operation.invoked),
        (5, _, _) => operation.invoked = operation.returned.unwrap_or(end),
        (6, _, _) if prng.chance(500) => operation.returned = None,
        (6, _, _) => operation.returned = Some(operation.invoked + prng.below(end + 1)),
        (0.., Kind::Write(_), _) | (7.., Kind::Read(_), _) => {
            (operation.invoked, operation.returned) = (other.invoked, other.returned);
        }
    }
}

/// Operations at random moments with random results.
pub(crate) fn arbitrary(prng: &mut Prng) -> Vec<Operation> {
    let writes = 2 + prng.below(3);
    let count = 6 + prng.below(5);
    let span = 10 + prng.below(60);
    let operation = |number: u64| {
        let invoked = prng.below(span);
        let returned = (!prng.chance(60)).then(|| invoked + prng.below(1 + span / 3));
        let kind = match (number < writes, prng.below(writes + 1)) {
            (true, _) => Kind::Write(number + 1),
            (false, 0) => Kind::Read(None),
            (false, value) => Kind::Read(Some(value)),
        };
        Operation { process: number % 4, kind, invoked, returned }
    };
    let mut history: Vec<Operation> = (0..count).map(operation).collect();
    prng.shuffle(&mut history);
    history
}
