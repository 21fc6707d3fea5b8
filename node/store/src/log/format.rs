//! The bytes of the log: segment headers, batches and records.
//!
//! ```text
//! segment   | header block | batch | batch | ... | seal | (old bytes or zeros) |
//! batch     | magic life number first count body kind link crc | record ... | zeros to 4096 |
//! record    | length u32 | kind u8 | payload |
//! ```
//!
//! All integers are little endian. Every write covers whole blocks of 4096 bytes, so no write
//! touches a block that holds acknowledged records, and none needs a block to be read first.
//!
//! The unit of validity is the batch: what one commit wrote. Its CRC32C recognises a batch without
//! knowing what precedes it, which tells rot in the middle from a torn tail. Its link, BLAKE3 over
//! the previous link, the header and the body, ties it to the one history of this log. `life` names
//! one use of a segment file: it is derived from a salt that peers cannot know and from the
//! sequence of the segment, so bytes of a former use, or bytes that a peer chose, are not taken for
//! a batch.
//!
//! # Invariants
//! - STO-3: a batch of a former use of a segment file is never recovered: its life, its number and
//!   its link differ.

use std::fmt;

use super::RecordNumber;

/// The unit of writing, in bytes.
pub(super) const BLOCK_BYTES: usize = 4096;
/// The length of a batch header, in bytes.
pub(super) const BATCH_HEADER_BYTES: usize = 84;
/// What a record needs besides its payload, in bytes.
pub(super) const RECORD_HEADER_BYTES: usize = 5;
/// The length of a link of the chain, in bytes.
pub(super) const LINK_BYTES: usize = 32;

const SEGMENT_MAGIC: [u8; 8] = *b"QUOSEGMT";
const BATCH_MAGIC: [u8; 8] = *b"QUOBATCH";
const VERSION: u64 = 1;
const SEGMENT_HEADER_BYTES: usize = 160;
const SECTOR_BYTES: usize = 512;
const LINK_AT: usize = 48;
const CRC_AT: usize = LINK_AT + LINK_BYTES;

// A header is written whole or not at all because it lies within one sector.
const _: () = assert!(SEGMENT_HEADER_BYTES <= SECTOR_BYTES);
const _: () = assert!(CRC_AT + 4 == BATCH_HEADER_BYTES);

/// A link of the chain over all batches.
pub(super) type Link = [u8; LINK_BYTES];

/// The position in the history of the log after some batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The number that the next record gets.
    pub(super) record: RecordNumber,
    /// The number that the next batch gets.
    pub(super) batch: u64,
    /// The link that the next batch continues.
    pub(super) link: Link,
}

/// The first block of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) identity: [u8; 32],
    pub(super) salt: [u8; 32],
    pub(super) sequence: u64,
    /// The lowest sequence that was still needed when this header was written.
    pub(super) oldest_sequence: u64,
    pub(super) segment_bytes: u64,
    pub(super) start: Position,
}

/// What a block turned out to hold where a segment header should be.
pub(super) enum HeaderBlock {
    /// A header of this format.
    Valid(SegmentHeader),
    /// Only zeros: a file that was never used.
    Blank,
    /// A header of a version that this program does not know.
    OtherVersion,
    /// None of these.
    Unreadable,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BLOCK_BYTES);
        bytes.extend_from_slice(&SEGMENT_MAGIC);
        let numbers = [
            VERSION,
            self.sequence,
            self.oldest_sequence,
            self.segment_bytes,
            self.start.record.get(),
            self.start.batch,
        ];
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.identity);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.start.link);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&u64::from(crc).to_le_bytes());
        assert_eq!(bytes.len(), SEGMENT_HEADER_BYTES, "the header has a fixed length");
        bytes.resize(BLOCK_BYTES, 0);
        bytes
    }

    pub(super) fn decode(block: &[u8]) -> HeaderBlock {
        if block.iter().all(|byte| *byte == 0) {
            return HeaderBlock::Blank;
        }
        let Some(fields) = block.get(..SEGMENT_HEADER_BYTES) else {
            return HeaderBlock::Unreadable;
        };
        let (covered, crc) = fields.split_at(SEGMENT_HEADER_BYTES - 8);
        let valid = covered.starts_with(&SEGMENT_MAGIC)
            && read_u64(crc, 0) == u64::from(crc32c::crc32c(covered));
        if !valid {
            return HeaderBlock::Unreadable;
        }
        if read_u64(covered, 8) != VERSION {
            return HeaderBlock::OtherVersion;
        }
        HeaderBlock::Valid(Self {
            sequence: read_u64(covered, 16),
            oldest_sequence: read_u64(covered, 24),
            segment_bytes: read_u64(covered, 32),
            identity: read_array(covered, 56),
            salt: read_array(covered, 88),
            start: Position {
                record: RecordNumber::new(read_u64(covered, 40)),
                batch: read_u64(covered, 48),
                link: read_array(covered, 120),
            },
        })
    }

    /// Names this one use of the segment file.
    pub(super) fn life(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"quorate log segment");
        hasher.update(&self.salt);
        hasher.update(&self.identity);
        hasher.update(&self.sequence.to_le_bytes());
        read_u64(hasher.finalize().as_bytes(), 0)
    }
}

/// What a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchKind {
    /// It holds the records of one commit.
    Records,
    /// It holds nothing and says that the log goes on in the next segment.
    Seal,
}

impl BatchKind {
    fn code(self) -> u32 {
        match self {
            Self::Records => 1,
            Self::Seal => 2,
        }
    }
}

/// Records that wait for one commit, laid out as they are written.
pub(super) struct BatchBuffer {
    first: RecordNumber,
    count: u32,
    bytes: Vec<u8>,
}

/// Without the payloads: they are long and not for everyone's eyes.
impl fmt::Debug for BatchBuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("BatchBuffer");
        fields.field("first", &self.first).field("count", &self.count).finish_non_exhaustive()
    }
}

impl BatchBuffer {
    /// Starts a batch in `bytes`, whose content is dropped and whose capacity is reused.
    pub(super) fn new(first: RecordNumber, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(BATCH_HEADER_BYTES, 0);
        Self { first, count: 0, bytes }
    }

    pub(super) fn push(&mut self, kind: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("append checked the length");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend_from_slice(payload);
        self.count += 1;
    }

    /// How many bytes were appended, the header included.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes the log will write for it.
    pub(super) fn padded_len(&self) -> usize {
        padded(self.bytes.len())
    }

    /// Fills in the header; `position` is where the log stands. Returns the bytes to write and the
    /// position afterwards.
    pub(super) fn finish(
        &mut self,
        kind: BatchKind,
        life: u64,
        position: &Position,
    ) -> (&[u8], Position) {
        assert_eq!(self.first, position.record, "STO-2: a batch continues where the log ends");
        let length = self.bytes.len();
        let body = u32::try_from(length - BATCH_HEADER_BYTES).expect("below the segment size");
        let header = &mut self.bytes[..BATCH_HEADER_BYTES];
        header[..8].copy_from_slice(&BATCH_MAGIC);
        header[8..16].copy_from_slice(&life.to_le_bytes());
        header[16..24].copy_from_slice(&position.batch.to_le_bytes());
        header[24..32].copy_from_slice(&self.first.get().to_le_bytes());
        header[32..36].copy_from_slice(&self.count.to_le_bytes());
        header[36..40].copy_from_slice(&body.to_le_bytes());
        header[40..44].copy_from_slice(&kind.code().to_le_bytes());
        let link = link_of(&position.link, &self.bytes);
        self.bytes[LINK_AT..CRC_AT].copy_from_slice(&link);
        let crc = crc_of(&self.bytes);
        self.bytes[CRC_AT..BATCH_HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        self.bytes.resize(padded(length), 0);
        let next = Position {
            record: self.first.plus(u64::from(self.count)),
            batch: position.batch + 1,
            link,
        };
        (&self.bytes, next)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The header of a batch as found on the disk, nothing of it checked but magic and life.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchHeader {
    pub(super) number: u64,
    pub(super) first: RecordNumber,
    pub(super) count: u32,
    body_bytes: u32,
    kind: u32,
}

impl BatchHeader {
    /// The header at the start of `block` if it is one of this use of the segment file.
    pub(super) fn decode(block: &[u8], life: u64) -> Option<Self> {
        let header = block.get(..BATCH_HEADER_BYTES)?;
        // STO-3: bytes of a former use of the file carry another life.
        if !header.starts_with(&BATCH_MAGIC) || read_u64(header, 8) != life {
            return None;
        }
        Some(Self {
            number: read_u64(header, 16),
            first: RecordNumber::new(read_u64(header, 24)),
            count: read_u32(header, 32),
            body_bytes: read_u32(header, 36),
            kind: read_u32(header, 40),
        })
    }

    /// The length of header and body, in bytes.
    pub(super) fn len(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    pub(super) fn is_seal(&self) -> bool {
        self.kind == BatchKind::Seal.code()
    }
}

/// Whether the check sum of header and body holds. `batch` is exactly as long as its header says.
pub(super) fn crc_holds(batch: &[u8]) -> bool {
    read_u32(batch, CRC_AT) == crc_of(batch)
}

/// The link that a batch carries, if it continues `previous`.
pub(super) fn continued_link(previous: &Link, batch: &[u8]) -> Option<Link> {
    let link = link_of(previous, batch);
    (batch[LINK_AT..CRC_AT] == link).then_some(link)
}

/// The kind and payload of the record at the start of `body`, and what follows it.
pub(super) fn split_record(body: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let header = body.get(..RECORD_HEADER_BYTES)?;
    let length = usize::try_from(read_u32(header, 0)).ok()?;
    let rest = &body[RECORD_HEADER_BYTES..];
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((header[4], payload, rest))
}

/// Rounds up to whole blocks.
pub(super) fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(BLOCK_BYTES)
}

fn link_of(previous: &Link, batch: &[u8]) -> Link {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&batch[..LINK_AT]);
    hasher.update(&batch[BATCH_HEADER_BYTES..]);
    *hasher.finalize().as_bytes()
}

fn crc_of(batch: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&batch[..CRC_AT]);
    crc32c::crc32c_append(crc, &batch[BATCH_HEADER_BYTES..])
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(read_array(bytes, at))
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(read_array(bytes, at))
}

fn read_array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the caller checked the length")
}
