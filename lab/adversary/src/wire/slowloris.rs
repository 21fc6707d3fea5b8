//! Peer that says everything one byte at a time: in the handshake, in a header, in a body (G03).

use std::time::Duration;

use super::{Act, FRAME_BYTES_MAX, Guise, KIND_ORDERED, Nuisance, frame, hello};

/// Behind each byte.
const PAUSE: Duration = Duration::from_millis(500);
/// The begin of a TLS record that claims 512 bytes of a client's hello, and no more of it.
const TLS_RECORD: [u8; 9] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc];
/// Bytes of a body that it has; far too few for what it claims.
const BODY_BYTES: usize = 1_000;

/// Where it is slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slowloris {
    /// Before TLS is finished.
    Handshake,
    /// In the first frame, before the server knows who it is.
    Header,
    /// In the body of a frame, as a known client.
    Body,
}

impl Nuisance for Slowloris {
    fn name(&self) -> &'static str {
        match self {
            Self::Handshake => "slowloris-handshake",
            Self::Header => "slowloris-header",
            Self::Body => "slowloris-body",
        }
    }

    fn connections(&self) -> usize {
        20
    }

    fn acts(&self, guise: &Guise<'_>, connection: usize) -> Vec<Act> {
        let hello = hello(guise, 100 + connection as u64);
        match self {
            Self::Handshake => vec![Act::Trickle(TLS_RECORD.repeat(10), PAUSE), Act::Hold],
            Self::Header => vec![Act::Tls, Act::Trickle(hello, PAUSE), Act::Hold],
            Self::Body => {
                let body = frame(KIND_ORDERED, FRAME_BYTES_MAX, &[0; BODY_BYTES]);
                vec![Act::Tls, Act::Write(hello), Act::Trickle(body, PAUSE), Act::Hold]
            }
        }
    }
}
