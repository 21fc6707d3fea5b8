//! Of each member the last word counts.
use quorate_types::{Epoch, NodeId, Slot, SystemId};
use quorate_wire::{decode, encode};

use super::Case;
use crate::monitor::{Claim, Moment, Observation, SignedObservation, Verdict};
use crate::testing::epoch_signer;

const NOW: Moment = Moment { slot: Slot::new(100), age_max: 20 };

fn said(member: u8, verdict: Verdict, slot: u64) -> SignedObservation {
    let claim = Claim { server: NodeId::new([9; 32]), verdict };
    let (system, epoch) = (SystemId::new([1; 32]), Epoch::ZERO);
    let observation = Observation { system, epoch, slot: Slot::new(slot), claim };
    observation.sign(NodeId::new([member; 32]), &epoch_signer(usize::from(member), epoch))
}

fn case(all: &[SignedObservation]) -> Case {
    let mut case = Case::after(Slot::new(85));
    all.iter().for_each(|one| case.hear(one));
    assert_eq!(decode::<Case>(&encode(&case)).as_ref(), Ok(&case));
    case
}

#[test]
fn mem_43_a_member_counts_once_however_often_it_says_it() {
    let again: [_; 4] = [90, 91, 92, 93].map(|slot| said(1, Verdict::Suspect, slot));
    assert_eq!(case(&again).count(Verdict::Suspect, &NOW), 1);
    let two = case(&[said(1, Verdict::Suspect, 90), said(2, Verdict::Suspect, 99)]);
    assert_eq!(two.count(Verdict::Suspect, &NOW), 2);
    assert_eq!(two.count(Verdict::Alive, &NOW), 0);
}

#[test]
fn who_changes_its_mind_has_taken_back_what_it_said() {
    let both = case(&[said(1, Verdict::Suspect, 90), said(1, Verdict::Alive, 91)]);
    assert_eq!(both.count(Verdict::Suspect, &NOW), 0);
    assert_eq!(both.count(Verdict::Alive, &NOW), 1);
}

#[test]
fn an_old_word_said_again_takes_nothing_back() {
    let before = said(1, Verdict::Suspect, 90);
    let both = case(&[before, said(1, Verdict::Alive, 90)]);
    assert!(!both.is_news(&before), "of one slot the kinder word is the later one");
    assert!(!both.is_news(&said(1, Verdict::Alive, 90)));
    assert!(both.is_news(&said(1, Verdict::Suspect, 91)));
    assert!(both.is_news(&said(2, Verdict::Suspect, 1)), "of another member");
}

#[test]
fn what_has_grown_old_since_it_was_said_counts_no_more() {
    let both = case(&[said(1, Verdict::Suspect, 86), said(2, Verdict::Suspect, 95)]);
    let at = |slot| both.count(Verdict::Suspect, &Moment { slot: Slot::new(slot), ..NOW });
    assert_eq!((at(100), at(106), at(107), at(116)), (2, 2, 1, 0));
    let decided = Case { decided: Slot::new(90), ..both };
    assert_eq!(decided.count(Verdict::Suspect, &NOW), 1, "what came before a decision");
}
