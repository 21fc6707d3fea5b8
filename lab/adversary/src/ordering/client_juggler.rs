//! Byzantine client that abuses the numbers of its requests: the same again for something else,
//! falling, with gaps, acknowledged before they were made, in sessions that are not its own (G06).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Bundle, BundleBody, Operation, Request, SessionId};
use quorate_types::{RequestId, Slot};

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// Operations of this client carry numbers from here on where it makes them up.
const FIRST_NUMBER: u64 = 1 << 41;

/// Numbers its requests as it likes.
#[derive(Default, Debug)]
pub(super) struct ClientJuggler {
    count: u64,
}

impl ClientJuggler {
    fn juggled(&mut self, context: &mut Context<'_>, honest: &Bundle) -> Option<Bundle> {
        let BundleBody::Invoke { session, ack_upto, operations } = &honest.body else {
            return None;
        };
        let (mut session, mut ack_upto) = (*session, *ack_upto);
        let mut operations = operations.clone();
        self.count += 1;
        let payload = (FIRST_NUMBER + self.count).to_be_bytes().to_vec();
        let shift = |operations: &mut Vec<Operation>, by: fn(RequestId) -> RequestId| {
            operations.iter_mut().for_each(|one| one.id = by(one.id));
        };
        match context.prng.below(6) {
            0 => operations[0].payload = payload,
            1 => shift(&mut operations, |id| id.minus(3)),
            2 => shift(&mut operations, |id| id.plus(5_000)),
            3 => ack_upto = RequestId::new(u64::MAX),
            4 => operations = vec![Operation { id: RequestId::new(u64::MAX), payload }],
            _ => session = SessionId { slot: Slot::new(context.prng.below(64)), ..session },
        }
        let body = BundleBody::Invoke { session, ack_upto, operations };
        let group = (honest.system, honest.group);
        Some(Bundle::sign(group, body, context.signer()))
    }
}

impl Villain<Holdings> for ClientJuggler {
    fn name(&self) -> &'static str {
        "client-juggler"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if let Message::Request(request) = &*sending.message
            && let Some(bundle) = self.juggled(context, &request.bundle)
        {
            deeds.mark("liar.numbers_juggled");
            let request = Request { bundle: Arc::new(bundle), is_retry: request.is_retry };
            deeds.send(&peers(&sending.to), sending.class, Message::Request(request));
        }
        deeds.pass(sending);
    }
}
