//! What the search needs to know of an object: its states, and what a call does to them.

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential, deterministic object.
pub trait Model {
    /// What the object remembers.
    type State: Clone + Eq + Hash;
    /// What a caller asks.
    type Input: Debug;
    /// What a caller is told.
    type Output: PartialEq + Debug;

    /// The state before any call.
    fn initial(&self) -> Self::State;

    /// Changes `state` as the call does and returns what the caller is told.
    fn apply(&self, state: &mut Self::State, input: &Self::Input) -> Self::Output;
}

/// An object made of independent parts: a call touches, and sees, the part of one key only.
pub trait KeyedModel: Model {
    /// What names a part.
    type Key: Ord + Debug;

    /// The one key that this call touches.
    fn key(&self, input: &Self::Input) -> Self::Key;
}

/// One recorded call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<Input, Output> {
    /// Who called; only names the call in explanations.
    pub process: u64,
    /// What was asked.
    pub input: Input,
    /// When.
    pub invoked: u64,
    /// What was answered; `None` if nothing ever was: the call may have happened or not.
    pub answer: Option<Return<Output>>,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return<Output> {
    /// When it came, at or after the invocation.
    pub at: u64,
    /// What it said.
    pub output: Output,
}

/// The calls of a model.
pub type CallOf<M> = Call<<M as Model>::Input, <M as Model>::Output>;

impl<Input: Debug, Output: Debug> Call<Input, Output> {
    /// The call in one line.
    pub(super) fn explain(&self) -> String {
        let Self { process, input, invoked, answer } = self;
        match answer {
            Some(Return { at, output }) => {
                format!("p{process} {input:?} -> {output:?} [{invoked}, {at}]")
            }
            None => format!("p{process} {input:?} [{invoked}, never]"),
        }
    }
}
