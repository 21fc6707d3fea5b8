//! The atomic register as a model, and the same history judged by search instead of by zones.

use super::{Call, Model, Return, Verdict, check};
use crate::operation::{Kind, Operation};

/// An atomic register; its state is the value, `None` until the first write.
#[derive(Clone, Copy, Debug)]
pub struct Register;

/// A call on a [`Register`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterInput {
    /// Replace the value.
    Write(u64),
    /// Return the value.
    Read,
}

/// An answer of a [`Register`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOutput {
    /// The write is done.
    Written,
    /// The value.
    Value(Option<u64>),
}

impl Model for Register {
    type State = Option<u64>;
    type Input = RegisterInput;
    type Output = RegisterOutput;

    fn initial(&self) -> Self::State {
        None
    }

    fn apply(&self, state: &mut Self::State, input: &Self::Input) -> Self::Output {
        match *input {
            RegisterInput::Write(value) => {
                *state = Some(value);
                RegisterOutput::Written
            }
            RegisterInput::Read => RegisterOutput::Value(*state),
        }
    }
}

/// Judges a history of [`crate::register`] by search. Written values need not be unique.
///
/// # Panics
/// If an operation returned before it was invoked.
pub fn check_register(history: &[Operation], steps_max: u64) -> Verdict {
    let calls: Vec<_> = history.iter().map(call).collect();
    check(&Register, &calls, steps_max)
}

fn call(operation: &Operation) -> Call<RegisterInput, RegisterOutput> {
    let Operation { process, kind, invoked, returned } = *operation;
    let (input, output) = match kind {
        Kind::Write(value) => (RegisterInput::Write(value), RegisterOutput::Written),
        Kind::Read(result) => (RegisterInput::Read, RegisterOutput::Value(result)),
    };
    Call { process, input, invoked, answer: returned.map(|at| Return { at, output }) }
}
