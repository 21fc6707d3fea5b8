//! Certificates of the authority count once, in their system and time; nothing else changes state.
use std::vec;
use std::vec::Vec;

use expect_test::expect_file;
use proptest::prelude::*;
use quorate_crypto::Signer;
use quorate_machine::{Call, Caller, Service, ServiceState};
use quorate_types::{
    ClientId, Digest, Duration, Epoch, IdentityKey, NodeId, Slot, SystemId, UnixTime,
};
use quorate_wire::{decode, encode, vector};

use super::table::Tally;
use super::{
    ConvictedIn, FindingsPage, HandoverRefusal, MembershipOperation, MembershipReply,
    MembershipService, MonitoringRefusal, PendingPlace, Refusal, Standing, Statement,
};
use crate::authority::{
    AddCertificate, AddGrant, Council, CouncilCertificate, CouncilGrant, RemoveCertificate,
    RemoveGrant, RotationCertificate, RotationGrant, Validity,
};
use crate::configuration::CertifiedConfiguration;
use crate::handover::CommitmentBytes;
use crate::identity::IdentitySigner;
use crate::monitor::caps::Held;
use crate::monitor::{Claim, Finding, Found, Observation, Rebuttal, SignedObservation, Verdict};
use crate::rotation::Rotation;
use crate::testing::{MapState, World, authority, description, epoch_signer, identity, schemes};

struct Replica {
    world: World,
    service: MembershipService,
    state: MapState,
}

fn replica() -> Replica {
    let world = World::new(7, 1);
    let sharing = CommitmentBytes::of(&world.founding.commitment);
    let service = MembershipService::founded(world.first.clone(), sharing, schemes());
    Replica { world, service, state: MapState::default() }
}

impl Replica {
    fn execute_bytes(&mut self, operation: &[u8], epoch: u64) -> MembershipReply {
        let call = Call {
            caller: Caller::Client(ClientId::new([1; 32])),
            operation,
            epoch: Epoch::new(epoch),
            slot: Slot::new(9),
            time: UnixTime::ZERO,
            randomness: Digest::ZERO,
        };
        decode(&self.service.execute(&call, &mut self.state)).unwrap()
    }

    fn execute(&mut self, operation: &MembershipOperation, epoch: u64) -> MembershipReply {
        self.execute_bytes(&encode(operation), epoch)
    }

    fn system(&self) -> SystemId {
        self.world.first.configuration().system
    }

    fn add(&self, server: usize, validity: Validity) -> AddGrant {
        let identity_key = identity(server).identity_key();
        AddGrant { system: self.system(), identity_key, validity, server: description(server) }
    }

    fn remove(&self, server: usize, validity: Validity) -> RemoveGrant {
        let identity_key = identity(server).identity_key();
        RemoveGrant { system: self.system(), identity_key, validity, may_exceed_cap: false }
    }

    /// Appoints a council of these holders, all but one of which have to sign.
    fn appoint(&self, holders: &[usize], validity: Validity) -> CouncilGrant {
        let keys = holders.iter().map(|holder| epoch_signer(*holder, Epoch::ZERO).public_key());
        let threshold = u16::try_from(holders.len() - 1).unwrap();
        let council = Council::new(threshold, keys.collect()).unwrap();
        CouncilGrant { system: self.system(), validity, council }
    }

    /// A member says that a server is silent.
    fn observation(&self) -> SignedObservation {
        let members = &self.world.first.configuration().members;
        let claim = Claim { server: members[0].id, verdict: Verdict::Suspect };
        let (system, epoch) = (self.system(), Epoch::ZERO);
        let observation = Observation { system, epoch, slot: Slot::new(4), claim };
        let member = self.world.group()[1];
        observation.sign(member, &*self.world.signer(member, epoch))
    }

    fn pending(&mut self) -> Vec<Statement> {
        let all = MembershipOperation::GetPending(pending_from(IdentityKey::new([0; 32])));
        let MembershipReply::Pending(page) = self.execute(&all, 0) else { panic!("no page") };
        page.changes.into_iter().map(|change| change.statement).collect()
    }
}

fn pending_from(key: IdentityKey) -> PendingPlace {
    PendingPlace { epoch: Epoch::ZERO, key }
}

fn validity(sequence: u64, first: u64, last: u64) -> Validity {
    Validity { sequence, first_epoch: Epoch::new(first), last_epoch: Epoch::new(last) }
}

fn added(grant: AddGrant) -> MembershipOperation {
    MembershipOperation::Add(AddCertificate::issue(grant, &authority()))
}

fn appointed(grant: CouncilGrant) -> MembershipOperation {
    MembershipOperation::Appoint(CouncilCertificate::issue(grant, &authority()))
}

fn removed(grant: RemoveGrant) -> MembershipOperation {
    MembershipOperation::Remove(RemoveCertificate::issue(grant, &authority()))
}

fn refused(refusal: Refusal) -> MembershipReply {
    MembershipReply::Refused(refusal)
}

const RECORDED: MembershipReply = MembershipReply::Recorded(Epoch::ZERO);

#[test]
fn an_added_server_is_pending_and_not_yet_a_member() {
    let mut replica = replica();
    let grant = replica.add(20, validity(0, 0, 5));
    assert_eq!(replica.execute(&added(grant.clone()), 0), RECORDED);
    let certificate = AddCertificate::issue(grant, &authority());
    assert_eq!(replica.pending(), [Statement::Add(certificate)]);
    let first = MembershipOperation::GetConfiguration(NodeId::new([0; 32]));
    let MembershipReply::Configuration(page) = replica.execute(&first, 0) else { panic!("page") };
    assert_eq!(page.members, replica.world.first.configuration().members);
}

#[test]
fn mem_4_a_certificate_counts_once_and_never_after_a_later_one() {
    let mut replica = replica();
    let third = added(replica.add(20, validity(3, 0, 5)));
    assert_eq!(replica.execute(&third, 0), RECORDED);
    for sequence in [0, 2, 3] {
        let old = added(replica.add(20, validity(sequence, 0, 5)));
        let replayed = refused(Refusal::Replayed { highest: 3 });
        assert_eq!(replica.execute(&old, 0), replayed, "MEM-4: {sequence}");
    }
    let old = removed(replica.remove(20, validity(3, 0, 5)));
    assert_eq!(replica.execute(&old, 0), refused(Refusal::Replayed { highest: 3 }), "MEM-4");
    let fourth = added(replica.add(20, validity(4, 0, 5)));
    assert_eq!(replica.execute(&fourth, 0), RECORDED);
    assert_eq!(replica.pending().len(), 1);
}

#[test]
fn an_old_address_of_an_active_server_is_not_brought_back() {
    // Settled point 32: the first certificate names a dead address.
    let mut replica = replica();
    let stale = added(replica.add(0, validity(1, 0, 9)));
    let mut moved = replica.add(0, validity(2, 0, 9));
    moved.server.address = "new.example:4700".into();
    assert_eq!(replica.execute(&stale, 0), RECORDED);
    assert_eq!(replica.execute(&added(moved.clone()), 0), RECORDED);
    assert_eq!(replica.execute(&stale, 3), refused(Refusal::Replayed { highest: 2 }));
    let [Statement::Add(pending)] = &replica.pending()[..] else { panic!("one pending change") };
    assert_eq!(pending.grant, moved);
}

/// Scenario 15 of the specification of the membership service.
#[test]
fn a_stale_add_that_is_replayed_after_the_removal_finds_the_tombstone() {
    let mut replica = replica();
    let stale = added(replica.add(20, validity(1, 0, u64::MAX)));
    let unused = added(replica.add(20, validity(5, 0, u64::MAX)));
    assert_eq!(replica.execute(&stale, 0), RECORDED);
    let gone = removed(replica.remove(20, validity(2, 1, 9)));
    assert_eq!(replica.execute(&gone, 1), RECORDED);
    let before = replica.state.clone();
    for epoch in [1, 9, 10, u64::MAX] {
        assert_eq!(replica.execute(&stale, epoch), refused(Refusal::Replayed { highest: 2 }));
    }
    let tombstone = refused(Refusal::Removed { last_epoch: Epoch::new(9) });
    for epoch in [1, 9] {
        assert_eq!(replica.execute(&unused, epoch), tombstone, "signed before, never shown");
    }
    assert_eq!(replica.state, before, "MEM-8");
}

#[test]
fn a_removed_server_does_not_come_back_before_the_removal_has_run_out() {
    let mut replica = replica();
    let gone = removed(replica.remove(0, validity(5, 0, 3)));
    assert_eq!(replica.execute(&gone, 0), RECORDED);
    let back = added(replica.add(0, validity(6, 0, 9)));
    let last_epoch = Epoch::new(3);
    assert_eq!(replica.execute(&back, 0), refused(Refusal::Removed { last_epoch }));
    assert_eq!(replica.execute(&back, 3), refused(Refusal::Removed { last_epoch }));
    assert_eq!(replica.execute(&back, 4), RECORDED);
}

#[test]
fn a_removal_counts_before_the_server_was_ever_added() {
    let mut replica = replica();
    let never = removed(replica.remove(20, validity(2, 0, 9)));
    assert_eq!(replica.execute(&never, 0), RECORDED);
    let early = added(replica.add(20, validity(1, 0, 9)));
    assert_eq!(replica.execute(&early, 0), refused(Refusal::Replayed { highest: 2 }));
}

#[test]
fn mem_8_each_fault_of_a_certificate_has_its_reply_and_changes_nothing() {
    let mut replica = replica();
    replica.pending();
    let before = replica.state.clone();
    let good = replica.add(20, validity(1, 2, 4));

    let mut foreign = good.clone();
    foreign.system = SystemId::new([0; 32]);
    let mut nowhere = good.clone();
    nowhere.server.address = "nowhere".into();
    let forged = AddCertificate::issue(good.clone(), &epoch_signer(20, Epoch::ZERO));
    let mut changed = AddCertificate::issue(good.clone(), &authority());
    changed.grant.server.probe_port += 1;
    let table = [
        (added(foreign), 3, Refusal::Foreign),
        (added(good.clone()), 1, Refusal::NotYetValid),
        (added(good), 5, Refusal::Expired),
        (added(nowhere), 3, Refusal::BadServer),
        (MembershipOperation::Add(forged), 3, Refusal::BadSignature),
        (MembershipOperation::Add(changed), 3, Refusal::BadSignature),
    ];
    for (operation, epoch, refusal) in table {
        assert_eq!(replica.execute(&operation, epoch), refused(refusal));
        assert_eq!(replica.state, before, "MEM-8: {refusal:?}");
    }
    for (sequence, epoch) in [(1, 2), (2, 4)] {
        let good = added(replica.add(20, validity(sequence, 2, 4)));
        assert_eq!(replica.execute(&good, epoch), RECORDED);
    }
}

#[test]
fn a_grant_to_join_is_no_removal() {
    let mut replica = replica();
    let validity = validity(1, 0, 9);
    let grant = replica.remove(20, validity);
    let add = AddCertificate::issue(replica.add(20, validity), &authority());
    let crossed = RemoveCertificate { grant, endorsement: add.endorsement };
    let reply = replica.execute(&MembershipOperation::Remove(crossed), 0);
    assert_eq!(reply, refused(Refusal::BadSignature));
}

#[test]
fn the_pages_of_the_service_make_a_configuration_that_proves_itself() {
    let mut replica = replica();
    let first = MembershipOperation::GetConfiguration(NodeId::new([0; 32]));
    let MembershipReply::Configuration(page) = replica.execute(&first, 0) else { panic!("page") };
    let whole = CertifiedConfiguration { certified: page.certified, members: page.members };
    let verified = whole.verify(&replica.world.founding.system_key, &schemes());
    assert_eq!(verified.as_ref(), Ok(&replica.world.first), "MEM-1");

    let third = replica.world.first.configuration().members[2].id;
    let rest = MembershipOperation::GetConfiguration(third);
    let MembershipReply::Configuration(page) = replica.execute(&rest, 0) else { panic!("page") };
    assert_eq!(*page, replica.world.first.page(third));
}

#[test]
fn a_member_is_found_by_its_id() {
    let mut replica = replica();
    let member = replica.world.first.configuration().members[1].clone();
    let known = replica.execute(&MembershipOperation::GetMember(member.id), 0);
    assert_eq!(known, MembershipReply::Member(Some(member.as_ref().clone().into())));
    let unknown = replica.execute(&MembershipOperation::GetMember(NodeId::new([0; 32])), 0);
    assert_eq!(unknown, MembershipReply::Member(None));
}

#[test]
fn pending_changes_come_in_pages() {
    let mut replica = replica();
    for server in 20..40 {
        let add = added(replica.add(server, validity(1, 0, 9)));
        assert_eq!(replica.execute(&add, 0), RECORDED);
    }
    let page = replica.pending();
    assert_eq!(page.len(), crate::limits::PENDING_PAGE_MAX);
    let last = page.last().unwrap().identity_key();
    let rest = MembershipOperation::GetPending(pending_from(last));
    let MembershipReply::Pending(rest) = replica.execute(&rest, 0) else { panic!("page") };
    assert_eq!(rest.changes.len(), 20 - page.len() + 1);
}

#[test]
fn a_full_table_takes_news_of_known_servers_only() {
    let mut replica = replica();
    let other = added(replica.add(21, validity(1, 0, 9)));
    assert_eq!(replica.execute(&other, 0), RECORDED);
    let tally =
        Tally { known_keys: 8, members: 8, active: 8, waiting: 1, fresh: 1, present: 7, roots: 0 };
    assert_eq!(replica.state.get(b"c"), Some(encode(&tally)), "seven founders and one more");
    let full = Tally { known_keys: crate::limits::KNOWN_KEYS_MAX, ..tally };
    replica.state.put(b"c", encode(&full));
    let unknown = added(replica.add(20, validity(1, 0, 9)));
    assert_eq!(replica.execute(&unknown, 0), refused(Refusal::Full));
    let known = added(replica.add(0, validity(1, 0, 9)));
    assert_eq!(replica.execute(&known, 0), RECORDED);
}

#[test]
fn a_full_configuration_takes_no_other_member() {
    let mut replica = replica();
    let other = added(replica.add(21, validity(1, 0, 9)));
    assert_eq!(replica.execute(&other, 0), RECORDED);
    let members = quorate_types::limits::MEMBERS_MAX as u64;
    let counted: Tally = decode(&replica.state.get(b"c").unwrap()).unwrap();
    let full = Tally { members, ..counted };
    replica.state.put(b"c", encode(&full));
    let unknown = added(replica.add(20, validity(1, 0, 9)));
    assert_eq!(replica.execute(&unknown, 0), refused(Refusal::Full));
    let known = added(replica.add(21, validity(2, 0, 9)));
    assert_eq!(replica.execute(&known, 0), RECORDED);
}

#[test]
fn mem_25_a_removal_that_leaves_too_few_servers_is_refused_and_a_replacement_is_not() {
    let mut replica = replica();
    let removal = |replica: &Replica, server| {
        let grant = replica.remove(server, validity(1, 0, 3));
        removed(RemoveGrant { may_exceed_cap: true, ..grant })
    };
    for server in 0..3 {
        let gone = removal(&replica, server);
        assert_eq!(replica.execute(&gone, 0), RECORDED);
    }
    let before = replica.state.clone();
    let one_more = removal(&replica, 3);
    assert_eq!(replica.execute(&one_more, 0), refused(Refusal::TooFewServers), "MEM-25");
    assert_eq!(replica.state, before, "MEM-8");
    let unknown = removed(replica.remove(30, validity(1, 0, 3)));
    assert_eq!(replica.execute(&unknown, 0), RECORDED, "it takes nobody away");

    let successor = added(replica.add(20, validity(1, 0, 3)));
    assert_eq!(replica.execute(&successor, 0), RECORDED);
    assert_eq!(replica.execute(&one_more, 0), RECORDED, "MEM-25: four are left");
    let gone = removed(replica.remove(20, validity(2, 0, 3)));
    assert_eq!(replica.execute(&gone, 0), refused(Refusal::TooFewServers), "MEM-25");
}

#[test]
fn two_replicas_that_execute_the_same_have_the_same_state() {
    let (mut left, mut right) = (replica(), replica());
    let operations = [
        added(left.add(20, validity(1, 0, 9))),
        removed(left.remove(3, validity(1, 0, 9))),
        MembershipOperation::GetMember(NodeId::new([0; 32])),
    ];
    for operation in &operations {
        assert_eq!(left.execute(operation, 0), right.execute(operation, 0));
    }
    assert_eq!(left.state, right.state);
}

#[test]
fn every_prefix_and_every_flipped_bit_of_an_operation_gets_a_reply() {
    let mut replica = replica();
    let bytes = encode(&added(replica.add(20, validity(1, 0, 9))));
    for length in 0..bytes.len() {
        let reply = replica.execute_bytes(&bytes[..length], 0);
        assert_eq!(reply, MembershipReply::Malformed);
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let reply = replica.execute_bytes(&flipped, 0);
        assert_ne!(reply, RECORDED, "MEM-8: bit {bit}");
    }
    assert!(replica.pending().is_empty());
}

/// What the service answers to what is said of servers.
fn monitoring_replies(from: NodeId, server: NodeId) -> Vec<MembershipReply> {
    let next = Finding {
        epoch: Epoch::new(1),
        slot: Slot::new(7),
        server,
        found: Found::Silent,
        is_rebutted: true,
        held: Some(Held::Window),
    };
    let later = Some(Finding { found: Found::Guilty, held: None, ..next });
    let convicted = Some(ConvictedIn { epoch: Epoch::ZERO, slot: Slot::new(8) });
    let standing = Standing { server, suspecting: 2, next: Some(next), later, convicted };
    let mut replies = vec![MembershipReply::Heard];
    replies.extend(MonitoringRefusal::ALL.map(MembershipReply::Unheard));
    replies.push(MembershipReply::Findings(FindingsPage {
        from,
        standings: vec![standing],
        lasted: Some(Duration::from_secs(60)),
        now: UnixTime::from_micros(5),
    }));
    replies.push(MembershipReply::Conviction(None));
    replies
}

#[test]
fn operations_and_replies_have_their_golden_bytes_and_come_back_from_them() {
    let mut replica = replica();
    let add = replica.add(20, validity(1, 0, 9));
    let remove = replica.remove(20, validity(2, 0, 9));
    let (node, key) = (NodeId::new([3; 32]), IdentityKey::new([0; 32]));
    replica.execute(&added(add.clone()), 0);
    let from = pending_from(key);
    let pending = replica.execute(&MembershipOperation::GetPending(from), 0);
    let refusals = [
        Refusal::Foreign,
        Refusal::NotYetValid,
        Refusal::Expired,
        Refusal::Replayed { highest: 4 },
        Refusal::Removed { last_epoch: Epoch::new(3) },
        Refusal::BadSignature,
        Refusal::BadServer,
        Refusal::Full,
        Refusal::TooFewServers,
        Refusal::Founding,
        Refusal::TooLarge,
        Refusal::NoCouncil,
        Refusal::NoGroup,
        Refusal::NeighboursGone,
    ];
    let mut replies: Vec<_> = refusals.into_iter().map(MembershipReply::Refused).collect();
    replies.extend(vec![RECORDED, MembershipReply::Malformed, pending]);
    replies.push(MembershipReply::Member(None));
    replies.extend([MembershipReply::Awaited(Epoch::new(4)), MembershipReply::Advanced]);
    replies.extend(HandoverRefusal::ALL.map(MembershipReply::Unmoved));
    let terms = replica.execute(&MembershipOperation::GetTerms(add.identity_key), 0);
    replies.extend([MembershipReply::Appointed(Epoch::new(4)), terms]);
    let rotation = Rotation { pool: Some(vec![node]), seats_max: Some(2) };
    let group = replica.execute(&MembershipOperation::GetGroup(Epoch::new(4)), 0);
    replies.push(group);
    let rotate = RotationGrant { system: replica.system(), validity: validity(1, 0, 9), rotation };
    let said = replica.observation();
    let server = said.observation.claim.server;
    replies.extend(monitoring_replies(node, server));
    let signature = said.signature;
    let rebuttal = Rebuttal { server, eviction: Slot::new(7), signature, certificate: None };
    let operations = [
        added(add),
        removed(remove),
        MembershipOperation::GetConfiguration(node),
        MembershipOperation::GetPending(from),
        MembershipOperation::GetMember(node),
        appointed(replica.appoint(&[1, 2], validity(1, 0, 9))),
        MembershipOperation::GetTerms(key),
        MembershipOperation::Rotate(RotationCertificate::issue(rotate, &authority())),
        MembershipOperation::GetGroup(Epoch::new(4)),
        MembershipOperation::Observe(said),
        MembershipOperation::Rebut(rebuttal.into()),
        MembershipOperation::GetFindings(server),
        MembershipOperation::GetConviction(server),
    ];
    for reply in &replies {
        assert_eq!(decode::<MembershipReply>(&encode(reply)).as_ref(), Ok(reply));
    }
    for operation in &operations {
        assert_eq!(decode::<MembershipOperation>(&encode(operation)).as_ref(), Ok(operation));
    }
    let mut vectors: Vec<_> = operations.iter().map(|it| vector("operation", it)).collect();
    vectors.extend(replies.iter().map(|it| vector("reply", it)));
    expect_file!["golden/operations.txt"].assert_eq(&vectors.concat());
}

mod councils;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_byte_sequence_makes_the_service_panic(
        bytes in prop::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..80)
    ) {
        let service = replica();
        let mut replica = service;
        replica.execute_bytes(&bytes, 0);
        prop_assert!(replica.pending().is_empty(), "MEM-8");
    }
}
