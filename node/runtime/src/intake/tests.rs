//! What is checked where, in which order, and at whose cost.

use std::sync::Arc;
use std::time::Duration;

use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{Pending, Rejected, SignatureCheck, Signer, Verifiable};
use quorate_machine::Class;
use quorate_types::{ClientId, Digest, Peer};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Admitted, Intake, Origin, Settled};
use crate::block_on;
use crate::cache::CachingVerifier;
use crate::limits::{
    BATCH_SIGNATURE_MICROS, INLINE_SIGNATURES_MAX, JOB_SIGNATURES_MAX, SINGLE_SIGNATURE_MICROS,
};
use crate::metrics::MachineMetrics;
use crate::pool::Pool;

/// More signatures than one tick checks by itself.
const MANY: u64 = INLINE_SIGNATURES_MAX as u64 + 1;
/// Turns a hang into a failure.
const WATCHDOG: Duration = Duration::from_secs(60);

#[derive(Debug, PartialEq, Eq)]
struct Note {
    text: u64,
    checks: Vec<SignatureCheck>,
}

impl Verifiable for Note {
    type Context = ();

    fn checks(&self, _: &(), checks: &mut Vec<SignatureCheck>) -> Result<(), Rejected> {
        checks.extend_from_slice(&self.checks);
        Ok(())
    }
}

struct Bench {
    registry: IdealRegistry,
    verifier: Arc<CachingVerifier>,
    wake: Arc<Notify>,
    pool: Pool,
    intake: Intake<Note>,
}

impl Bench {
    fn new(threads: usize) -> Self {
        let registry = IdealRegistry::new([1; 32]);
        let verifier = Arc::new(CachingVerifier::new(Arc::new(registry.clone())));
        let wake = Arc::new(Notify::new());
        let pool = Pool::start(threads, &verifier, &wake).unwrap();
        let intake = Intake::new(Arc::new(MachineMetrics::default()));
        Self { registry, verifier, wake, pool, intake }
    }

    fn note(&self, from: u8, class: Class, text: u64, signatures: usize) -> Admitted<Note> {
        let signer = self.registry.signer(&[from; 32]);
        let mut digest = [from; 32];
        digest[..8].copy_from_slice(&text.to_be_bytes());
        let checks = (0..signatures).map(|number| {
            digest[8] = u8::try_from(number).unwrap();
            let digest = Digest::new(digest);
            SignatureCheck { key: signer.public_key(), digest, signature: signer.sign(&digest) }
        });
        self.admitted(from, class, Note { text, checks: checks.collect() })
    }

    fn forged(&self, from: u8, text: u64) -> Admitted<Note> {
        let mut note = self.note(from, Class::Ordered, text, 1).pending.checks()[0];
        note.digest = Digest::ZERO;
        self.admitted(from, Class::Ordered, Note { text, checks: vec![note] })
    }

    fn admitted(&self, from: u8, class: Class, note: Note) -> Admitted<Note> {
        let pending = Pending::new(note, &()).unwrap();
        let unknown = self.verifier.unknown_count(pending.checks());
        let from = Peer::Client(ClientId::new([from; 32]));
        Admitted { origin: Origin { from, class, bytes: 10, unknown, place: 0 }, pending }
    }

    fn dispatch(&mut self, notes: Vec<Admitted<Note>>) -> Vec<u64> {
        self.intake.begin_tick();
        let here = self.intake.dispatch(notes, &self.pool, &self.verifier);
        texts(&here)
    }

    /// Waits until the pool has settled this many messages.
    fn settled(&mut self, count: usize) -> Vec<Settled<Note>> {
        let mut all = Vec::new();
        loop {
            all.extend(self.intake.take_settled());
            if all.iter().map(|one: &Settled<Note>| one.origins.len()).sum::<usize>() >= count {
                return all;
            }
            block_on(async { timeout(WATCHDOG, self.wake.notified()).await }).unwrap().unwrap();
        }
    }
}

fn texts(settled: &Settled<Note>) -> Vec<u64> {
    settled.outcomes.iter().flatten().map(|note| note.text).collect()
}

#[test]
fn few_signatures_are_checked_here_and_many_in_the_pool() {
    let mut bench = Bench::new(1);
    let few = vec![bench.note(1, Class::Ordered, 1, 1), bench.note(2, Class::Ordered, 2, 1)];
    assert_eq!(bench.dispatch(few), [1, 2]);
    let many = (3..3 + MANY).map(|text| bench.note(1, Class::Ordered, text, 1)).collect();
    assert_eq!(bench.dispatch(many), []);
    let settled = bench.settled(INLINE_SIGNATURES_MAX + 1);
    assert!(settled.iter().flat_map(texts).eq(3..3 + MANY));
}

#[test]
fn a_vote_does_not_wait_for_the_requests_of_others() {
    let mut bench = Bench::new(1);
    let mut notes = vec![bench.note(9, Class::Control, 1, 1)];
    notes.extend((2..50).map(|text| bench.note(1, Class::Ordered, text, 1)));
    assert_eq!(bench.dispatch(notes), [1]);
    assert_eq!(bench.settled(48).iter().flat_map(texts).count(), 48);
}

#[test]
fn what_is_known_is_settled_at_once_unless_something_of_its_peer_is_on_the_way() {
    // RUN-9.
    let mut bench = Bench::new(1);
    let known = bench.note(1, Class::Ordered, 1, 1);
    assert_eq!(bench.dispatch(vec![known]), [1]);

    let fresh = 2..2 + MANY;
    let of_peer = fresh.clone().map(|text| bench.note(1, Class::Ordered, text, 1));
    let mut notes: Vec<_> = of_peer.collect();
    notes.push(bench.note(1, Class::Ordered, 1, 1));
    notes.push(bench.note(2, Class::Ordered, 80, 0));
    assert_eq!(bench.dispatch(notes), [80], "nothing to check, and nothing in front of it");
    let later = bench.note(1, Class::Ordered, 90, 0);
    assert_eq!(bench.dispatch(vec![later]), [], "it would overtake");
    let settled = bench.settled(INLINE_SIGNATURES_MAX + 3);
    assert!(settled.iter().flat_map(texts).eq(fresh.chain([1, 90])));
    let after = bench.note(1, Class::Ordered, 91, 0);
    assert_eq!(bench.dispatch(vec![after]), [91]);
}

#[test]
fn control_messages_are_settled_one_by_one_until_one_costs_too_much() {
    // RUN-9.
    let mut bench = Bench::new(1);
    let alone = |bench: &mut Bench, note: Admitted<Note>| {
        bench.intake.settle_alone(note, &bench.verifier).map(|settled| texts(&settled))
    };
    let vote = bench.note(1, Class::Control, 1, INLINE_SIGNATURES_MAX - 1);
    assert_eq!(alone(&mut bench, vote).ok(), Some(vec![1]));
    let dear = bench.note(2, Class::Control, 2, 2);
    let dear = alone(&mut bench, dear).expect_err("more than this tick checks here");
    let behind = bench.note(2, Class::Control, 3, 0);
    let behind = alone(&mut bench, behind).expect_err("it would overtake");
    assert_eq!(bench.dispatch(vec![dear, behind]), [2, 3], "in their order");

    let request = bench.note(3, Class::Ordered, 4, 0);
    bench.intake.begin_tick();
    assert!(alone(&mut bench, request).is_err(), "requests are checked together");
}

#[test]
fn the_order_of_each_peer_holds_with_several_threads() {
    // RUN-9.
    let mut bench = Bench::new(4);
    let note = |text: u64| {
        let from = u8::try_from(1 + text % 7).unwrap();
        bench.note(from, Class::Ordered, text, 1 + usize::try_from(text % 5).unwrap())
    };
    let notes: Vec<_> = (0..700).map(note).collect();
    assert_eq!(bench.dispatch(notes), []);
    let settled = bench.settled(700);
    let order: Vec<_> = settled.iter().flat_map(texts).collect();
    assert_eq!(order.len(), 700);
    for from in 0..7 {
        let of_peer = order.iter().filter(|text| **text % 7 == from);
        assert!(of_peer.is_sorted(), "the messages of a peer came in another order");
    }
}

#[test]
fn one_bad_message_spoils_no_other_and_pays_for_all() {
    let mut bench = Bench::new(1);
    let mut notes: Vec<_> = (0..20).map(|text| bench.note(1, Class::Ordered, text, 1)).collect();
    notes.insert(7, bench.forged(2, 99));
    bench.dispatch(notes);
    let settled = bench.settled(21);
    assert_eq!(settled.len(), 1, "one job");
    assert_eq!(texts(&settled[0]), (0..20).collect::<Vec<_>>());
    assert_eq!(settled[0].outcomes[7], Err(Rejected::BadSignature));
    assert_eq!(settled[0].charge(7), 21 * SINGLE_SIGNATURE_MICROS);
    assert_eq!(settled[0].charge(8), BATCH_SIGNATURE_MICROS);
}

#[test]
fn jobs_are_of_bounded_size() {
    let mut bench = Bench::new(1);
    let count = 3 * JOB_SIGNATURES_MAX as u64 + 1;
    let notes = (0..count).map(|text| bench.note(1, Class::Ordered, text, 1)).collect();
    bench.dispatch(notes);
    assert_eq!(bench.settled(usize::try_from(count).unwrap()).len(), 4);
}
