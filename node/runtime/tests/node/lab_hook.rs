//! The hook of the lab: what stands between a machine and the world.

use quorate_machine::{Effect, Input};
use quorate_runtime::Interceptor;
use quorate_types::Now;

use crate::support::journals::Gate;
use crate::support::toy::{Message, PROPOSE, Toy, ToyRequest};
use crate::support::{Running, Setup, heard, introduce, listen, look, registry, watched};

/// Sends other values than the machine wants, and keeps value 13 from it.
struct Liar;

impl Interceptor<Toy> for Liar {
    fn input(&mut self, _: Now, input: Input<Toy>) -> Option<Input<Toy>> {
        let superstitious = matches!(input, Input::Request(ToyRequest::Propose(13)));
        (!superstitious).then_some(input)
    }

    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Toy>>) {
        for effect in effects {
            if let Effect::Send { message, .. } = effect {
                let signer = registry().signer(&[1; 32]);
                *message = Message::sign(PROPOSE, message.value + 1_000, &signer);
            }
        }
    }
}

#[test]
fn the_interceptor_sees_inputs_and_effects_first() {
    watched(async {
        let mut links = [listen(1).await, listen(2).await];
        introduce(&mut links);
        let [first, second] = links;
        let liar = Setup {
            journal: Gate::open_journal(),
            interceptor: Some(Box::new(Liar)),
            ..Setup::default()
        };
        let honest = Setup { journal: Gate::open_journal(), ..Setup::default() };
        let mut nodes =
            [Running::start(first, (1, 2), liar), Running::start(second, (2, 2), honest)];
        nodes[0].handle.request(ToyRequest::Propose(13)).unwrap();
        nodes[0].handle.request(ToyRequest::Propose(5)).unwrap();
        assert_eq!(heard(&mut nodes, 1, 1).await, [1_005]);
        assert_eq!(look(&mut nodes, 0).await, [5]);
        assert_eq!(look(&mut nodes, 1).await, [1_005]);
    });
}
