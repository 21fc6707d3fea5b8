//! Each reason against a step, and that it changes nothing (MEM-8: [`Town::take`] looks).
use std::vec::Vec;

use quorate_threshold::{Domain, PartialSignature, Signature};
use quorate_types::{Digest, Epoch, NodeId, SystemId};

use super::harness::Town;
use crate::handover::randomness::Draw;
use crate::handover::vote::ShareProof;
use crate::handover::{CertifiedDealing, Completion, HandoverOperation, PublishedDealing, Words};
use crate::service::HandoverRefusal;

fn refused(town: &mut Town, step: HandoverOperation, refusal: HandoverRefusal) {
    assert_eq!(town.take(step), Err(refusal));
}

fn outsider(town: &Town) -> NodeId {
    let group = town.group();
    let members = town.configuration.configuration().members.iter().map(|member| member.id);
    members.into_iter().find(|id| !group.contains(id)).unwrap()
}

fn dealt(certified: CertifiedDealing) -> HandoverOperation {
    HandoverOperation::Dealt(certified.into())
}

#[test]
fn a_step_out_of_its_stage_is_refused() {
    let mut town = Town::new(7, 1);
    let deposit = town.deposit_of(0);
    let early = town.abort(&town.group()[..3], 0);
    refused(&mut town, early, HandoverRefusal::NotNow);
    town.prepare();
    refused(&mut town, HandoverOperation::Deposit(deposit.into()), HandoverRefusal::NotNow);
    let end = town.end(&town.group());
    refused(&mut town, end, HandoverRefusal::NotNow);
    let redraw = town.redraw();
    refused(&mut town, redraw, HandoverRefusal::NotNow);
    let none = HandoverOperation::Complete(Words(Vec::new()));
    refused(&mut town, none, HandoverRefusal::ChoiceOpen);
}

#[test]
fn a_deposit_is_of_a_member_for_the_next_epoch_proved_and_the_first() {
    let mut town = Town::new(7, 1);
    let good = town.deposit_of(0);
    let table = [
        (town.deposit_of(20), HandoverRefusal::Stranger),
        (
            {
                let mut other = good.clone();
                other.certificate.statement.epoch = Epoch::new(2);
                other
            },
            HandoverRefusal::OtherSubject,
        ),
        (
            {
                let mut other = good.clone();
                other.certificate.statement.system = Some(SystemId::new([1; 32]));
                other
            },
            HandoverRefusal::OtherSubject,
        ),
        (
            {
                let mut other = good.clone();
                other.signature = town.deposit_of(1).signature;
                other
            },
            HandoverRefusal::BadSignature,
        ),
        (
            {
                let mut other = good.clone();
                other.possession = town.deposit_of(1).possession;
                other
            },
            HandoverRefusal::BadPossession,
        ),
    ];
    for (deposit, refusal) in table {
        refused(&mut town, HandoverOperation::Deposit(deposit.into()), refusal);
    }
    town.deposit(0).unwrap();
    refused(&mut town, HandoverOperation::Deposit(good.into()), HandoverRefusal::Repeated);
    town.add(20);
    town.deposit(20).unwrap();
    town.remove(20);
    town.add(21);
    town.remove(21);
    assert_eq!(town.deposit(21), Err(HandoverRefusal::Stranger), "its admission was taken back");
}

#[test]
fn an_epoch_ends_with_enough_votes_of_its_group_and_enough_deposits() {
    let mut town = Town::new(7, 1);
    let group = town.group();
    let end = town.end(&group[..2]);
    refused(&mut town, end.clone(), HandoverRefusal::TooFewDeposits);
    for id in &group[..2] {
        town.deposit(town.number_of(*id)).unwrap();
    }
    refused(&mut town, end.clone(), HandoverRefusal::TooFewDeposits);
    town.deposit(town.number_of(group[2])).unwrap();

    let short = town.end(&group[..1]);
    refused(&mut town, short, HandoverRefusal::TooFew);
    let twice = town.end(&[group[0], group[0]]);
    refused(&mut town, twice, HandoverRefusal::Order);
    let stranger = town.end(&[group[0], outsider(&town)]);
    refused(&mut town, stranger, HandoverRefusal::Stranger);
    let vote = town.end_vote();
    let early = town.words(&group[..2], Epoch::new(1), |_| vote);
    refused(&mut town, HandoverOperation::End(early), HandoverRefusal::BadSignature);
    let mut other = vote;
    other.epoch = Epoch::new(1);
    let other = town.words(&group[..2], Epoch::ZERO, |_| other);
    refused(&mut town, HandoverOperation::End(other), HandoverRefusal::OtherSubject);
    town.take(end).unwrap();
}

#[test]
fn randomness_is_the_signature_of_the_system_on_what_is_fixed() {
    let mut town = Town::new(7, 1);
    town.deposit_all();
    town.freeze();
    let fixed = town.frozen().fixed;
    let message = Draw::Epoch(fixed).message();
    let wrong = [
        town.draw(&Draw::Group(fixed, 0)),
        town.signature(Domain::Configuration, message.as_bytes()),
        town.signature(Domain::Beacon, &[1; 32]),
    ];
    for signature in wrong {
        let step = HandoverOperation::Beacon(signature);
        refused(&mut town, step, HandoverRefusal::BadRandomness);
    }
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    town.give_up();
    town.give_up();
    let stale = HandoverOperation::Redraw(town.draw(&Draw::Group(fixed, 0)));
    refused(&mut town, stale, HandoverRefusal::BadRandomness);
}

/// A town whose first attempt runs, and an honest dealing of it.
fn dealing() -> (Town, PublishedDealing) {
    let mut town = Town::new(9, 1);
    town.prepare();
    let published = town.publish(town.group()[1], 1);
    (town, published)
}

#[test]
fn a_dealing_has_a_quorum_of_acknowledgements_of_the_recipients() {
    let (mut town, published) = dealing();
    let recipients = town.recipients();
    let short = town.certified(&published, &recipients[..2]);
    refused(&mut town, dealt(short), HandoverRefusal::TooFew);
    let twice = town.certified(&published, &[recipients[0], recipients[0], recipients[1]]);
    refused(&mut town, dealt(twice), HandoverRefusal::Order);
    let seats: Vec<_> = town.underway().attempt.seats.iter().map(|seat| seat.node).collect();
    let members = town.configuration.configuration().members.iter();
    let stranger = members.map(|member| member.id).find(|id| !seats.contains(id)).unwrap();
    let strange = town.certified(&published, &[recipients[0], recipients[1], stranger]);
    refused(&mut town, dealt(strange), HandoverRefusal::Stranger);
    let mut old = town.certified(&published, &recipients);
    let said = old.acknowledgements.0[0].said;
    old.acknowledgements = town.words(&recipients, Epoch::ZERO, |_| said);
    refused(&mut town, dealt(old), HandoverRefusal::BadSignature);

    let good = town.certified(&published, &recipients);
    town.take(dealt(good.clone())).unwrap();
    refused(&mut town, dealt(good), HandoverRefusal::Repeated);
}

#[test]
fn an_acknowledgement_of_another_commitment_does_not_count() {
    let (mut town, published) = dealing();
    let other = town.publish(town.group()[1], 2);
    let mut crossed = town.certified(&published, &town.recipients());
    crossed.dealing.commitment = other.commitment;
    refused(&mut town, dealt(crossed), HandoverRefusal::OtherSubject);
}

#[test]
fn a_dealing_is_of_the_share_that_the_dealer_holds() {
    let (mut town, published) = dealing();
    let recipients = town.recipients();
    for (dealer, refusal) in [
        (1, HandoverRefusal::BadDealing),
        (5, HandoverRefusal::Stranger),
        (0, HandoverRefusal::BadDealing),
    ] {
        let other = PublishedDealing { dealer, ..published.clone() };
        let certified = town.certified(&other, &recipients);
        refused(&mut town, dealt(certified), refusal);
    }
    let mut cut = published.clone();
    cut.commitment.0.truncate(48);
    let certified = town.certified(&cut, &recipients);
    refused(&mut town, dealt(certified), HandoverRefusal::BadDealing);
    let other = PublishedDealing { session: Digest::new([1; 32]), ..published };
    let certified = town.certified(&other, &recipients);
    refused(&mut town, dealt(certified), HandoverRefusal::OtherSubject);
}

#[test]
fn whoever_completes_shows_the_share_that_the_choice_gives_it() {
    let mut town = Town::new(9, 1);
    town.prepare();
    town.deal_all();
    let (by, next) = (town.recipients(), town.epoch().next());
    let short = town.complete(&by[..2]);
    refused(&mut town, short, HandoverRefusal::TooFew);

    let own = |id| town.completion(&town.share_proof(id));
    let with = |change: &dyn Fn(NodeId, &mut Completion)| {
        let said = |id| {
            let mut said = own(id);
            change(id, &mut said);
            said
        };
        HandoverOperation::Complete(town.words(&by, next, said))
    };
    let of_another = town.share_proof(by[0]);
    let old = town.shares[&town.group()[0]].sign(Domain::Share, town.session().as_bytes());
    let stale = town.next_share(by[2]).sign(Domain::Share, &[0; 32]);
    let no_point = PartialSignature::new(stale.index(), Signature::new([7; 96]));
    let replaced = |proof: &PartialSignature| {
        with(&|id, said| {
            if id == by[2] {
                said.proof = ShareProof::new(proof);
            }
        })
    };
    let table = [
        (with(&|_, said| said.session = Digest::ZERO), HandoverRefusal::OtherSubject),
        (with(&|_, said| said.choice = Digest::ZERO), HandoverRefusal::OtherSubject),
        (with(&|_, said| said.commitments = Digest::ZERO), HandoverRefusal::OtherSubject),
        (with(&|_, said| said.proof = ShareProof::new(&of_another)), HandoverRefusal::BadShare),
        (with(&|_, said| said.proof = ShareProof::new(&old)), HandoverRefusal::BadShare),
        (replaced(&stale), HandoverRefusal::BadShare),
        (replaced(&no_point), HandoverRefusal::BadShare),
    ];
    let good = town.complete(&by);
    for (step, refusal) in table {
        refused(&mut town, step, refusal);
    }
    town.take(good).unwrap();
}

#[test]
fn an_attempt_is_given_up_by_a_quorum_of_the_old_group_and_by_its_number() {
    let (mut town, _) = dealing();
    let group = town.group();
    let short = town.abort(&group[..2], 0);
    refused(&mut town, short, HandoverRefusal::TooFew);
    let other = town.abort(&group[..3], 1);
    refused(&mut town, other, HandoverRefusal::OtherSubject);
    let stranger = town.abort(&[group[0], group[1], outsider(&town)], 0);
    refused(&mut town, stranger, HandoverRefusal::Stranger);
    let abort = town.abort(&group[..3], 0);
    town.take(abort.clone()).unwrap();
    refused(&mut town, abort, HandoverRefusal::OtherSubject);
}
