//! Byzantine client that floods every replica with requests, good ones and badly signed ones (G01).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Bundle, BundleBody, Operation, Request, SessionId};
use quorate_machine::Class;
use quorate_types::{Duration, RequestId, Signature};

use super::{Context, Deeds, Holdings, Sending, Villain};

const PERIOD: Duration = Duration::from_millis(20);
/// Requests to each replica each time.
const BURST: u64 = 8;
/// Operations of the flood carry numbers from here on.
const FIRST_NUMBER: u64 = 1 << 40;

/// Sends more requests than anybody can execute.
#[derive(Default, Debug)]
pub(super) struct ClientFlooder {
    session: Option<SessionId>,
    count: u64,
}

impl Villain<Holdings> for ClientFlooder {
    fn name(&self) -> &'static str {
        "client-flooder"
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if let Message::Request(request) = &*sending.message
            && let BundleBody::Invoke { session, .. } = &request.bundle.body
        {
            self.session = Some(*session);
        }
        deeds.pass(sending);
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let Some(session) = self.session else { return };
        for _ in 0..BURST {
            self.count += 1;
            let payload = (FIRST_NUMBER + self.count).to_be_bytes().to_vec();
            // Far above what the honest half of this client uses.
            let id = RequestId::new(1_000_000 + self.count);
            let operations = vec![Operation { id, payload }];
            let body = BundleBody::Invoke { session, ack_upto: RequestId::ZERO, operations };
            let group = (context.group().system, context.group().group);
            let mut bundle = Bundle::sign(group, body, context.signer());
            if context.prng.chance(300) {
                bundle.signature = Signature::new([0; 64]);
            }
            let request = Request { bundle: Arc::new(bundle), is_retry: context.prng.chance(500) };
            deeds.mark("liar.flooded");
            deeds.send(context.others(), Class::Ordered, Message::Request(request));
        }
    }
}
