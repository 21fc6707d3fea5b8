//! A system whose membership groups run one log after the other, in a plain map.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_kes::IdealTree;

use quorate_machine::{Call, Caller, Service};
use quorate_threshold::{
    Commitment, Dealer, DecryptionKey, Domain, EncryptionKey, GroupKey, KeyShare, Opened,
    PartialSignature, Seed, Session, ShareIndex, Sharing, Signature, Subshare,
};
use quorate_types::{
    ClientId, Digest, Epoch, IdentityKey, IdentityRoot, MemberRecord, MemberStatus, NodeId,
    Resilience, Slot, UnixTime,
};
use quorate_wire::{decode, encode};

use crate::authority::{
    AddCertificate, AddGrant, RemoveCertificate, RemoveGrant, ResizeCertificate, ResizeGrant,
    RotationCertificate, RotationGrant, Validity,
};
use crate::configuration::{CertifiedConfiguration, VerifiedConfiguration};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::handover::attempt::Occasion;
use crate::handover::dealing::{choice_digest, sharing};
use crate::handover::deposit::EncryptionKeyBytes;
use crate::handover::randomness::Draw;
use crate::handover::vote::ShareProof;
use crate::handover::{
    AbortVote, Acknowledgement, Attempt, CertifiedDealing, CommitmentBytes, Completion, Decided,
    Deposit, EndReason, EndVote, Frozen, HandoverOperation, News, PublishedDealing, SeatKeys,
    Stage, Underway, Word, Words,
};
use crate::header::CertifiedHeader;
use crate::identity::{Identity, IdentitySigner};
use crate::rotation::Rotation;
use crate::service::table::{Reader, Table};
use crate::service::{HandoverRefusal, MembershipOperation, MembershipReply, MembershipService};
use crate::shortlist::Shortlist;
use crate::testing::{
    MapState, World, authority, description, epoch_signer, identity, identity_in, schemes,
    successor,
};

/// Servers that a test can have.
const SERVERS: usize = 40;

/// One group's log after the other.
pub(super) struct Town {
    pub(super) service: MembershipService,
    pub(super) state: MapState,
    pub(super) configuration: VerifiedConfiguration,
    /// What the members of the present group hold.
    pub(super) shares: BTreeMap<NodeId, KeyShare>,
    /// What was published in the present attempt, by dealer.
    dealt: BTreeMap<u16, PublishedDealing>,
    pub(super) slot: u64,
    numbers: BTreeMap<IdentityKey, usize>,
    /// Seed and first epoch of the tree of a server that replaced the one that it began with.
    pub(super) later_trees: BTreeMap<usize, (u8, Epoch)>,
    sequence: u64,
}

impl Town {
    pub(super) fn new(server_count: usize, f_membership: u16) -> Self {
        let World { first, founding, .. } = World::new(server_count, f_membership);
        let sharing = CommitmentBytes::of(&founding.commitment);
        let service = MembershipService::founded(first.clone(), sharing, schemes());
        Self::running(service, first, founding.shares.into_iter().collect())
    }

    /// A system of seven servers, four of them its group, to which so many have come in one epoch.
    pub(super) fn crowded(server_count: usize) -> Self {
        Self::crowded_with(server_count, 0)
    }

    /// The same, and so many of those that came have no duties any more.
    pub(super) fn crowded_with(server_count: usize, idle_count: usize) -> Self {
        let world = World::new(7, 1);
        let newcomers = (7..server_count).map(|server| {
            let idle = if server % 2 == 0 { MemberStatus::Inactive } else { MemberStatus::Removed };
            let status = if server < 7 + idle_count { idle } else { MemberStatus::Active };
            // Of others that were removed no record is left.
            let is_on_ring = status == MemberStatus::Removed;
            MemberRecord { status, is_on_ring, ..world.newcomer(server) }
        });
        let second = world.after(&world.first, |members| members.extend(newcomers));
        let sharing = CommitmentBytes::of(&world.founding.commitment);
        let service = MembershipService::founded(second.clone(), sharing, schemes());
        let mut town = Self::running(service, second, world.founding.shares.into_iter().collect());
        let number = |server| (identity(server).identity_key(), server);
        town.numbers = (0..server_count).map(number).collect();
        town
    }

    /// A system that has no key yet. What the dealer of the tests made of the same genesis tells
    /// who the servers are, and is used for nothing else.
    pub(super) fn founding(server_count: usize, f_membership: u16) -> Self {
        let World { first, genesis, .. } = World::new(server_count, f_membership);
        let service = MembershipService::genesis(genesis.unsigned(), schemes());
        Self::running(service, first, BTreeMap::new())
    }

    fn running(
        service: MembershipService,
        configuration: VerifiedConfiguration,
        shares: BTreeMap<NodeId, KeyShare>,
    ) -> Self {
        let number = |server| (identity(server).identity_key(), server);
        let mut town = Self {
            service,
            state: MapState::default(),
            configuration,
            shares,
            dealt: BTreeMap::new(),
            slot: 0,
            numbers: (0..SERVERS).map(number).collect(),
            later_trees: BTreeMap::new(),
            sequence: 0,
        };
        town.execute(&[]);
        assert_eq!(
            town.reader().shortlist(),
            town.shortlist(),
            "MEM-69: servers and the log agree"
        );
        town
    }

    // -- the log --

    pub(super) fn execute(&mut self, operation: &[u8]) -> MembershipReply {
        self.slot += 1;
        let call = Call {
            caller: Caller::Client(ClientId::new([1; 32])),
            operation,
            epoch: self.configuration.epoch(),
            slot: Slot::new(self.slot),
            time: self.time(),
            randomness: Digest::ZERO,
        };
        decode(&self.service.execute(&call, &mut self.state)).unwrap()
    }

    /// The agreed time of the last slot.
    pub(super) fn time(&self) -> UnixTime {
        UnixTime::from_micros(1_000_000 * self.slot)
    }

    pub(super) fn ask(&mut self, operation: &MembershipOperation) -> MembershipReply {
        self.execute(&encode(operation))
    }

    /// Takes a step, which may be refused; MEM-8: then nothing has changed.
    pub(super) fn take(&mut self, step: HandoverOperation) -> Result<(), HandoverRefusal> {
        let before = self.state.clone();
        let reply = self.ask(&MembershipOperation::Handover(step.into()));
        if reply == MembershipReply::Advanced {
            return Ok(());
        }
        let MembershipReply::Unmoved(refusal) = reply else { panic!("{reply:?}") };
        assert_eq!(self.state, before, "MEM-8: {refusal:?}");
        Err(refusal)
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.state)
    }

    pub(super) fn news(&self) -> News {
        self.service.news(&self.state)
    }

    pub(super) fn stage(&self) -> Stage {
        self.reader().stage()
    }

    pub(super) fn frozen(&self) -> Frozen {
        let Stage::Frozen(frozen) = self.stage() else { panic!("{:?}", self.stage()) };
        frozen
    }

    pub(super) fn underway(&self) -> Underway {
        let stage = self.stage();
        let (Stage::Dealing(underway) | Stage::Redrawing(underway)) = stage else {
            panic!("{stage:?}")
        };
        *underway
    }

    pub(super) fn decided(&self) -> Decided {
        let Stage::Done(decided) = self.stage() else { panic!("{:?}", self.stage()) };
        *decided
    }

    // -- the servers --

    pub(super) fn epoch(&self) -> Epoch {
        self.configuration.epoch()
    }

    pub(super) fn group(&self) -> Vec<NodeId> {
        self.configuration.configuration().membership_group.clone()
    }

    /// Who brings keys to the epoch, as servers see it.
    pub(super) fn shortlist(&self) -> Shortlist {
        let configuration = &self.configuration;
        Shortlist::of(configuration.header().header(), &configuration.configuration().members)
    }

    pub(super) fn number_of(&self, id: NodeId) -> usize {
        self.numbers[&self.configuration.configuration().member(id).unwrap().identity_key]
    }

    pub(super) fn servers(&self) -> Vec<usize> {
        let members = self.configuration.configuration().members.iter();
        let members = members.filter(|member| member.status != MemberStatus::Removed);
        members.map(|member| self.numbers[&member.identity_key]).collect()
    }

    pub(super) fn record_of(&self, server: usize) -> Option<MemberRecord> {
        self.place_of(server).filter(|record| record.status != MemberStatus::Removed)
    }

    /// The record of a server, also if nothing but its place on the ring is left of it.
    pub(super) fn place_of(&self, server: usize) -> Option<MemberRecord> {
        let key = identity(server).identity_key();
        let found = self.reader().members().find(|member| member.identity_key == key);
        found.map(Arc::unwrap_or_clone)
    }

    // -- what is ordered --

    fn validity(&mut self) -> Validity {
        self.sequence += 1;
        let last_epoch = self.epoch();
        Validity { sequence: self.sequence, first_epoch: Epoch::ZERO, last_epoch }
    }

    pub(super) fn add(&mut self, server: usize) -> MembershipReply {
        let mut validity = self.validity();
        validity.last_epoch = validity.last_epoch.next();
        let system = self.configuration.configuration().system;
        let identity_key = identity(server).identity_key();
        let mut server = description(server);
        server.probe_port += u16::try_from(validity.sequence).unwrap();
        let grant = AddGrant { system, identity_key, validity, server };
        self.ask(&MembershipOperation::Add(AddCertificate::issue(grant, &authority())))
    }

    pub(super) fn remove(&mut self, server: usize) -> MembershipReply {
        self.remove_as(server, false)
    }

    pub(super) fn remove_as(&mut self, server: usize, may_exceed_cap: bool) -> MembershipReply {
        let mut validity = self.validity();
        validity.last_epoch = validity.last_epoch.next();
        let system = self.configuration.configuration().system;
        let identity_key = identity(server).identity_key();
        let grant = RemoveGrant { system, identity_key, validity, may_exceed_cap };
        self.ask(&MembershipOperation::Remove(RemoveCertificate::issue(grant, &authority())))
    }

    pub(super) fn resize_grant(&mut self, f: u16) -> ResizeGrant {
        let mut validity = self.validity();
        validity.last_epoch = validity.last_epoch.next();
        let system = self.configuration.configuration().system;
        ResizeGrant { system, validity, membership: Resilience::new(f).unwrap() }
    }

    pub(super) fn resize(&mut self, grant: ResizeGrant) -> MembershipReply {
        let certificate = ResizeCertificate::issue(grant, &authority());
        self.ask(&MembershipOperation::Resize(certificate))
    }

    pub(super) fn rotation_grant(&mut self, rotation: Rotation) -> RotationGrant {
        let mut validity = self.validity();
        validity.last_epoch = validity.last_epoch.next();
        let system = self.configuration.configuration().system;
        RotationGrant { system, validity, rotation }
    }

    pub(super) fn rotate(&mut self, grant: RotationGrant) -> MembershipReply {
        let certificate = RotationCertificate::issue(grant, &authority());
        self.ask(&MembershipOperation::Rotate(certificate))
    }

    pub(super) fn deposit_of(&self, server: usize) -> Deposit {
        self.deposit_naming(server, None)
    }

    /// A deposit that names another root, whatever shows it.
    pub(super) fn deposit_naming(&self, server: usize, root: Option<IdentityRoot>) -> Deposit {
        let (system, epoch) = (self.configuration.configuration().system, self.epoch().next());
        let signer = epoch_signer(server, epoch);
        let identity = self.identity_in(server, epoch);
        let key = (identity.identity_key(), signer.public_key());
        let statement = EpochKeyStatement::of_system(system, key.0, epoch, key.1).naming(root);
        let certificate = EpochKeyCertificate::issue(statement, &identity);
        Deposit::new(certificate, &signer, &decryption_key(server, epoch))
    }

    /// The identity of a server in an epoch, with the tree that it has.
    fn identity_in(&self, server: usize, epoch: Epoch) -> Identity<IdealTree> {
        let Some((seed, first_epoch)) = self.later_trees.get(&server) else {
            return identity_in(server, epoch);
        };
        let mut identity = successor(server, *seed, *first_epoch);
        while identity.epoch() < epoch {
            identity.evolve().unwrap();
        }
        identity
    }

    pub(super) fn deposit(&mut self, server: usize) -> Result<(), HandoverRefusal> {
        let deposit = self.deposit_of(server);
        self.take(HandoverOperation::Deposit(deposit.into()))
    }

    /// As if these had deposited keys, too. What the log asks of a deposit is shown elsewhere.
    pub(super) fn bring(&mut self, servers: &[NodeId]) {
        let epoch = self.epoch().next();
        for node in servers {
            let number = self.number_of(*node);
            let key = self.configuration.configuration().member(*node).unwrap().identity_key;
            let epoch_key = epoch_signer(number, epoch).public_key();
            let encryption_key = decryption_key(number, epoch).encryption_key();
            let encryption_key = EncryptionKeyBytes(encryption_key.encode());
            let keys = SeatKeys { epoch_key, encryption_key };
            Table::new(&mut self.state).put_deposit(key, &keys);
        }
    }

    /// Has all servers that are asked for keys deposit them, and have not done so.
    pub(super) fn deposit_all(&mut self) {
        let (list, group) = (self.shortlist(), self.group());
        let is_asked = |record: &MemberRecord| list.has(record) || group.contains(&record.id);
        let members = self.configuration.configuration().members.iter();
        let asked: Vec<_> = members.filter(|record| is_asked(record)).map(|it| it.id).collect();
        for server in asked.into_iter().map(|id| self.number_of(id)).collect::<Vec<_>>() {
            if self.reader().deposit(identity(server).identity_key()).is_none() {
                self.deposit(server).unwrap();
            }
        }
    }

    /// Words of servers under their keys of an epoch, in ascending order of id.
    pub(super) fn words<T: crate::handover::Said>(
        &self,
        by: &[NodeId],
        epoch: Epoch,
        said: impl Fn(NodeId) -> T,
    ) -> Words<T> {
        let mut by = by.to_vec();
        by.sort_unstable();
        let word =
            |&id: &NodeId| Word::sign(said(id), id, &epoch_signer(self.number_of(id), epoch));
        Words(by.iter().map(word).collect())
    }

    pub(super) fn end_vote(&self) -> EndVote {
        let system = self.configuration.configuration().system;
        EndVote { system, epoch: self.epoch(), reason: EndReason::Time }
    }

    pub(super) fn end(&self, by: &[NodeId]) -> HandoverOperation {
        HandoverOperation::End(self.words(by, self.epoch(), |_| self.end_vote()))
    }

    pub(super) fn abort(&self, by: &[NodeId], attempt: u32) -> HandoverOperation {
        let system = self.configuration.configuration().system;
        let vote = AbortVote { system, epoch: self.epoch(), attempt };
        HandoverOperation::Abort(self.words(by, self.epoch(), |_| vote))
    }

    /// The system's signature, from the shares of the present group.
    pub(super) fn signature(&self, domain: Domain, message: &[u8]) -> Signature {
        combine((&self.sharing(), &self.shares), domain, message)
    }

    pub(super) fn sharing(&self) -> GroupKey {
        self.reader().sharing().unwrap()
    }

    pub(super) fn draw(&self, draw: &Draw) -> Signature {
        self.signature(draw.domain(), draw.message().as_bytes())
    }

    pub(super) fn beacon(&self) -> HandoverOperation {
        HandoverOperation::Beacon(self.draw(&Draw::Epoch(self.frozen().fixed)))
    }

    pub(super) fn redraw(&self) -> HandoverOperation {
        let underway = self.underway();
        let draw = Draw::Group(underway.frozen.fixed, underway.attempt.number + 1);
        HandoverOperation::Redraw(self.draw(&draw))
    }

    pub(super) fn session(&self) -> Session {
        let system = self.configuration.configuration().system;
        let system_key = self.reader().sharing().map(|sharing| sharing.public_key());
        let occasion = Occasion { system, epoch: self.epoch().next(), system_key };
        self.underway().attempt.session(&occasion)
    }

    /// The dealing of a member's share to the group of the attempt.
    pub(super) fn publish(&mut self, dealer: NodeId, seed: u8) -> PublishedDealing {
        let attempt = self.underway().attempt;
        let keys: Vec<Option<EncryptionKey>> = attempt.encryption_keys().unwrap();
        let (seed, session) = (Seed::new([seed; 32]), self.session());
        let dealer_of = Dealer { seed: &seed, session, parameters: attempt.parameters() };
        let dealt = match self.shares.get(&dealer) {
            Some(share) => dealer_of.deal_again(share),
            None => {
                let place = self.group().iter().position(|id| *id == dealer).unwrap() + 1;
                let index = ShareIndex::new(u16::try_from(place).unwrap()).unwrap();
                dealer_of.deal_fresh(index)
            }
        };
        let sealed = dealer_of.seal(&dealt, &keys).unwrap();
        let published = PublishedDealing::new(&dealt.dealing, &sealed);
        self.dealt.insert(published.dealer, published.clone());
        published
    }

    pub(super) fn certified(
        &self,
        published: &PublishedDealing,
        by: &[NodeId],
    ) -> CertifiedDealing {
        let said = Acknowledgement {
            session: published.session,
            dealer: published.dealer,
            digest: published.digest(),
        };
        let acknowledgements = self.words(by, self.epoch().next(), |_| said);
        CertifiedDealing {
            session: published.session,
            dealing: published.chosen(),
            acknowledgements,
        }
    }

    /// A quorum of the seats of the attempt that have keys.
    pub(super) fn recipients(&self) -> Vec<NodeId> {
        let attempt = self.underway().attempt;
        let seats = attempt.seats.iter().filter(|seat| seat.keys.is_some());
        seats.map(|seat| seat.node).take(attempt.resilience.quorum()).collect()
    }

    /// Deals the share of a member, and has a quorum acknowledge it.
    pub(super) fn deal(&mut self, dealer: NodeId) -> Result<(), HandoverRefusal> {
        let published = self.publish(dealer, 1);
        let certified = self.certified(&published, &self.recipients());
        self.take(HandoverOperation::Dealt(certified.into()))
    }

    /// As many dealings as the choice has.
    pub(super) fn deal_all(&mut self) {
        let needed = self.configuration.configuration().membership.weak_quorum();
        for dealer in &self.group()[..needed] {
            self.deal(*dealer).unwrap();
        }
    }

    /// What the choice of the log makes of the old sharing.
    pub(super) fn next_sharing(&self) -> Sharing {
        let Underway { attempt, dealings, .. } = self.underway();
        let place = (self.session(), attempt.parameters());
        sharing(&dealings, place, self.reader().sharing().as_ref()).unwrap()
    }

    /// The share that a recipient puts together.
    pub(super) fn next_share(&self, recipient: NodeId) -> KeyShare {
        let Underway { attempt, dealings, .. } = self.underway();
        let index = attempt.index_of(recipient).unwrap();
        let open = |chosen: &crate::handover::ChosenDealing| {
            self.open((chosen, &attempt), recipient, index)
        };
        let subshares: Vec<_> = dealings.iter().map(open).collect();
        self.next_sharing().assemble_share(index, &subshares).unwrap()
    }

    fn open(
        &self,
        (chosen, attempt): (&crate::handover::ChosenDealing, &Attempt),
        recipient: NodeId,
        index: ShareIndex,
    ) -> Subshare {
        let key = decryption_key(self.number_of(recipient), self.epoch().next());
        let place = (self.session(), attempt.parameters());
        let checked = chosen.checked(place, self.reader().sharing().as_ref()).unwrap();
        let sealed = self.dealt[&chosen.dealer].sealed(attempt.parameters()).unwrap();
        match key.open(&checked, &sealed, index).unwrap() {
            Opened::Owed(subshare) => subshare,
            Opened::Complaint(_) => panic!("an honest dealer"),
        }
    }

    pub(super) fn completion(&self, proof: &PartialSignature) -> Completion {
        let session = Digest::new(*self.session().as_bytes());
        let commitment = self.next_sharing().group_key().commitment().clone();
        Completion {
            session,
            choice: choice_digest(&self.underway().dealings),
            commitments: CommitmentBytes::of(&commitment).digest(),
            proof: ShareProof::new(proof),
        }
    }

    pub(super) fn share_proof(&self, recipient: NodeId) -> PartialSignature {
        self.next_share(recipient).sign(Domain::Share, self.session().as_bytes())
    }

    pub(super) fn complete(&self, by: &[NodeId]) -> HandoverOperation {
        let said = |id| self.completion(&self.share_proof(id));
        HandoverOperation::Complete(self.words(by, self.epoch().next(), said))
    }

    // -- one epoch and the next --

    /// FREEZE, by as many members as it takes.
    pub(super) fn freeze(&mut self) {
        let needed = self.configuration.configuration().membership.weak_quorum();
        let end = self.end(&self.group()[..needed]);
        self.take(end).unwrap();
    }

    /// From the open epoch to the first attempt.
    pub(super) fn prepare(&mut self) {
        self.deposit_all();
        self.freeze();
        let beacon = self.beacon();
        self.take(beacon).unwrap();
    }

    pub(super) fn give_up(&mut self) {
        let quorum = self.configuration.configuration().membership.quorum();
        let abort = self.abort(&self.group()[..quorum], self.underway().attempt.number);
        self.take(abort).unwrap();
    }

    /// Dealings and DONE of the present attempt; returns what the next group holds.
    pub(super) fn finish(&mut self) -> BTreeMap<NodeId, KeyShare> {
        self.deal_all();
        let recipients = self.underway().attempt.seats;
        let holders = recipients.iter().filter(|seat| seat.keys.is_some()).map(|seat| seat.node);
        let shares = holders.map(|node| (node, self.next_share(node))).collect();
        let complete = self.complete(&self.recipients());
        self.take(complete).unwrap();
        shares
    }

    /// The old members sign what was decided, and the next group goes on with the map.
    pub(super) fn turn(&mut self, shares: BTreeMap<NodeId, KeyShare>) {
        let decided = self.decided();
        assert!(self.service.is_over(&self.state));
        let hash = decided.header.hash();
        let fresh = decided_sharing(&decided);
        let key = match self.reader().sharing() {
            Some(old) => (old, &self.shares),
            None => (fresh, &shares),
        };
        let signature = combine((&key.0, key.1), Domain::Configuration, hash.as_bytes());
        let certified = CertifiedHeader { header: decided.header, signature };
        let members = self.reader().members().collect();
        let next = CertifiedConfiguration { certified, members };
        self.configuration = next.verify(&key.0.public_key(), &schemes()).unwrap();
        self.service = MembershipService::following(self.configuration.clone(), schemes());
        self.shares = shares;
        self.dealt.clear();
        assert!(!self.service.is_over(&self.state));
        let early = self.news();
        self.execute(&[]);
        assert_eq!(self.news(), early, "what the first request finds is known before");
        assert_eq!(
            self.reader().shortlist(),
            self.shortlist(),
            "MEM-69: servers and the log agree"
        );
    }

    /// A whole epoch in which nothing goes wrong.
    pub(super) fn live_an_epoch(&mut self) {
        self.prepare();
        let shares = self.finish();
        self.turn(shares);
    }
}

/// The public side of what was decided.
fn decided_sharing(decided: &Decided) -> GroupKey {
    let commitment = Commitment::decode(&decided.sharing.0, decided.attempt.parameters());
    GroupKey::new(commitment.unwrap()).unwrap()
}

fn combine(
    (sharing, shares): (&GroupKey, &BTreeMap<NodeId, KeyShare>),
    domain: Domain,
    message: &[u8],
) -> Signature {
    let partials: Vec<_> = shares.values().map(|share| share.sign(domain, message)).collect();
    sharing.combine(domain, message, &partials).unwrap().signature
}

pub(super) fn decryption_key(server: usize, epoch: Epoch) -> DecryptionKey {
    let mut seed = [b'd'; 32];
    seed[0..8].copy_from_slice(&(server as u64).to_be_bytes());
    seed[8..16].copy_from_slice(&epoch.get().to_be_bytes());
    DecryptionKey::derive(&Seed::new(seed))
}
