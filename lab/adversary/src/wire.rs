//! Misbehaviour on the wire, below every protocol: one file each, over an interface without
//! sockets.
//!
//! A nuisance is a client with a good key and nothing good in mind. It says what it does on each
//! of its connections, as a list of acts; whoever has sockets performs them (`lab/rounds`, on a
//! real server). It writes frames by their description in `node/net`, not by its code.

use std::time::Duration;

use quorate_crypto::{ClientCertificate, Signer};
use quorate_membership::EpochKeyCertificate;
use quorate_types::{GroupId, SystemId};

mod flooder;
mod half_open;
mod impostor;
mod oversizer;
mod slowloris;
#[cfg(test)]
mod tests;

pub use flooder::{FloodKind, Flooder};
pub use half_open::HalfOpen;
pub use impostor::{Impostor, Pretence};
pub use oversizer::Oversizer;
pub use slowloris::Slowloris;

/// Largest body of a frame in bytes, as servers accept it.
pub const FRAME_BYTES_MAX: u32 = 4 * 1024 * 1024;

/// Data of the class for requests.
const KIND_ORDERED: u8 = 1;
const KIND_HELLO: u8 = 4;
/// The tag of frames for replica groups.
const TAG_ORDERING: u8 = 1;

/// What is done on one connection, after the one before. A connection begins as bare TCP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Finish the TLS handshake.
    Tls,
    /// Write these bytes.
    Write(Vec<u8>),
    /// Write these bytes one by one, with a pause behind each.
    Trickle(Vec<u8>, Duration),
    /// Write these bytes again and again, until it is over.
    Repeat(Vec<u8>),
    /// Say nothing until it is over.
    Hold,
}

/// What a nuisance knows of its victim's system, and who it is there.
pub struct Guise<'a> {
    /// The system.
    pub system: SystemId,
    /// The group of the ordered service.
    pub group: GroupId,
    /// What a server of the system shows of itself, as anybody reads it who connects to it.
    pub server: &'a EpochKeyCertificate,
    /// Its own key, which its links prove.
    pub signer: &'a dyn Signer,
    /// The authority's word for it.
    pub certificate: &'a ClientCertificate,
}

impl std::fmt::Debug for Guise<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guise({:?})", self.certificate.grant.client)
    }
}

/// One way of being a nuisance.
pub trait Nuisance {
    /// What it is called: lower case with hyphens.
    fn name(&self) -> &'static str;

    /// How many connections it opens.
    fn connections(&self) -> usize;

    /// What it does on one of them, from 0.
    fn acts(&self, guise: &Guise<'_>, connection: usize) -> Vec<Act>;
}

/// A frame: `u32` length (little-endian), `u8` kind, body. The claim may be a lie.
fn frame(kind: u8, claim: u32, body: &[u8]) -> Vec<u8> {
    [&claim.to_le_bytes()[..], &[kind], body].concat()
}

fn honest_frame(kind: u8, body: &[u8]) -> Vec<u8> {
    frame(kind, u32::try_from(body.len()).expect("frames here are small"), body)
}

/// The greeting of a client's main connection; sessions are told apart by their number.
fn hello(guise: &Guise<'_>, session: u64) -> Vec<u8> {
    let mut body = b"quorate\0".to_vec();
    body.extend([1, 0, 1, 0]);
    body.extend(guise.system.as_bytes());
    body.extend([1, 0]);
    body.extend(session.to_le_bytes());
    // A client shows no certificate.
    body.extend([0; 2]);
    honest_frame(KIND_HELLO, &body)
}

/// A frame for the ordered service.
fn ordered(guise: &Guise<'_>, message: &[u8]) -> Vec<u8> {
    let body = [&[TAG_ORDERING], &guise.group.as_bytes()[..], message].concat();
    honest_frame(KIND_ORDERED, &body)
}
