//! What the clients of a run ask for: each operation is a function of the run's seed and of its
//! own number, so that shrinking may take any of them out.

use std::sync::Arc;

use quorate_crypto::{Domain, Signer, hash_of};
use quorate_dht::object::{KEEP_FOR_EVER, register_id};
use quorate_dht::{Body, ContentKind, ObjectKey, Operation, Value};
use quorate_history::Prng;
use quorate_types::{Duration, Epoch, ObjectId};

use super::lens::PATIENCE;

/// How far back a read of content looks for a put.
const LOOK_BACK: u64 = 40;
/// Numbers from here on read, one after the other, everything that was put.
pub(crate) const SWEEP: u64 = 1 << 32;
/// Longest content; now and then one is much longer.
const BODY_BYTES_MAX: u64 = 300;
const LONG_BODY_BYTES: usize = 70_000;
/// Chance in 1,000 that the caller soon loses patience.
const IMPATIENT_PER_MILLE: u64 = 100;
/// The write of each object that deletes it, by its number among the operations.
const DELETION: u64 = 50;

/// What is asked for in a run.
#[derive(Debug)]
pub(crate) struct Workload {
    prng: Prng,
    owners: Vec<Arc<dyn Signer>>,
    /// Chance in 1,000 that an operation is about a public-key object.
    registers_per_mille: u64,
}

enum Kind {
    Write,
    Read,
    Put,
    Get,
    Stat,
}

impl Workload {
    pub(crate) fn new(seed: u64, owners: Vec<Arc<dyn Signer>>) -> Self {
        let prng = Prng::from_seed(seed).fork("workload");
        let registers_per_mille = [500, 800, 950][prng.fork("shape").index(3)];
        Self { prng, owners, registers_per_mille }
    }

    fn of(&self, number: u64) -> Prng {
        self.prng.fork(&format!("operation/{number}"))
    }

    fn kind(&self, prng: &mut Prng) -> Kind {
        if prng.chance(self.registers_per_mille) {
            return if prng.chance(450) { Kind::Write } else { Kind::Read };
        }
        match prng.below(10) {
            0..4 => Kind::Put,
            4..8 => Kind::Get,
            _ => Kind::Stat,
        }
    }

    fn body(&self, number: u64) -> Body {
        let mut prng = self.prng.fork(&format!("body/{number}"));
        let length = match prng.below(100) {
            0 => 0,
            // A manifest node is shorter.
            1 if Self::content_kind(number) == ContentKind::Chunk => LONG_BODY_BYTES,
            _ => usize::try_from(prng.below(BODY_BYTES_MAX)).expect("a small number"),
        };
        let mut bytes = hash_of(Domain::Derivation, &number).as_bytes().repeat(length / 32 + 1);
        bytes.truncate(length);
        Body::new(bytes)
    }

    fn content_kind(number: u64) -> ContentKind {
        if number.is_multiple_of(5) { ContentKind::Manifest } else { ContentKind::Chunk }
    }

    /// The name of what the operation with this number puts, if it puts anything.
    fn put_key(&self, number: u64) -> Option<ObjectKey> {
        let mut prng = self.of(number);
        let is_put = matches!(self.kind(&mut prng), Kind::Put);
        is_put.then(|| Self::content_kind(number).key_of(&self.body(number)))
    }

    /// What somebody put before, or what nobody ever does.
    fn some_content(&self, prng: &mut Prng, number: u64) -> ObjectKey {
        let from = number.saturating_sub(1 + prng.below(LOOK_BACK));
        let earlier = (from.saturating_sub(LOOK_BACK)..=from).rev();
        let known = earlier.filter(|&earlier| earlier < number).find_map(|one| self.put_key(one));
        let nowhere = || ObjectKey::Chunk(ObjectId::new([prng.next_u64().to_be_bytes()[0]; 32]));
        known.unwrap_or_else(nowhere)
    }

    /// The operation with this number, and how long to try.
    pub(crate) fn operation(&self, number: u64) -> Option<(Operation, Duration)> {
        if let Some(place) = number.checked_sub(SWEEP) {
            let key = self.put_key(place)?;
            return Some((Operation::GetContent(key), PATIENCE));
        }
        let mut prng = self.of(number);
        let kind = self.kind(&mut prng);
        let owner = Arc::clone(&self.owners[prng.index(self.owners.len())]);
        let operation = match kind {
            Kind::Write => Operation::WriteObject { owner, value: self.value(number) },
            Kind::Read => Operation::ReadObject(register_id(&owner.public_key())),
            Kind::Put => {
                let expires = [KEEP_FOR_EVER, Epoch::new(9)][prng.index(2)];
                let kind = Self::content_kind(number);
                Operation::PutContent { kind, body: self.body(number), expires }
            }
            Kind::Get => Operation::GetContent(self.some_content(&mut prng, number)),
            Kind::Stat => Operation::StatContent(self.some_content(&mut prng, number)),
        };
        let is_impatient = prng.chance(IMPATIENT_PER_MILLE);
        let timeout =
            if is_impatient { Duration::from_micros(1 + prng.below(3_000_000)) } else { PATIENCE };
        Some((operation, timeout))
    }

    /// Every write has a value of its own; one in a run deletes.
    fn value(&self, number: u64) -> Value {
        let first = (DELETION..).find(|&one| matches!(self.kind(&mut self.of(one)), Kind::Write));
        if Some(number) == first {
            return Value::Deleted;
        }
        Value::Data(Body::new(number.to_be_bytes().to_vec()))
    }
}
