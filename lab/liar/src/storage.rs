//! Byzantine storage server that answers reads with other bytes than it holds (S10), and says of
//! public-key objects that they were never written (S01).
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use quorate_dht::{Body, Message, Server};
use quorate_machine::Effect;
use quorate_runtime::Interceptor;
use quorate_types::Now;

/// Twists the answers of a storage server.
#[derive(Debug)]
pub(crate) struct StorageLiar;

impl Interceptor<Server> for StorageLiar {
    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Server>>) {
        let mut lies = 0;
        for effect in effects.iter_mut() {
            if let Effect::Send { message, .. } = effect {
                lies += usize::from(twist(message));
            }
        }
        // Counted like any mark, so that a run in which it never lied shows.
        effects.extend((0..lies).map(|_| Effect::Mark("liar.storage")));
    }
}

/// Makes a lie of an answer; tells whether it was one that can be made a lie.
fn twist(message: &mut Message) -> bool {
    match message {
        Message::Content(reply) => {
            let had_body = reply.body.is_some();
            reply.body = reply.body.take().map(|body| {
                let mut bytes = body.to_vec();
                bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
                Body::new(bytes)
            });
            had_body
        }
        Message::Versioned(reply) => {
            let had_value = reply.signed.is_some();
            (reply.signed, reply.value) = (None, None);
            had_value
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    //! Content is twisted, and nothing else is lost.
    use quorate_dht::{Body, ContentReply, Head, Message, OperationId};
    use quorate_types::Epoch;

    use super::twist;

    #[test]
    fn content_goes_out_with_other_bytes() {
        let head = Head { epoch: Epoch::ZERO, operation: OperationId::new(1) };
        let body = Some(Body::new(vec![1, 2, 3]));
        let mut message = Message::Content(ContentReply { head, body });
        assert!(twist(&mut message));
        let Message::Content(reply) = message else { panic!("it stays an answer") };
        assert_eq!(reply.body.map(|body| body.to_vec()), Some(vec![0, 2, 3]));
    }
}
