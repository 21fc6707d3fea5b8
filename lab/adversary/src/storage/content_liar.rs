//! Byzantine server that gives other bytes than the name says, also far too many of them (S10).

use std::sync::Arc;

use quorate_dht::limits::CHUNK_BYTES;
use quorate_dht::{Body, ContentReply, Message, Presence};

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Bombs are large, so that not all answers are; with 60 of 1,000 a gate run of 100 seeds had no
/// more than 13 of them at times.
const BOMBS_PER_MILLE: u64 = 200;

/// Twists content.
#[derive(Default)]
pub(super) struct ContentLiar {
    /// A chunk of the greatest length, and one that is longer.
    bombs: Option<[Body; 2]>,
}

impl ContentLiar {
    fn bomb(&mut self, context: &mut Context<'_>) -> Body {
        let make = || [0, 1].map(|more| Body::new(vec![0; CHUNK_BYTES + more]));
        self.bombs.get_or_insert_with(make)[context.prng.index(2)].clone()
    }
}

/// The same length with one bit changed; a byte where there was none.
fn twisted(body: &Body, place: usize) -> Body {
    let mut bytes = body.to_vec();
    match bytes.len() {
        0 => bytes.push(0),
        length => bytes[place % length] ^= 1,
    }
    Body::new(bytes)
}

impl Villain<Holdings> for ContentLiar {
    fn name(&self) -> &'static str {
        "content-liar"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let lie = match &*sending.message {
            Message::Content(_) if context.prng.chance(BOMBS_PER_MILLE) => {
                deeds.mark("liar.bomb");
                let body = Some(self.bomb(context));
                Message::Content(ContentReply { head: sending.message.head(), body })
            }
            Message::Content(ContentReply { head, body: Some(body) }) => {
                deeds.mark("liar.wrong_content");
                let body = Some(twisted(body, context.prng.index(1 << 20)));
                Message::Content(ContentReply { head: *head, body })
            }
            Message::Presence(Presence { head, .. }) => {
                deeds.mark("liar.wrong_length");
                let bytes = [None, Some(u32::MAX), Some(7)][context.prng.index(3)];
                Message::Presence(Presence { head: *head, bytes })
            }
            _ => return deeds.pass(sending),
        };
        deeds.pass(Sending { message: Arc::new(lie), ..sending });
    }
}
