//! The log of the old group as the tests of the machine have it: one list, executed by the service
//! that the members replicate.
use std::vec::Vec;

use quorate_machine::{Call, Caller, Service};
use quorate_threshold::{Commitment, GroupKey};
use quorate_types::{Digest, Slot, UnixTime};
use quorate_wire::{decode, encode};

use crate::authority::{AddCertificate, AddGrant, Validity};
use crate::handover::dealing::CommitmentBytes;
use crate::handover::operation::HandoverOperation;
use crate::handover::stage::{News, Stage};
use crate::identity::IdentitySigner;
use crate::service::{MembershipOperation, MembershipReply, MembershipService};
use crate::testing::{MapState, World, authority, description, identity, schemes};

/// The log, executed.
pub(super) struct Log {
    service: MembershipService,
    state: MapState,
    slot: u64,
    /// What the members are told.
    pub(super) news: News,
    /// The operations that counted.
    pub(super) executed: Vec<HandoverOperation>,
}

impl Log {
    pub(super) fn new(world: &World) -> Self {
        let sharing = CommitmentBytes::of(&world.founding.commitment);
        Self::of(MembershipService::founded(world.first.clone(), sharing, schemes()))
    }

    /// The log in which a system is founded: its group deals a key that nobody has yet.
    pub(super) fn of_founding(world: &World) -> Self {
        Self::of(MembershipService::genesis(world.genesis.unsigned(), schemes()))
    }

    fn of(service: MembershipService) -> Self {
        let state = MapState::default();
        let news = service.news(&state);
        Self { service, state, slot: 0, news, executed: Vec::new() }
    }

    /// Executes an operation on behalf of a member; is there other news than before?
    pub(super) fn execute(&mut self, world: &World, operation: &HandoverOperation) -> bool {
        let before = self.news.clone();
        let said = MembershipOperation::Handover(operation.clone().into());
        if self.reply(world, &said) == MembershipReply::Advanced {
            self.executed.push(operation.clone());
        }
        self.news != before
    }

    /// The authority admits a server, which is added with the end of an epoch.
    pub(super) fn admit(&mut self, world: &World, server: usize) {
        let epoch = world.first.epoch();
        let grant = AddGrant {
            system: world.first.configuration().system,
            identity_key: identity(server).identity_key(),
            validity: Validity { sequence: 1, first_epoch: epoch, last_epoch: epoch },
            server: description(server),
        };
        let certificate = AddCertificate::issue(grant, &authority());
        let reply = self.reply(world, &MembershipOperation::Add(certificate));
        assert!(matches!(reply, MembershipReply::Recorded { .. }), "{reply:?}");
    }

    fn reply(&mut self, world: &World, operation: &MembershipOperation) -> MembershipReply {
        self.slot += 1;
        let bytes = encode(operation);
        let call = Call {
            caller: Caller::Member(world.group()[0]),
            operation: &bytes,
            epoch: world.first.epoch(),
            slot: Slot::new(self.slot),
            time: UnixTime::from_micros(9_000_000 + self.slot),
            randomness: Digest::ZERO,
        };
        let reply = self.service.execute(&call, &mut self.state);
        self.news = self.service.news(&self.state);
        decode(&reply).unwrap()
    }

    /// The replicated state, of which checkpoints are made.
    pub(super) fn image(&self) -> Vec<u8> {
        self.state.0.iter().flat_map(|(key, value)| [key.as_slice(), value].concat()).collect()
    }

    /// The public side of what came out.
    pub(super) fn sharing(&self) -> GroupKey {
        let Stage::Done(decided) = &self.news.stage else { panic!("not decided yet") };
        let sharing = Commitment::decode(&decided.sharing.0, decided.attempt.parameters());
        let key = GroupKey::new(sharing.unwrap()).unwrap();
        if let Some(old) = &self.news.sharing {
            let old = Commitment::decode(&old.0, decided.attempt.parameters()).unwrap();
            assert_eq!(key.public_key(), old.public_key(), "the system's key stays");
        }
        key
    }
}
