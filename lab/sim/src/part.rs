//! A machine inside a machine: how a system of several kinds of participants becomes one type.

use quorate_machine::{Effect, Effects, Machine};

/// A machine whose values are some of those of `M`.
pub trait Part<M: Machine>: Machine + Sized {
    /// Its record, as one of the whole.
    fn record(record: Self::Record) -> M::Record;
    /// Its message, as one of the whole.
    fn message(message: Self::Outbound) -> M::Outbound;
    /// Its timer, as one of the whole.
    fn timer(timer: Self::Timer) -> M::Timer;
    /// Its output, as one of the whole.
    fn output(output: Self::Output) -> M::Output;
}

/// Hands the effects of a part to the whole, in their order.
pub fn pass_on<P: Part<M>, M: Machine>(part: &mut Effects<P>, whole: &mut Effects<M>) {
    for effect in part.drain() {
        whole.push(match effect {
            Effect::Persist(record) => Effect::Persist(P::record(record)),
            Effect::Release(number) => Effect::Release(number),
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
