//! Frames survive every cut and no claim costs memory.

use super::{Class, Decoder, Frame, FrameError, FrameKind, header};
use crate::limits::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES};

fn encode(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    [&header(kind, body.len())[..], body].concat()
}

fn decode_all(decoder: &mut Decoder, mut bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        frames.extend(decoder.next(&mut bytes)?);
    }
    Ok(frames)
}

#[test]
fn frames_are_the_same_wherever_the_stream_is_cut() {
    // NET-3.
    let stream = [
        encode(FrameKind::Data(Class::Control), b"vote"),
        encode(FrameKind::Ping, b""),
        encode(FrameKind::Data(Class::Bulk), &[7; 300]),
    ]
    .concat();
    let whole = decode_all(&mut Decoder::new(), &stream).unwrap();
    assert_eq!(whole.len(), 3);
    for cut in 0..=stream.len() {
        let mut decoder = Decoder::new();
        let mut frames = decode_all(&mut decoder, &stream[..cut]).unwrap();
        frames.extend(decode_all(&mut decoder, &stream[cut..]).unwrap());
        assert_eq!(frames, whole, "cut at {cut}");
        assert!(!decoder.is_partial());
    }
}

#[test]
fn bytes_one_by_one_make_the_same_frames() {
    // NET-3.
    let stream = encode(FrameKind::Data(Class::Ordered), b"request");
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for byte in &stream {
        frames.extend(decode_all(&mut decoder, &[*byte]).unwrap());
    }
    assert_eq!(frames[0].body, b"request");
}

#[test]
fn a_claim_of_four_mebibytes_costs_no_memory_until_bytes_arrive() {
    // NET-2.
    let mut decoder = Decoder::new();
    let head = header(FrameKind::Data(Class::Bulk), FRAME_BYTES_MAX);
    assert_eq!(decode_all(&mut decoder, &head), Ok(vec![]));
    assert_eq!(decoder.open.as_ref().unwrap().body.capacity(), 0);
    assert_eq!(decode_all(&mut decoder, &[0; 1000]), Ok(vec![]));
    assert!(decoder.open.as_ref().unwrap().body.capacity() <= 2000);
}

#[test]
fn a_claim_over_the_limit_is_named() {
    let claimed = FRAME_BYTES_MAX + 1;
    let mut bytes = u32::try_from(claimed).unwrap().to_le_bytes().to_vec();
    bytes.push(0);
    assert_eq!(decode_all(&mut Decoder::new(), &bytes), Err(FrameError::TooLarge { claimed }));
}

#[test]
fn every_kind_byte_is_a_kind_or_an_error_by_name() {
    for byte in 0..=u8::MAX {
        let bytes = [0, 0, 0, 0, byte];
        match decode_all(&mut Decoder::new(), &bytes) {
            Ok(frames) => assert_eq!(frames[0].kind.to_byte(), byte),
            Err(error) => assert_eq!(error, FrameError::UnknownKind(byte)),
        }
    }
}

#[test]
fn no_single_byte_change_makes_the_decoder_panic() {
    let stream = encode(FrameKind::Data(Class::Control), &[1; 20]);
    for position in 0..stream.len() {
        for value in 0..=u8::MAX {
            let mut changed = stream.clone();
            changed[position] = value;
            let mut decoder = Decoder::new();
            // NET-2: whatever the header says, memory follows the 20 bytes that came.
            if decode_all(&mut decoder, &changed).is_ok()
                && let Some(open) = &decoder.open
            {
                assert!(open.body.capacity() <= 2 * (stream.len() + FRAME_HEADER_BYTES));
            }
        }
    }
}
