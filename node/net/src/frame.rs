//! Frames: how opaque bytes are cut out of a stream without trusting what the stream claims.
//!
//! ```text
//! u32 length of the body (little-endian) | u8 kind | body
//! ```
//!
//! # Invariants
//! - NET-2: memory for a body grows with the bytes that arrived, never with the length claimed.
//! - NET-3: cutting a stream into pieces at any byte changes no frame.

use crate::limits::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES};

/// Priority of a frame. A waiting frame of an earlier class is written before one of a later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Votes and status: small, urgent. Main connection.
    Control,
    /// Batches, requests, replies. Main connection.
    Ordered,
    /// Blobs and state transfer. Bulk connection.
    Bulk,
}

impl Class {
    /// All classes in order of priority.
    pub const ALL: [Self; 3] = [Self::Control, Self::Ordered, Self::Bulk];

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Ordered => 1,
            Self::Bulk => 2,
        }
    }
}

/// What a frame is on the wire: the caller's bytes in a class, or the transport's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Data(Class),
    Ping,
    Hello,
    Refuse,
}

impl FrameKind {
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Data(Class::Control) => 0,
            Self::Data(Class::Ordered) => 1,
            Self::Data(Class::Bulk) => 2,
            Self::Ping => 3,
            Self::Hello => 4,
            Self::Refuse => 5,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Data(Class::Control)),
            1 => Some(Self::Data(Class::Ordered)),
            2 => Some(Self::Data(Class::Bulk)),
            3 => Some(Self::Ping),
            4 => Some(Self::Hello),
            5 => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// The header of a frame with `length` bytes of body.
///
/// # Panics
/// If `length` is over [`FRAME_BYTES_MAX`]: the caller checks before it queues.
pub(crate) fn header(kind: FrameKind, length: usize) -> [u8; FRAME_HEADER_BYTES] {
    assert!(length <= FRAME_BYTES_MAX, "NET-2: a body of {length} bytes was queued");
    let claim = u32::try_from(length).expect("FRAME_BYTES_MAX fits into u32").to_le_bytes();
    [claim[0], claim[1], claim[2], claim[3], kind.to_byte()]
}

/// What a stream claims that no correct peer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameError {
    TooLarge { claimed: usize },
    UnknownKind(u8),
}

/// A whole frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    pub(crate) body: Vec<u8>,
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub(crate) struct Decoder {
    header: [u8; FRAME_HEADER_BYTES],
    header_length: usize,
    open: Option<Open>,
}

/// A frame whose header is complete.
#[derive(Debug)]
struct Open {
    kind: FrameKind,
    claimed: usize,
    body: Vec<u8>,
}

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self { header: [0; FRAME_HEADER_BYTES], header_length: 0, open: None }
    }

    /// Whether a frame has begun and is not complete.
    pub(crate) const fn is_partial(&self) -> bool {
        self.header_length > 0 || self.open.is_some()
    }

    /// Takes bytes from the front of `input` until a frame is complete or the input is used up.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if self.open.is_none() && !self.take_header(input)? {
            return Ok(None);
        }
        let open = self.open.as_mut().expect("a complete header opens a frame");
        let wanted = (open.claimed - open.body.len()).min(input.len());
        let (taken, rest) = input.split_at(wanted);
        grow(&mut open.body, wanted, open.claimed);
        open.body.extend_from_slice(taken);
        *input = rest;
        if open.body.len() < open.claimed {
            return Ok(None);
        }
        Ok(self.open.take().map(|open| Frame { kind: open.kind, body: open.body }))
    }

    /// Fills the header; true once it is complete and valid.
    fn take_header(&mut self, input: &mut &[u8]) -> Result<bool, FrameError> {
        assert!(self.header_length < FRAME_HEADER_BYTES, "NET-3: a whole header was left behind");
        let wanted = (FRAME_HEADER_BYTES - self.header_length).min(input.len());
        let (taken, rest) = input.split_at(wanted);
        self.header[self.header_length..self.header_length + wanted].copy_from_slice(taken);
        self.header_length += wanted;
        *input = rest;
        if self.header_length < FRAME_HEADER_BYTES {
            return Ok(false);
        }
        let (kind, claimed) = parse_header(self.header, FRAME_BYTES_MAX)?;
        self.header_length = 0;
        self.open = Some(Open { kind, claimed, body: Vec::new() });
        Ok(true)
    }
}

/// Checks a header against the largest body allowed here.
pub(crate) fn parse_header(
    header: [u8; FRAME_HEADER_BYTES],
    length_max: usize,
) -> Result<(FrameKind, usize), FrameError> {
    let [a, b, c, d, kind] = header;
    let claimed = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if claimed > length_max {
        return Err(FrameError::TooLarge { claimed });
    }
    match FrameKind::from_byte(kind) {
        Some(kind) => Ok((kind, claimed)),
        None => Err(FrameError::UnknownKind(kind)),
    }
}

/// Makes room for `more` bytes: doubles, but never beyond the claim and at most twice what came.
fn grow(body: &mut Vec<u8>, more: usize, claimed: usize) {
    let needed = body.len() + more;
    if body.capacity() >= needed {
        return;
    }
    let target = needed.max(body.capacity() * 2).min(claimed);
    body.reserve_exact(target - body.len());
    assert!(body.capacity() <= 2 * needed.max(8), "NET-2: room by claim, not by arrival");
}

#[cfg(test)]
mod tests;
