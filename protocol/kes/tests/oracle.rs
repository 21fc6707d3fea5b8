//! The same tree as others: with the functions of `kes-summed-ed25519` 0.2.1 (Blake2b, compact
//! sums of depth 1, 3 and 7) every root and signature is the one that this crate prints.
//!
//! `oracle/vectors.txt` was printed by that crate for the seed 00 01 .. 1f and 32 bytes 5a as the
//! message; its keys allow 128 periods at most.

use blake2b_simd::Params;
use quorate_crypto::real::RealSigner;
use quorate_kes::{Blake3Tree, Period, SecretKey, Seed, Tree};
use quorate_types::Digest;
use quorate_wire::encode;

const VECTORS: &str = include_str!("oracle/vectors.txt");
const MESSAGE: Digest = Digest::new([0x5a; 32]);

struct Blake2bTree;

fn blake2b(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Params::new().hash_length(32).to_state();
    parts.iter().for_each(|part| {
        state.update(part);
    });
    state.finalize().as_bytes().try_into().expect("32 bytes were asked for")
}

impl Tree for Blake2bTree {
    type Leaf = RealSigner;

    fn leaf(&self, seed: &Seed) -> RealSigner {
        Blake3Tree.leaf(seed)
    }

    fn split(seed: &Seed) -> (Seed, Seed) {
        let derived = |tag: u8| Seed::new(blake2b(&[&[tag], seed.as_bytes()]));
        (derived(1), derived(2))
    }

    fn join(left: &Digest, right: &Digest) -> Digest {
        Digest::new(blake2b(&[left.as_bytes(), right.as_bytes()]))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of a depth: its root, and the signatures of some periods.
fn printed(depth: usize) -> (String, Vec<(u32, String)>) {
    let mut lines = VECTORS.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let head = lines.find(|words| words[..2] == ["depth", &depth.to_string()]);
    let signatures = lines.take_while(|words| words[0] == "period");
    let signatures =
        signatures.map(|words| (words[1].parse().expect("a number"), words[3].to_owned()));
    (head.expect("the depth was printed")[3].to_owned(), signatures.collect())
}

fn signs_as_printed<const DEPTH: usize>(signature_count: usize) {
    let (root, signatures) = printed(DEPTH);
    assert_eq!(signatures.len(), signature_count, "depth {DEPTH}");
    let seed = core::array::from_fn(|index| u8::try_from(index).expect("below 32"));
    let mut key: SecretKey<_, DEPTH> = SecretKey::generate(Blake2bTree, Seed::new(seed));
    assert_eq!(key.root().to_hex(), root, "depth {DEPTH}");
    for (period, expected) in signatures {
        while key.period() < Period::new(period) {
            key.evolve().expect("it has further periods");
        }
        assert_eq!(hex(&encode(&key.sign(&MESSAGE))), expected, "depth {DEPTH}, {}", key.period());
    }
}

#[test]
fn roots_and_signatures_are_those_of_the_public_crate() {
    signs_as_printed::<1>(2);
    signs_as_printed::<3>(8);
    signs_as_printed::<7>(4);
}
