//! How often a server of the shortlist says its keys in an hour, and how long they are: the
//! participant of production, alone with its clock and heard by nobody, and keys of full depth.
use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_crypto::real::RealSigner;
use quorate_kes::{Blake3Tree, Seed as TreeSeed};
use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_membership::handover::machine::Timer;
use quorate_membership::handover::message::Message;
use quorate_membership::handover::{Deposit, HandoverOperation, NextKeys, Policy, Setup};
use quorate_membership::{
    EpochKeyCertificate, EpochKeyStatement, Handover, Identity, IdentitySigner, Shortlist,
    VerifiedConfiguration,
};
use quorate_threshold::{DecryptionKey, Seed};
use quorate_types::{Duration, Instant, NodeId, Now};
use quorate_wire::encode;

use super::network::line_bytes;
use super::servers::Servers;

const HOUR: Duration = Duration::from_secs(3600);
/// How long the daemon waits in an hourly epoch before it says a deposit again.
const REPEAT_IDLE: Duration = Duration::from_secs(30);
/// More servers than are in the group, and few enough that all of them bring keys.
const SERVERS: usize = 100;

/// What one server has to say to bring its keys, if no epoch ends in an hour.
pub(crate) struct Said {
    /// How often it is said.
    pub(crate) times: u64,
    /// To how many each time.
    pub(crate) members: u64,
    /// Bytes of the message.
    pub(crate) message_bytes: u64,
    /// Bytes in the log of the group for each that comes.
    pub(crate) operation_bytes: u64,
}

impl Said {
    /// Bytes on the line, of all messages.
    pub(crate) const fn line_bytes(&self) -> u64 {
        self.times * self.members * line_bytes(self.message_bytes)
    }
}

/// Lets an hour pass.
pub(crate) fn of_an_hour() -> Said {
    let mut servers = Servers::new();
    let newest = servers.first(SERVERS);
    let me = *newest
        .configuration()
        .members
        .iter()
        .map(|member| &member.id)
        .find(|id| newest.group_member(**id).is_none())
        .expect("the group is smaller");
    let next = keys(&newest, me);
    let operation =
        HandoverOperation::Deposit(Box::new(next.deposit.clone().expect("it was made now")));
    let operation_bytes = encode(&operation).len() as u64;
    let mut handover = Handover::new(setup(&servers, &newest, (me, next)), []);
    let mut said = Said { times: 0, members: 0, message_bytes: 0, operation_bytes };
    let (mut effects, mut alarms) = (Effects::new(), BTreeMap::<Timer, Instant>::new());
    let begun = newest.configuration().created;
    let mut input = Some(Input::Start);
    let mut passed = Duration::ZERO;
    while let Some(due) = input.take() {
        let now = Now { instant: Instant::ZERO.after(passed), wall: begun.after(passed) };
        handover.step(now, due, &mut effects);
        note(&mut said, &mut effects, &mut alarms);
        let earliest = alarms.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at));
        if let Some((timer, at)) = earliest
            && at.since(Instant::ZERO) < HOUR
        {
            alarms.remove(&timer);
            (input, passed) = (Some(Input::Expired(timer)), at.since(Instant::ZERO));
        }
    }
    said
}

fn note(said: &mut Said, effects: &mut Effects<Handover>, alarms: &mut BTreeMap<Timer, Instant>) {
    let mut members = 0;
    for effect in effects.drain() {
        match effect {
            Effect::Send { to, message: message @ Message::Deposit(_), .. } => {
                said.message_bytes = encode(&message).len() as u64;
                members += match to {
                    Recipients::One(_) => 1,
                    Recipients::Each(peers) => peers.len() as u64,
                };
            }
            Effect::Arm { timer, at } => drop(alarms.insert(timer, at)),
            Effect::Disarm(timer) => drop(alarms.remove(&timer)),
            Effect::Send { .. }
            | Effect::Persist(_)
            | Effect::Release(_)
            | Effect::Emit(_)
            | Effect::Mark(_) => {}
        }
    }
    said.times += u64::from(members > 0);
    said.members = said.members.max(members);
}

fn setup(
    servers: &Servers,
    newest: &VerifiedConfiguration,
    (me, next): (NodeId, NextKeys),
) -> Setup {
    Setup {
        configuration: Arc::new(newest.configuration().clone()),
        shortlist: Shortlist::of(newest.header().header(), &newest.configuration().members),
        system_key: Some(*newest.header().system_key()),
        me,
        member: None,
        next: Some(next),
        schemes: servers.schemes.clone(),
        policy: Policy {
            length: HOUR,
            patience: Duration::ZERO,
            change_count_max: u32::MAX,
            repeat: Duration::from_millis(200),
            repeat_idle: REPEAT_IDLE,
            attempt: Duration::from_secs(60),
        },
    }
}

fn keys(newest: &VerifiedConfiguration, me: NodeId) -> NextKeys {
    let (system, next) = (newest.configuration().system, newest.epoch().next());
    let seed = *me.as_bytes();
    let signer: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&seed));
    let identity = Identity::generate(Blake3Tree, TreeSeed::new(seed), next);
    let keys = (identity.identity_key(), signer.public_key());
    let statement = EpochKeyStatement::of_system(system, keys.0, next, keys.1);
    let certificate = EpochKeyCertificate::issue(statement, &identity);
    let decryption_key = DecryptionKey::derive(&Seed::new(seed));
    let deposit = Deposit::new(certificate, &*signer, &decryption_key);
    NextKeys { signer, deposit: Some(deposit), decryption_key: Some(decryption_key) }
}
