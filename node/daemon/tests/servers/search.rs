//! Looks for many secrets at once, each whole or in half, in every way in which somebody may have
//! written it down.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::Content;

/// Bytes of a secret: a seed, or a scalar.
pub(crate) const SECRET_BYTES: usize = 32;
/// Half of a secret that is left is too much.
const HALF: usize = SECRET_BYTES / 2;
/// By so many bytes a spelling is looked up.
const BEGIN: usize = 8;

/// A secret.
pub(crate) type Secret = [u8; SECRET_BYTES];

/// Secrets that are looked for, each by its number.
pub(crate) struct Search {
    /// The first two bytes that some spelling has: most places are passed over by these.
    begins: Vec<bool>,
    spellings: BTreeMap<[u8; BEGIN], Vec<(Vec<u8>, usize)>>,
}

impl Search {
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut search = Self { begins: vec![false; 1 << 16], spellings: BTreeMap::new() };
        for (number, secret) in secrets.into_iter().enumerate() {
            for spelling in spellings(secret) {
                let begin = *spelling.first_chunk().expect("spellings are longer");
                search.begins[place(&spelling)] = true;
                search.spellings.entry(begin).or_default().push((spelling, number));
            }
        }
        search
    }

    /// The numbers of those that stand in a file.
    pub(crate) fn found_in(&self, file: &Content) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for run in &file.runs {
            for at in 0..run.len().saturating_sub(BEGIN - 1) {
                let rest = &run[at..];
                if self.begins[place(rest)] {
                    found.extend(self.begun_by(rest));
                }
            }
        }
        found
    }

    fn begun_by<'a>(&'a self, rest: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let begin: &[u8; BEGIN] = rest.first_chunk().expect("there are so many");
        let spellings = self.spellings.get(begin).into_iter().flatten();
        spellings.filter(|(spelling, _)| rest.starts_with(spelling)).map(|(_, number)| *number)
    }
}

fn place(bytes: &[u8]) -> usize {
    (usize::from(bytes[0]) << 8) | usize::from(bytes[1])
}

/// A secret as bytes of either order, in hexadecimal digits of either case and in base64 of either
/// alphabet at any place of what is written so.
fn spellings(secret: &Secret) -> Vec<Vec<u8>> {
    let mut reversed = *secret;
    reversed.reverse();
    let mut all = Vec::new();
    for bytes in [*secret, reversed] {
        for half in bytes.chunks(HALF) {
            all.extend([half.to_vec(), hexadecimal(half)]);
            all.push(hexadecimal(half).to_ascii_uppercase());
        }
        for skipped in 0..3 {
            all.extend([b"+/", b"-_"].map(|last| base64(&bytes[skipped..], *last)));
        }
    }
    all
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|it| b"0123456789abcdef"[usize::from(it)]);
    bytes.iter().flat_map(digits).collect()
}

/// The digits that do not depend on what stands behind.
fn base64(bytes: &[u8], last: [u8; 2]) -> Vec<u8> {
    let letters = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last);
    let alphabet: Vec<u8> = letters.collect();
    let digits = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| (bits << 8) | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| alphabet[(bits >> shift) & 63])
    };
    bytes.chunks_exact(3).flat_map(digits).collect()
}

#[test]
fn a_secret_is_found_in_every_spelling_at_every_place_and_no_other_is() {
    let secrets = [3u8, 5, 250].map(|step| {
        let mut byte = 1u8;
        [0; SECRET_BYTES].map(|_: u8| {
            byte = byte.wrapping_mul(17).wrapping_add(step);
            byte
        })
    });
    assert_eq!(base64(b"quorate", *b"+/"), b"cXVvcmF0", "as others write it");
    assert_eq!(hexadecimal(&[0x0f, 0xa0]), b"0fa0");
    let search = Search::of(&secrets);
    let found = |bytes: &[u8]| search.found_in(&Content::new("a".into(), bytes));
    for (number, secret) in secrets.iter().enumerate() {
        for spelling in spellings(secret) {
            // Also where a block ends, and behind what is empty.
            for before in [0, 1, 4090, 8191, 70_000] {
                let bytes = [&vec![0; before][..], &spelling, &[7; 5000]].concat();
                assert_eq!(found(&bytes), BTreeSet::from([number]));
            }
            assert!(found(&spelling[1..]).is_empty(), "a part of it says nothing");
        }
    }
}
