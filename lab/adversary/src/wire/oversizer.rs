//! Peer that claims more than it has, and more than anybody may: in the header of a frame, in that
//! of its greeting, and in every number and length inside of a message (G04).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Bundle, BundleBody, Operation, Request, SessionId};
use quorate_types::{Epoch, RequestId, Slot};

use super::{
    Act, FRAME_BYTES_MAX, Guise, KIND_HELLO, KIND_ORDERED, Nuisance, frame, hello, ordered,
};

/// What the header of a frame claims.
const CLAIMS: [u32; 4] = [FRAME_BYTES_MAX + 1, 1 << 30, 1 << 31, u32::MAX];
/// What the header of the greeting claims: longer than any greeting.
const GREETING_CLAIM: u32 = 2 * 1024 + 1;
/// Bytes that replace the end of a message: whatever number or length stands there is the largest
/// that it can be, `2^32 - 1` for a count and `2^64 - 1` for a number.
const ONES: [u8; 16] = [0xff; 16];

/// Claims.
#[derive(Clone, Copy, Debug)]
pub struct Oversizer;

impl Nuisance for Oversizer {
    fn name(&self) -> &'static str {
        "oversizer"
    }

    fn connections(&self) -> usize {
        CLAIMS.len() + 2
    }

    fn acts(&self, guise: &Guise<'_>, connection: usize) -> Vec<Act> {
        let greeting = hello(guise, 200 + connection as u64);
        if let Some(claim) = CLAIMS.get(connection) {
            let oversize = frame(KIND_ORDERED, *claim, &[0; 100]);
            return vec![Act::Tls, Act::Write(greeting), Act::Write(oversize), Act::Hold];
        }
        if connection == CLAIMS.len() {
            let oversize = frame(KIND_HELLO, GREETING_CLAIM, &[0; 100]);
            return vec![Act::Tls, Act::Write(oversize), Act::Hold];
        }
        let message = message(guise);
        let twisted = (0..message.len()).map(|end| [&message[..end], &ONES[..]].concat());
        let frames = twisted.flat_map(|message| ordered(guise, &message)).collect();
        vec![Act::Tls, Act::Write(greeting), Act::Write(frames), Act::Hold]
    }
}

/// A good request: what is twisted is right up to there.
fn message(guise: &Guise<'_>) -> Vec<u8> {
    let operations = vec![Operation { id: RequestId::new(1), payload: vec![1; 10] }];
    let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 7 };
    let body = BundleBody::Invoke { session, ack_upto: RequestId::ZERO, operations };
    let bundle = Bundle::sign((guise.system, guise.group), body, guise.signer);
    let request = Request { bundle: Arc::new(bundle), is_retry: false };
    quorate_wire::encode(&Message::Request(request))
}
