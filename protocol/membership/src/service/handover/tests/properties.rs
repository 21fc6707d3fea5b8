//! Whatever is ordered: nothing panics, what is refused changes nothing, stages go their way.
use std::vec::Vec;

use proptest::prelude::*;
use quorate_wire::encode;

use super::harness::Town;
use crate::handover::{HandoverOperation, Stage};
use crate::service::{MembershipOperation, MembershipReply};

/// What somebody has ordered.
#[derive(Clone, Debug)]
enum Wish {
    Deposit(usize),
    Add(usize),
    Remove(usize),
    End(usize),
    Beacon,
    Deal(usize),
    Abort(usize),
    Redraw,
    Complete(usize),
    Broken(Vec<u8>, usize),
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let wish = prop_oneof![
        2 => (0..9usize).prop_map(Wish::Deposit),
        2 => (0..12usize).prop_map(Wish::Add),
        2 => (0..12usize).prop_map(Wish::Remove),
        4 => (1..4usize).prop_map(Wish::End),
        4 => Just(Wish::Beacon),
        8 => (0..4usize).prop_map(Wish::Deal),
        3 => (1..5usize).prop_map(Wish::Abort),
        3 => Just(Wish::Redraw),
        5 => (1..5usize).prop_map(Wish::Complete),
        2 => (prop::collection::vec(any::<u8>(), 0..60), 0..400usize)
            .prop_map(|(bytes, place)| Wish::Broken(bytes, place)),
    ];
    prop::collection::vec(wish, 20..80)
}

/// The step that a wish comes to, where the stage lets it be made.
fn step(town: &mut Town, wish: &Wish) -> Option<HandoverOperation> {
    let group = town.group();
    let stage = town.stage();
    match (wish, &stage) {
        (Wish::Deposit(server), _) => {
            Some(HandoverOperation::Deposit(town.deposit_of(*server).into()))
        }
        (Wish::End(count), _) => Some(town.end(&group[..*count])),
        (Wish::Beacon, Stage::Frozen(_)) => Some(town.beacon()),
        (Wish::Deal(dealer), Stage::Dealing(_)) => {
            let published = town.publish(group[*dealer], 1);
            Some(HandoverOperation::Dealt(town.certified(&published, &town.recipients()).into()))
        }
        (Wish::Abort(count), Stage::Dealing(underway)) => {
            Some(town.abort(&group[..*count], underway.attempt.number))
        }
        (Wish::Redraw, Stage::Redrawing(_)) => Some(town.redraw()),
        _ => None,
    }
}

/// May one stage follow on another within an epoch?
fn may_follow(before: &Stage, after: &Stage) -> bool {
    match (before, after) {
        (Stage::Open, Stage::Open | Stage::Frozen(_))
        | (Stage::Frozen(_), Stage::Dealing(_))
        | (Stage::Dealing(_), Stage::Redrawing(_) | Stage::Done(_)) => true,
        (Stage::Dealing(before), Stage::Dealing(after))
        | (Stage::Redrawing(before), Stage::Dealing(after)) => {
            before.frozen == after.frozen
                && before.randomness == after.randomness
                && after.attempt.number <= before.attempt.number + 1
                && (after.attempt.number > before.attempt.number
                    || after.dealings.starts_with(&before.dealings))
        }
        _ => before == after,
    }
}

/// An epoch in which all this is ordered, of servers that have mostly deposited their keys.
fn live(wishes: &[Wish]) -> Town {
    let mut town = Town::new(7, 1);
    town.servers()[..6].to_vec().into_iter().for_each(|server| town.deposit(server).unwrap());
    for wish in wishes {
        let before = (town.stage(), town.state.clone());
        let reply = match wish {
            Wish::Add(server) => town.add(*server),
            Wish::Remove(server) => town.remove(*server),
            Wish::Broken(bytes, place) => {
                let vote = town.end(&town.group());
                let mut broken = encode(&MembershipOperation::Handover(vote.into()));
                let place = *place % broken.len();
                broken.splice(place..place, bytes.iter().copied());
                town.execute(&broken)
            }
            Wish::Complete(count) if is_chosen(&town) => {
                let recipients = town.recipients();
                let by = &recipients[..recipients.len().min(*count)];
                let complete = town.complete(by);
                town.ask(&MembershipOperation::Handover(complete.into()))
            }
            Wish::Deposit(_)
            | Wish::End(_)
            | Wish::Beacon
            | Wish::Deal(_)
            | Wish::Abort(_)
            | Wish::Redraw
            | Wish::Complete(_) => match step(&mut town, wish) {
                Some(step) => town.ask(&MembershipOperation::Handover(step.into())),
                None => continue,
            },
        };
        let is_refused = matches!(
            reply,
            MembershipReply::Unmoved(_) | MembershipReply::Refused(_) | MembershipReply::Malformed
        );
        assert!(!is_refused || town.state == before.1, "MEM-8: {wish:?}");
        assert!(may_follow(&before.0, &town.stage()), "MEM-20, MEM-21: {wish:?}");
    }
    town
}

fn is_chosen(town: &Town) -> bool {
    matches!(town.stage(), Stage::Dealing(underway) if underway.dealings.len() == 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn whatever_is_ordered_is_refused_without_a_trace_or_moves_the_stage_on(wishes in wishes()) {
        let (left, right) = (live(&wishes), live(&wishes));
        prop_assert_eq!(left.state, right.state);
    }
}
