//! Client that sends requests as fast as the line takes them: good ones, badly signed ones, or
//! those that cost the most to check (G01).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Bundle, BundleBody, Opening, Operation, Request, SessionId};
use quorate_types::{Epoch, RequestId, Slot};

use super::{Act, Guise, Nuisance, hello, ordered};

/// Different requests of one connection; they are sent in turns.
const REQUESTS: u64 = 400;
/// Connections, each a session of its own under the one key.
const CONNECTIONS: usize = 3;

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloodKind {
    /// Well signed requests to a session that nobody opened.
    Valid,
    /// Requests whose signature is for other bytes.
    Invalid,
    /// Requests with two signatures, every other one bad: a batch that is checked at once fails,
    /// and has to be checked again one by one.
    Expensive,
}

/// Sends and never listens.
#[derive(Clone, Copy, Debug)]
pub struct Flooder(pub FloodKind);

impl Flooder {
    fn request(self, guise: &Guise<'_>, number: u64) -> Vec<u8> {
        let group = (guise.system, guise.group);
        let is_bad = match self.0 {
            FloodKind::Valid => false,
            FloodKind::Invalid => true,
            FloodKind::Expensive => number.is_multiple_of(2),
        };
        let body = match self.0 {
            FloodKind::Valid | FloodKind::Invalid => invoke(number),
            FloodKind::Expensive => {
                let opening = Opening { number, nonce: number };
                BundleBody::Open { certificate: guise.certificate.clone(), opening }
            }
        };
        let mut bundle = Bundle::sign(group, body, guise.signer);
        if is_bad {
            // A good signature on something else: only the whole check tells.
            bundle.signature = Bundle::sign(group, invoke(number + 1), guise.signer).signature;
        }
        let request = Request { bundle: Arc::new(bundle), is_retry: false };
        ordered(guise, &quorate_wire::encode(&Message::Request(request)))
    }
}

fn invoke(number: u64) -> BundleBody {
    let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 7 };
    let operations =
        vec![Operation { id: RequestId::new(number + 1), payload: number.to_be_bytes().to_vec() }];
    BundleBody::Invoke { session, ack_upto: RequestId::ZERO, operations }
}

impl Nuisance for Flooder {
    fn name(&self) -> &'static str {
        match self.0 {
            FloodKind::Valid => "flooder-valid",
            FloodKind::Invalid => "flooder-invalid",
            FloodKind::Expensive => "flooder-expensive",
        }
    }

    fn connections(&self) -> usize {
        CONNECTIONS
    }

    fn acts(&self, guise: &Guise<'_>, connection: usize) -> Vec<Act> {
        let first = connection as u64 * REQUESTS;
        let requests = (first..first + REQUESTS).flat_map(|number| self.request(guise, number));
        let greeting = hello(guise, connection as u64 + 1);
        vec![Act::Tls, Act::Write(greeting), Act::Repeat(requests.collect())]
    }
}
