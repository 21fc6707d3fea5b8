//! What goes over links comes back the same, and nothing claims more than it may.
use std::vec;

use quorate_types::Epoch;
use quorate_wire::{DecodeError, decode, encode};

use super::{ArchiveMessage, Deltas, FirstPart, GetDeltas, GetFirst};
use crate::limits::{ARCHIVE_DELTA_BYTES_MAX, ARCHIVE_DELTAS_MAX, ARCHIVE_PART_BYTES};

fn part(bytes: usize) -> ArchiveMessage {
    let bytes = vec![7; bytes];
    ArchiveMessage::First(FirstPart { epoch: Epoch::new(3), length: 9, from: 2, bytes })
}

fn deltas(deltas: &[usize]) -> ArchiveMessage {
    let deltas = deltas.iter().map(|length| vec![8; *length]).collect();
    ArchiveMessage::Deltas(Deltas { after: Epoch::new(4), deltas })
}

#[test]
fn every_message_is_read_back_as_it_was_written_and_keeps_its_bound() {
    let messages = [
        (ArchiveMessage::GetFirst(GetFirst { from: 5 }), 5),
        (part(ARCHIVE_PART_BYTES), ARCHIVE_PART_BYTES + 21),
        (ArchiveMessage::GetDeltas(GetDeltas { after: Epoch::new(6) }), 9),
        (deltas(&[]), 13),
        (deltas(&[ARCHIVE_DELTA_BYTES_MAX]), ARCHIVE_DELTA_BYTES_MAX + 17),
    ];
    for (message, length) in messages {
        let bytes = encode(&message);
        assert_eq!(bytes.len(), length, "tag {}", bytes[0]);
        assert_eq!(decode(&bytes), Ok(message));
    }
}

#[test]
fn who_claims_more_than_there_may_be_is_refused() {
    let too_much = [
        part(ARCHIVE_PART_BYTES + 1),
        deltas(&[ARCHIVE_DELTA_BYTES_MAX + 1]),
        deltas(&[0; ARCHIVE_DELTAS_MAX + 1]),
    ];
    for message in too_much {
        let refused = decode::<ArchiveMessage>(&encode(&message));
        assert!(matches!(refused, Err(DecodeError::OverLimit { .. })), "{refused:?}");
    }
}
