//! Whole clusters that the authority changes while they hand over, and servers that come back under
//! a name that they have lost (M13, M15, R-19; scenario 15 of the specification, section 11).

use std::collections::{BTreeMap, BTreeSet};

use quorate_membership::{
    AddCertificate, AddGrant, IdentitySigner, MembershipOperation, RemoveCertificate, RemoveGrant,
    ResizeCertificate, ResizeGrant, Validity, VerifiedConfiguration,
};
use quorate_types::{Epoch, IdentityKey, MemberStatus, Resilience};

use super::setting::{Setting, Story, freezes};
use crate::epochs::founding::{Shape, description, install_ideal};
use crate::epochs::villains::REVENANT;
use crate::node::Node;
use crate::scenario::FaultKind;

/// Four members and two others.
const SIX: Shape = Shape { f: 1, servers: 6, layout: 3, length: 20, attempt_ms: 0 };
/// Where the numbers of identities begin that no server of the run has.
const STRANGERS_FROM: usize = 200;

fn validity(sequence: u64) -> Validity {
    Validity { sequence, first_epoch: Epoch::ZERO, last_epoch: Epoch::new(1_000_000) }
}

/// The identity of a server with this number.
fn identity(shape: Shape, number: usize) -> IdentityKey {
    install_ideal(shape).0.keys.new_identity(number).identity_key()
}

/// The authority adds a server, which is to be found where this one is.
fn add(shape: Shape, number: usize, (sequence, place): (u64, usize)) -> MembershipOperation {
    let (kit, _) = install_ideal(shape);
    let grant = AddGrant {
        system: kit.first.configuration().system,
        identity_key: identity(shape, number),
        validity: validity(sequence),
        server: description(place as u64),
    };
    MembershipOperation::Add(AddCertificate::issue(grant, &*kit.keys.authority()))
}

/// The authority removes a server.
fn remove(shape: Shape, number: usize, sequence: u64) -> MembershipOperation {
    let (kit, _) = install_ideal(shape);
    let grant = RemoveGrant {
        system: kit.first.configuration().system,
        identity_key: identity(shape, number),
        validity: validity(sequence),
        may_exceed_cap: true,
    };
    MembershipOperation::Remove(RemoveCertificate::issue(grant, &*kit.keys.authority()))
}

/// Asks every server, so that one of the group of the moment hears of it, and each of them says it.
fn asked(setting: Setting, at_us: u64, operation: &MembershipOperation) -> Setting {
    (0..6).fold(setting, |it, node| it.asking(at_us, node, operation.clone()))
}

/// The epochs in which an identity is listed with its state.
fn listed(story: &Story, identity: IdentityKey) -> BTreeMap<Epoch, MemberStatus> {
    let all = story.seen.configurations.iter();
    let found = all.filter_map(|(epoch, (_, configuration))| {
        let mut members = configuration.configuration().members.iter();
        Some((*epoch, members.find(|member| member.identity_key == identity)?.status))
    });
    found.collect()
}

/// Changes are asked for all through two epochs and their ends, and the leader of the first group
/// is gone for a part of the first end.
#[test]
fn m15_r19_a_change_while_a_change_is_pending_takes_effect_once_and_in_the_epoch_behind() {
    const EVERY_US: u64 = 60_000;
    let mut setting = Setting::of(SIX).without_probes();
    let last_us = 2 * setting.length_us() + setting.length_us() / 2;
    let times: Vec<u64> = (1..).map(|it| it * EVERY_US).take_while(|it| *it < last_us).collect();
    for (number, at_us) in times.iter().enumerate() {
        let operation = add(SIX, STRANGERS_FROM + number, (number as u64 + 1, number));
        setting = asked(setting, *at_us, &operation);
    }
    let leader = FaultKind::Crash { node: Node::at(Setting::leader(SIX)) };
    let story = setting.clone().failing((setting.length_us(), 400_000), leader).run();
    story.assert_withstood("handover.certified").assert_withstood("bft.view_started");

    let last = *story.seen.configurations.keys().next_back().expect("epochs have ended");
    let mut pending = 0;
    let mut first_epochs = BTreeSet::new();
    for (number, at_us) in times.iter().enumerate() {
        let of_it = listed(&story, identity(SIX, STRANGERS_FROM + number));
        let Some(first) = of_it.keys().next().copied() else { continue };
        // Once there, it is there for good: nothing is applied twice, or lost again.
        let epochs: Vec<u64> = of_it.keys().map(|epoch| epoch.get()).collect();
        assert_eq!(epochs, (first.get()..=last.get()).collect::<Vec<_>>(), "change {number}");
        first_epochs.insert(first);
        let frozen = story.when(|news| freezes(news, Epoch::new(first.get() - 1)));
        let (frozen_us, _) = frozen.expect("an epoch is frozen before its end");
        assert!(*at_us <= frozen_us, "change {number} is in epoch {first} and came too late");
        let begun_us = story.seen.configurations[&Epoch::new(first.get() - 1)].0;
        pending += usize::from(*at_us < begun_us);
    }
    assert!(pending > 0, "no change was asked for while another was pending");
    assert!(first_epochs.len() >= 2, "{first_epochs:?}");
}

/// The authority says how many bad members the group is to tolerate.
fn resize(shape: Shape, f: u16, sequence: u64) -> MembershipOperation {
    let (kit, _) = install_ideal(shape);
    let membership = Resilience::new(f).expect("it is in range");
    let system = kit.first.configuration().system;
    let grant = ResizeGrant { system, validity: validity(sequence), membership };
    MembershipOperation::Resize(ResizeCertificate::issue(grant, &*kit.keys.authority()))
}

/// The participants deal from four to seven and back, also where all of them lose their power in
/// the middle of it. That the key stays, the checkers ask of each configuration.
#[test]
fn a_group_grows_and_shrinks_again_under_one_key() {
    const NINE: Shape = Shape { f: 1, servers: 9, layout: 3, length: 20, attempt_ms: 0 };
    let setting = Setting::of(NINE).lasting(4).without_probes();
    let length_us = setting.length_us();
    let sizes = [(length_us / 4, 2), (5 * length_us / 2, 1)];
    let setting = (1..).zip(sizes).fold(setting, |setting, (sequence, (at_us, f))| {
        asked(setting, at_us, &resize(NINE, f, sequence))
    });
    let quiet = setting.run();
    let (frozen_us, _) = quiet.when(|news| freezes(news, Epoch::ZERO)).expect("it ends");
    let dark = |node| FaultKind::Crash { node: Node::at(node) };
    let dark =
        (0..9).fold(setting, |it, node| it.failing((frozen_us + 30_000, 300_000), dark(node)));

    for story in [quiet, dark.run()] {
        story.assert_withstood("handover.certified");
        let seats = |it: &VerifiedConfiguration| it.configuration().membership_group.len();
        let mut sizes: Vec<usize> = story.later().map(seats).collect();
        sizes.dedup();
        assert!(sizes.ends_with(&[7, 4]), "seats of the groups, epoch after epoch: {sizes:?}");
    }
}

#[test]
fn m13_a_server_that_was_evicted_does_not_come_back_under_its_id_with_another_key() {
    let place = Setting::seats(SIX).1[0];
    let crash = FaultKind::Crash { node: Node::at(place) };
    let away_us = 3 * Setting::of(SIX).length_us();
    let setting = Setting::of(SIX).lasting(5).unjudged_by(&["C13"]);
    let setting = setting.failing((500_000, away_us), crash);

    let story = setting.clone().with(place, REVENANT).run();
    story.assert_withstood("liar.relabelled");
    let statuses = story.statuses(story.servers[place]);
    let evicted = statuses.iter().position(|it| *it == Some(MemberStatus::Inactive));
    let evicted = evicted.expect("it was silent for three epochs");
    let active = Some(MemberStatus::Active);
    assert!(!statuses[evicted..].contains(&active), "{statuses:?}");
    for configuration in story.later().skip(evicted) {
        let said = configuration.configuration();
        let member = said.member(story.servers[place]);
        assert!(member.is_none_or(|member| member.epoch_key.is_none()), "it has no authority");
        assert!(!said.membership_group.contains(&story.servers[place]));
    }

    // The same server with its own key is let in again.
    let story = setting.run();
    assert_eq!(story.report.violation, None);
    let statuses = story.statuses(story.servers[place]);
    let evicted = statuses.iter().position(|it| *it == Some(MemberStatus::Inactive));
    assert!(statuses[evicted.expect("likewise")..].contains(&active), "{statuses:?}");
}

#[test]
fn m13_a_server_that_was_removed_gets_another_id_with_another_key_and_the_old_one_is_of_no_use() {
    let place = Setting::seats(SIX).1[0];
    let (length_us, new) = (Setting::of(SIX).length_us(), STRANGERS_FROM);
    let mut setting = Setting::of(SIX).without_probes().lasting(3);
    setting = asked(setting, 100_000, &remove(SIX, place, 1));
    setting = asked(setting, length_us + length_us / 2, &add(SIX, new, (1, place)));
    // Its process runs on, and goes on to say what a server says.
    let story = setting.with(place, "epoch-replayer").run();
    story.assert_withstood("liar.epoch_replayed");
    let (old_key, new_key) = (identity(SIX, place), identity(SIX, new));
    assert!(listed(&story, new_key).values().all(|status| *status == MemberStatus::Active));
    let ids = |key| {
        let members = story.later().flat_map(|it| &it.configuration().members);
        let found = members.filter(move |member| member.identity_key == key);
        found.map(|member| member.id).collect::<BTreeSet<_>>()
    };
    let other = ids(new_key);
    assert_eq!(other.len(), 1, "it is let in");
    assert!(!other.contains(&story.servers[place]), "under another id");
    assert!(ids(old_key).iter().all(|id| *id == story.servers[place]));
    for configuration in story.later() {
        let said = configuration.configuration();
        let member = said.member(story.servers[place]);
        assert!(
            member.is_none_or(|it| it.status == MemberStatus::Removed && it.epoch_key.is_none())
        );
        assert!(!said.membership_group.contains(&story.servers[place]));
    }
}

#[test]
fn scenario_15_an_old_certificate_shown_again_behind_the_removal_brings_nobody_back() {
    let length_us = Setting::of(SIX).length_us();
    let first = add(SIX, STRANGERS_FROM, (1, 100));
    // Signed before the removal, and never shown until then, with a lower number and a higher.
    let unused = add(SIX, STRANGERS_FROM, (2, 100));
    let newer = add(SIX, STRANGERS_FROM, (4, 100));
    let mut setting = Setting::of(SIX).without_probes().lasting(4);
    setting = asked(setting, 100_000, &first);
    setting = asked(setting, length_us + length_us / 2, &remove(SIX, STRANGERS_FROM, 3));
    for shown in [&first, &unused, &newer] {
        setting = asked(setting, 2 * length_us + length_us / 2, shown);
        setting = asked(setting, 3 * length_us + length_us / 2, shown);
    }
    let story = setting.run();
    story.assert_withstood("handover.certified");
    let of_it = listed(&story, identity(SIX, STRANGERS_FROM));
    let epochs: Vec<u64> = of_it.keys().map(|epoch| epoch.get()).collect();
    assert_eq!(epochs, [1], "it is there for one epoch");
    assert!(story.seen.configurations.len() >= 5, "the certificates were shown again");
}
