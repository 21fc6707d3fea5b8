//! A complaint convicts the one who lied, whoever that is, and a cheated recipient gets its due.

use std::vec::Vec;

use super::{Complaint, Opened, Verdict};
use crate::dealing::{CheckedDealing, Dealer, Dealt, Subshare};
use crate::parameters::ShareIndex;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sealing::{DecryptionKey, EncryptionKey, Envelope, SealedSubshares};
use crate::sizes::{COMPLAINT_BYTES, SEALED_PREFIX_BYTES};
use crate::testing::{index, parameters, seed, session};

const RECIPIENTS: u8 = 7;

/// A dealing to seven of whom three sign, and the keys of the recipients.
struct Scene {
    dealt: Dealt,
    checked: CheckedDealing,
    sealed: SealedSubshares,
    keys: Vec<DecryptionKey>,
}

impl Scene {
    fn new() -> Self {
        let key = |recipient| DecryptionKey::derive(&seed(100 + recipient));
        let keys: Vec<_> = (0..RECIPIENTS).map(key).collect();
        let parameters = parameters(3, u16::from(RECIPIENTS));
        let seed = seed(5);
        let dealer = Dealer { seed: &seed, session: session(3), parameters };
        let dealt = dealer.deal_fresh(index(1));
        let public: Vec<_> = keys.iter().map(|key| Some(key.encryption_key())).collect();
        let sealed = dealer.seal(&dealt, &public).unwrap();
        let checked = dealt.dealing.clone().check_fresh(session(3), parameters).unwrap();
        Self { dealt, checked, sealed, keys }
    }

    /// The dealer seals something else for one recipient.
    fn cheating(victim: u16) -> Self {
        let mut scene = Self::new();
        let mut bytes = scene.sealed.encode();
        bytes[SEALED_PREFIX_BYTES + 32 * usize::from(victim - 1) + 31] ^= 1;
        scene.sealed = SealedSubshares::decode(&bytes, u16::from(RECIPIENTS)).unwrap();
        scene
    }

    fn key(&self, recipient: u16) -> &DecryptionKey {
        &self.keys[usize::from(recipient - 1)]
    }

    fn public(&self, recipient: u16) -> EncryptionKey {
        self.key(recipient).encryption_key()
    }

    fn open(&self, recipient: u16) -> Opened {
        self.key(recipient).open(&self.checked, &self.sealed, index(recipient)).unwrap()
    }

    fn complaint(&self, recipient: u16) -> Complaint {
        match self.open(recipient) {
            Opened::Complaint(complaint) => complaint,
            Opened::Owed(_) => panic!("recipient {recipient} got its due"),
        }
    }

    /// The proof of a recipient, whether it was cheated or not.
    fn prove(&self, recipient: u16) -> Complaint {
        let (dealing, sealed) = (&self.checked, &self.sealed);
        let key = &self.public(recipient);
        let envelope = Envelope { dealing, sealed, recipient: index(recipient), key };
        Complaint::prove(&envelope, self.key(recipient))
    }

    fn judge(&self, complaint: &Complaint) -> Verdict {
        let key = self.public(complaint.recipient.get());
        complaint.judge(&self.checked, &self.sealed, &key).unwrap()
    }

    fn subshare(&self, recipient: u16) -> Subshare {
        let subshare = &self.dealt.subshares[usize::from(recipient - 1)];
        Subshare::decode(subshare.encode().as_ref()).unwrap()
    }
}

#[test]
fn a_cheated_recipient_convicts_its_dealer_and_the_others_lose_nothing_thr_13() {
    let scene = Scene::cheating(4);
    assert_eq!(scene.judge(&scene.complaint(4)), Verdict::DealerLied, "THR-13");
    for recipient in [1, 2, 3, 5, 6, 7] {
        assert!(matches!(scene.open(recipient), Opened::Owed(_)));
    }
}

#[test]
fn a_subshare_that_is_no_scalar_convicts_too_thr_13() {
    let mut scene = Scene::new();
    let mut bytes = scene.sealed.encode();
    // The order begins with 0x73: one of these two leading bytes uncovers a number above it.
    for flip in [0x80, 0x00] {
        bytes[SEALED_PREFIX_BYTES] ^= flip;
        scene.sealed = SealedSubshares::decode(&bytes, u16::from(RECIPIENTS)).unwrap();
        if let Opened::Complaint(complaint) = scene.open(1) {
            assert_eq!(scene.judge(&complaint), Verdict::DealerLied, "THR-13");
            return;
        }
    }
    panic!("no flip uncovers a number above the order");
}

#[test]
fn an_honest_dealer_is_never_convicted_thr_13() {
    let scene = Scene::new();
    let honest = scene.prove(4);
    assert_eq!(scene.judge(&honest), Verdict::RecipientLied, "THR-13: a true proof of good shares");
    let shifted = |scalar: &Scalar| scalar.add(&Scalar::from_u16(1));
    let wrong_point = Complaint { shared: scene.prove(5).shared, ..honest.clone() };
    let wrong_challenge = Complaint { challenge: shifted(&honest.challenge), ..honest.clone() };
    let wrong_response = Complaint { response: shifted(&honest.response), ..honest.clone() };
    let wrong_recipient = Complaint { recipient: index(5), ..honest };
    for forged in [wrong_point, wrong_challenge, wrong_response, wrong_recipient] {
        assert_eq!(scene.judge(&forged), Verdict::RecipientLied, "THR-13: {forged:?}");
    }
}

#[test]
fn a_complaint_is_worth_nothing_elsewhere_thr_13() {
    let (cheated, honest) = (Scene::cheating(4), Scene::new());
    let complaint = cheated.complaint(4);
    assert_eq!(honest.judge(&complaint), Verdict::RecipientLied, "another envelope");
    let foreign = complaint.judge(&cheated.checked, &cheated.sealed, &cheated.public(5)).unwrap();
    assert_eq!(foreign, Verdict::RecipientLied, "another key");
    let parameters = parameters(3, u16::from(RECIPIENTS));
    let seed = seed(5);
    let dealer = Dealer { seed: &seed, session: session(4), parameters };
    let later = dealer.deal_fresh(index(1)).dealing.check_fresh(session(4), parameters).unwrap();
    let replayed = complaint.judge(&later, &cheated.sealed, &cheated.public(4));
    let refused = Rejected::EphemeralUnproved { dealer: index(1) };
    assert_eq!(replayed, Err(refused), "another session");
}

/// Dealer 2 seals with the ephemeral point of dealer 1 and what is no subshare, so that everybody
/// complains about it.
fn copied(of: &Scene) -> (CheckedDealing, SealedSubshares) {
    let parameters = parameters(3, u16::from(RECIPIENTS));
    let seed = seed(6);
    let dealer = Dealer { seed: &seed, session: session(3), parameters };
    let dealt = dealer.deal_fresh(index(2));
    let sealed = SealedSubshares::decode(&of.sealed.encode(), u16::from(RECIPIENTS)).unwrap();
    (dealt.dealing.check_fresh(session(3), parameters).unwrap(), sealed)
}

#[test]
fn who_copies_the_point_of_another_dealer_gets_no_complaint_thr_14() {
    let scene = Scene::new();
    let (dealing, sealed) = &copied(&scene);
    let refused = Rejected::EphemeralUnproved { dealer: index(2) };
    let opened = scene.key(4).open(dealing, sealed, index(4));
    assert_eq!(opened.err(), Some(refused), "THR-14");

    // What it is after: the point in such a complaint is the one that hides what dealer 1 owes.
    let key = &scene.public(4);
    let envelope = Envelope { dealing, sealed, recipient: index(4), key };
    let complaint = Complaint::prove(&envelope, scene.key(4));
    let (dealing, sealed) = (&scene.checked, &scene.sealed);
    let of_another = Envelope { dealing, sealed, recipient: index(4), key };
    let stolen = of_another.unmask(&complaint.shared).unwrap();
    assert_eq!(*stolen.encode(), *scene.subshare(4).encode());

    let (dealing, sealed) = &copied(&scene);
    let judged = complaint.judge(dealing, sealed, key);
    assert_eq!(judged, Err(refused), "THR-14: nor does it count as evidence");
}

#[test]
fn a_complaint_comes_back_from_its_bytes_and_no_changed_bit_convicts() {
    let scene = Scene::cheating(4);
    let bytes = scene.complaint(4).encode();
    let read = Complaint::decode(&bytes).unwrap();
    assert_eq!(read.encode(), bytes);
    assert_eq!(scene.judge(&read), Verdict::DealerLied);
    for end in 0..COMPLAINT_BYTES {
        assert!(Complaint::decode(&bytes[..end]).is_err());
    }
    for bit in (0..COMPLAINT_BYTES * 8).step_by(5) {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(read) = Complaint::decode(&changed) else { continue };
        let key = scene.public(4);
        let verdict = read.judge(&scene.checked, &scene.sealed, &key);
        assert_ne!(verdict, Ok(Verdict::DealerLied), "bit {bit}");
    }
}

#[test]
fn helpers_repair_what_the_dealer_withheld_and_a_lying_helper_is_named_thr_11() {
    let scene = Scene::cheating(4);
    let repair = |helpers: &[Subshare]| scene.checked.repair(index(4), helpers);
    let owed = scene.subshare(4);
    for helpers in [[1, 2, 3], [7, 5, 2], [6, 1, 7]] {
        let repaired = repair(&helpers.map(|helper| scene.subshare(helper))).unwrap();
        assert_eq!(*repaired.encode(), *owed.encode(), "THR-11");
    }
    let few = [scene.subshare(1), scene.subshare(2)];
    assert_eq!(repair(&few).err(), Some(Rejected::TooFewShares { needed: 3, got: 2 }));
    let twice = [1, 2, 1].map(|helper| scene.subshare(helper));
    assert_eq!(repair(&twice).err(), Some(Rejected::DuplicateIndex { index: index(1) }));
    let value = scene.subshare(2).value().add(&Scalar::from_u16(1));
    let liar = Subshare::new(index(1), index(2), value);
    let refused = Rejected::SubshareMismatch { dealer: index(1), recipient: index(2) };
    let helpers = [scene.subshare(1), liar, scene.subshare(3)];
    assert_eq!(repair(&helpers).err(), Some(refused), "THR-11");
}

#[test]
fn nothing_is_judged_that_is_not_about_the_dealing() {
    let scene = Scene::cheating(4);
    let complaint = Complaint { recipient: ShareIndex::new(8).unwrap(), ..scene.complaint(4) };
    let judged = complaint.judge(&scene.checked, &scene.sealed, &scene.public(4));
    assert_eq!(judged, Err(Rejected::IndexTooLarge { index: 8, max: 7 }));
}
