//! Dealers that cheat, as the log convicts them: at the end of an epoch, and in the one behind it.
use std::boxed::Box;
use std::collections::BTreeSet;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_threshold::{Opened, SCALAR_BYTES, SEALED_PREFIX_BYTES};
use quorate_types::{Epoch, MemberStatus, NodeId};

use super::harness::{Town, decryption_key};
use crate::configuration::VerifiedConfiguration;
use crate::handover::{PublishedDealing, SignedDealing};
use crate::monitor::evidence::{Contradiction, Misdeed, WrongSubshare};
use crate::monitor::{Accusation, Evidence, Found, Unfounded};
use crate::service::{MembershipOperation, MembershipReply, MonitoringRefusal};
use crate::testing::{epoch_signer, schemes};

fn unheard(refusal: MonitoringRefusal) -> MembershipReply {
    MembershipReply::Unheard(refusal)
}

impl Town {
    fn signed(&self, dealer: NodeId, dealing: PublishedDealing) -> SignedDealing {
        let signer = epoch_signer(self.number_of(dealer), self.epoch());
        let place = (self.configuration.configuration().system, self.epoch());
        SignedDealing::sign(dealing, place, &signer)
    }

    /// Two dealings of a member in the attempt that is under way.
    fn two_faces(&mut self, dealer: NodeId) -> Evidence {
        let place = (self.configuration.configuration().system, self.epoch());
        let [first, second] = [8, 9].map(|seed| {
            let dealing = self.publish(dealer, seed);
            self.signed(dealer, dealing).statement(place)
        });
        let misdeed = Misdeed::Contradiction(Contradiction { first, second });
        Evidence { server: dealer, misdeed }
    }

    /// A dealing whose last envelope holds something else, and the complaint of its recipient.
    fn cheat(&mut self, dealer: NodeId) -> Evidence {
        let mut dealing = self.publish(dealer, 8);
        *dealing.sealed.last_mut().unwrap() ^= 1;
        let attempt = self.underway().attempt;
        assert_eq!(dealing.sealed.len(), SEALED_PREFIX_BYTES + SCALAR_BYTES * attempt.seats.len());
        let victim = attempt.seats.last().unwrap().node;
        let key = decryption_key(self.number_of(victim), self.epoch().next());
        let parameters = attempt.parameters();
        let checked = dealing.chosen().checked((self.session(), parameters), None).unwrap();
        let sealed = dealing.sealed(parameters).unwrap();
        let opened = key.open(&checked, &sealed, attempt.index_of(victim).unwrap()).unwrap();
        let Opened::Complaint(complaint) = opened else { panic!("it was cheated") };
        let wrong = WrongSubshare {
            epoch: self.epoch(),
            system_key: Some(self.sharing().public_key()),
            attempt,
            dealing: self.signed(dealer, dealing),
            complaint: complaint.encode(),
        };
        Evidence { server: dealer, misdeed: Misdeed::WrongSubshare(Box::new(wrong)) }
    }

    fn show(&mut self, evidence: &Evidence) -> MembershipReply {
        let accusation = Accusation { evidence: evidence.clone(), certificate: None };
        self.ask(&MembershipOperation::Accuse(accusation.into()))
    }

    /// Whoever asks gets the proof that the log keeps, and sees with the configurations alone what
    /// the log saw.
    fn is_shown_whole(
        &mut self,
        proof: &Evidence,
        (present, former): (&VerifiedConfiguration, Option<&VerifiedConfiguration>),
    ) {
        let reply = self.ask(&MembershipOperation::GetConviction(proof.server));
        let MembershipReply::Conviction(Some(shown)) = reply else { panic!("a proof: {reply:?}") };
        assert_eq!((&shown.accusation.evidence, shown.epoch), (proof, present.epoch()));
        let seen = (present.configuration(), former.map(VerifiedConfiguration::configuration));
        let verifier = &*schemes().signatures;
        assert_eq!(shown.check(seen, verifier), Ok(()), "MEM-44");
        assert!(shown.key(seen).is_some());
        let mut other = present.configuration().clone();
        other.epoch = other.epoch.next();
        assert_eq!(shown.check((&other, seen.1), verifier), Err(Unfounded::NoKey));
        let good = self.group().into_iter().find(|id| *id != proof.server).unwrap();
        let reply = self.ask(&MembershipOperation::GetConviction(good));
        assert_eq!(reply, MembershipReply::Conviction(None));
    }

    fn out(&self) -> BTreeSet<NodeId> {
        let members = self.configuration.configuration().members.iter();
        let out = members.filter(|member| member.status == MemberStatus::Inactive);
        out.map(|member| member.id).collect()
    }
}

#[test]
fn mem_54_a_dealer_that_cheats_goes_with_the_epoch_behind_the_next() {
    for is_two_faced in [true, false] {
        let mut town = Town::new(9, 1);
        town.prepare();
        let liar = town.group()[2];
        let proof = if is_two_faced { town.two_faces(liar) } else { town.cheat(liar) };
        // MEM-22: the changes of the next epoch are fixed.
        assert_eq!(town.show(&proof), MembershipReply::Recorded(Epoch::new(1)));
        assert_eq!(town.show(&proof), unheard(MonitoringRefusal::Repeated));
        let first = town.configuration.clone();
        let shares = town.finish();
        town.turn(shares);
        town.is_shown_whole(&proof, (&first, None));
        assert_eq!((town.epoch(), town.out()), (Epoch::new(1), BTreeSet::new()));
        let finding = town.reader().finding(Epoch::new(1), liar).unwrap();
        assert_eq!(finding.found, Found::Guilty, "it outlives the log in which it was found");
        town.live_an_epoch();
        assert_eq!(town.out(), BTreeSet::from([liar]));
        assert!(!town.group().contains(&liar));
    }
}

#[test]
fn mem_55_what_comes_too_late_for_the_log_of_its_epoch_convicts_in_the_next_one() {
    for is_two_faced in [true, false] {
        let mut town = Town::new(9, 1);
        town.prepare();
        let liar = town.group()[1];
        let proof = if is_two_faced { town.two_faces(liar) } else { town.cheat(liar) };
        let shares = town.finish();
        assert_eq!(town.show(&proof), unheard(MonitoringRefusal::NotNow), "behind DONE");
        let former = town.configuration.clone();
        town.turn(shares);
        assert_eq!(town.show(&proof), MembershipReply::Recorded(Epoch::new(1)), "MEM-55");
        let present = town.configuration.clone();
        town.is_shown_whole(&proof, (&present, Some(&former)));
        town.live_an_epoch();
        assert_eq!(town.out(), BTreeSet::from([liar]));
    }
}

#[test]
fn mem_55_two_epochs_later_nobody_knows_with_which_key_it_was_signed() {
    let mut town = Town::new(9, 1);
    town.prepare();
    let liar = town.group()[1];
    let proofs = [town.two_faces(liar), town.cheat(liar)];
    let shares = town.finish();
    town.turn(shares);
    town.live_an_epoch();
    for proof in &proofs {
        assert_eq!(town.show(proof), unheard(MonitoringRefusal::OtherSubject));
    }
    assert_eq!(town.out(), BTreeSet::new());
}

#[test]
fn mem_55_the_keys_of_the_group_before_are_kept_and_no_others() {
    let mut town = Town::new(9, 1);
    for _ in 0..3 {
        let group: BTreeSet<_> = town.group().into_iter().collect();
        let key = |town: &Town, id| epoch_signer(town.number_of(id), town.epoch()).public_key();
        let keys: Vec<_> = group.iter().map(|id| (*id, key(&town, *id))).collect();
        town.live_an_epoch();
        for (id, key) in keys {
            assert_eq!(town.reader().former_key(id), Some(key), "MEM-55");
        }
        let members = &town.configuration.configuration().members;
        let others = members.iter().filter(|member| !group.contains(&member.id));
        assert!(others.clone().all(|it| town.reader().former_key(it.id).is_none()));
    }
}

#[test]
fn mem_54_a_forged_complaint_leaves_no_trace_in_the_log() {
    let mut town = Town::new(9, 1);
    town.prepare();
    let (liar, good) = (town.group()[0], town.group()[3]);
    let Misdeed::WrongSubshare(real) = town.cheat(liar).misdeed else { panic!("it is one") };
    let dealing = town.publish(good, 8);
    let dealing = town.signed(good, dealing);
    let before = town.state.clone();
    let framed = WrongSubshare { dealing, ..(*real).clone() };
    let misdeed = Misdeed::WrongSubshare(Box::new(framed));
    let shown = town.show(&Evidence { server: good, misdeed });
    assert_eq!(shown, unheard(MonitoringRefusal::Unfounded), "MEM-54");
    let misdeed = Misdeed::WrongSubshare(real);
    let shown = town.show(&Evidence { server: good, misdeed });
    assert_eq!(shown, unheard(MonitoringRefusal::BadSignature), "somebody else's dealing");
    assert_eq!(town.state, before, "MEM-54");
}
