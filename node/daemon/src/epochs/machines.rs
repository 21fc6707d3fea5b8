//! The machines of an epoch, ready to be hosted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use quorate_bft::{Parameters, Replica, Setup, Succession};
use quorate_client::groups::{HANDOVER, ORDERING};
use quorate_crypto::Signer;
use quorate_crypto::real::RealSigner;
use quorate_duties::ordering_instance;
use quorate_machine::Machine;
use quorate_membership::election::membership_replicas;
use quorate_membership::handover::deposit::Deposit;
use quorate_membership::handover::{self, Handover, MemberSecrets, NextKeys, Policy};
use quorate_membership::monitor::ProbeRule;
use quorate_membership::{
    EpochConfiguration, MembershipService, RootRule, Schemes, Shortlist, UnsignedConfiguration,
    VerifiedConfiguration,
};
use quorate_runtime::{Channel, Control, Handle, Hosted, Hosting, Journal};
use quorate_state::Tree;
use quorate_store::directory::DataDirectory;
use quorate_threshold::{PublicKey, Seed};
use quorate_types::{Duration, Epoch, GroupConfiguration, NodeId, Slot, SystemId};

use super::archive::Archive;
use super::{EpochView, SharedKeys, Told, lock, shares};
use crate::error::ServerError;
use crate::host::handover::HandoverHost;
use crate::host::ordering::{self, OrderingHost};
use crate::host::succession::SuccessionHost;
use crate::keys::{CertifiedKey, EpochSeeds, KeySeed};
use crate::server::{Between, Intermediary, random_seed};

/// How long an old member is given to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long things take where an epoch lasts so long, or until so many changes wait.
#[must_use]
pub(crate) fn policy(length: StdDuration, change_count_max: u32) -> Policy {
    let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
    let attempt = Duration::from_micros((micros / 4).clamp(2_000_000, 60_000_000));
    Policy {
        length: Duration::from_micros(micros),
        patience: Duration::ZERO,
        change_count_max,
        repeat: Duration::from_millis(200),
        repeat_idle: Duration::from_micros((micros / 8).clamp(500_000, 30_000_000)),
        attempt,
    }
}

/// How long things take while the key is made: all wait for it.
#[must_use]
pub(crate) fn founding_policy(patience: StdDuration) -> Policy {
    let micros = u64::try_from(patience.as_micros()).unwrap_or(u64::MAX);
    Policy {
        length: Duration::ZERO,
        patience: Duration::from_micros(micros),
        change_count_max: u32::MAX,
        repeat: Duration::from_millis(100),
        repeat_idle: Duration::from_millis(100),
        attempt: Duration::from_secs(10),
    }
}

/// What does not change while a server runs.
pub(crate) struct Ground {
    /// This server.
    pub(crate) me: NodeId,
    /// What people call it.
    pub(crate) name: String,
    /// Its system.
    pub(crate) system: SystemId,
    /// The key of that; none while it is being made.
    pub(crate) system_key: Option<PublicKey>,
    /// In which epoch objects began to be stored, if it founded the system: its keys stay.
    pub(crate) ring_epoch: Option<Epoch>,
    /// Whether epochs end.
    pub(crate) ends_epochs: bool,
    /// Its disk.
    pub(crate) data: Arc<DataDirectory>,
    /// Its keys.
    pub(crate) keys: SharedKeys,
    /// How long things take.
    pub(crate) policy: Policy,
    /// When the identity gets another root.
    pub(crate) root_rule: RootRule,
    /// Where machines say what happens.
    pub(crate) told: Told,
    /// Where it is, for others to look at.
    pub(crate) view: Arc<EpochView>,
    /// What stands between the machines and the world.
    pub(crate) between: Box<dyn Intermediary>,
    /// The chain of all configurations; none while the first of them is being made.
    pub(crate) archive: Option<Arc<Archive>>,
}

/// A machine with all that it is hosted with.
pub(crate) struct Ready<H: Hosted> {
    name: &'static str,
    channel: Channel,
    hosted: H,
    machine: H::Machine,
    journal: Option<Box<dyn Journal<<H::Machine as Machine>::Record>>>,
    interceptor: Between<H::Machine>,
}

/// A replica of the membership group.
pub(crate) type ReadyReplica = Ready<OrderingHost<MembershipService>>;

impl<H: Hosted> Ready<H> {
    /// A machine that persists nothing.
    pub(crate) fn new(
        name: &'static str,
        channel: Channel,
        (hosted, machine): (H, H::Machine),
    ) -> Self {
        Self { name, channel, hosted, machine, journal: None, interceptor: None }
    }

    /// The machine as the runtime takes it.
    pub(crate) fn hosting(self) -> Hosting<H> {
        let Self { name, channel, hosted, machine, journal, interceptor } = self;
        Hosting { name, channel, hosted, machine, journal, interceptor }
    }
}

impl ReadyReplica {
    /// What it has executed so far.
    pub(crate) fn state(&self) -> &Tree {
        self.machine.state()
    }
}

impl<H: Hosted + Send> Ready<H>
where
    H::Machine: Send,
    <H::Machine as Machine>::Record: Send,
    <H::Machine as Machine>::Request: Send,
{
    /// Has a running node host it; none if the node has stopped.
    pub(crate) fn host(self, control: &Control) -> Option<Handle<H::Machine>> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        control.order(move |node| match node.host(self.hosting()) {
            Ok(handle) => drop(tell.send(handle)),
            Err(error) => tracing::error!(%error, "a machine of the next epoch is not hosted"),
        });
        told.recv().ok()
    }
}

/// The channel of the participants of an epoch's end.
#[must_use]
pub(crate) fn handover_channel(configuration: &EpochConfiguration) -> Channel {
    let group = membership_replicas(configuration, Slot::ZERO);
    Channel::Grouped(HANDOVER, ordering_instance(&group))
}

/// The channel of the membership group of an epoch.
#[must_use]
pub(crate) fn membership_channel(configuration: &EpochConfiguration) -> Channel {
    let group = membership_replicas(configuration, Slot::ZERO);
    Channel::Grouped(ORDERING, ordering_instance(&group))
}

impl Ground {
    /// How often servers are asked whether they are there.
    #[must_use]
    pub(crate) fn rule(&self) -> ProbeRule {
        ProbeRule::of_epoch(self.policy.length)
    }

    /// The key of an epoch, made if it is not there.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn certified(&self, epoch: Epoch) -> Result<CertifiedKey, ServerError> {
        let system = (epoch != Epoch::ZERO).then_some(self.system);
        let fresh = EpochSeeds { signing: random_seed()?, decryption: random_seed()? };
        lock(&self.keys)
            .certify((system, epoch), &fresh)
            .map_err(|source| ServerError::Keys { source })
    }

    /// Signs with the key of an epoch.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn signer(&self, epoch: Epoch) -> Result<Arc<dyn Signer>, ServerError> {
        Ok(Arc::new(RealSigner::from_seed(&self.certified(epoch)?.seed)))
    }

    /// That a configuration has no record of this server any more.
    #[must_use]
    pub(crate) fn removed_in(&self, configuration: &VerifiedConfiguration) -> Option<ServerError> {
        if configuration.configuration().member(self.me).is_some() {
            return None;
        }
        let server = self.name.clone();
        Some(ServerError::Removed { server, epoch: configuration.epoch() })
    }

    /// Erases all keys and shares of epochs.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn erase_all(&self) -> Result<(), ServerError> {
        lock(&self.keys).erase_all().map_err(|source| ServerError::Keys { source })
    }

    /// The directory of the replica of the membership group of an epoch.
    #[must_use]
    pub(crate) fn replica_directory(&self, epoch: Epoch) -> PathBuf {
        match epoch {
            Epoch::ZERO => self.data.join("membership"),
            _ => self.data.join(&format!("membership-{}", epoch.get())),
        }
    }

    /// The participant that brings the epoch of a configuration to its end.
    ///
    /// # Errors
    /// [`ServerError`] says which key or file is wrong.
    pub(crate) fn participant(
        &mut self,
        configuration: &EpochConfiguration,
    ) -> Result<Ready<HandoverHost>, ServerError> {
        let epoch = configuration.epoch();
        let place = (self.system, epoch);
        let (records, journal) = crate::host::handover::open(&self.data, place, &self.keys)
            .map_err(|source| ServerError::Journal { machine: "handover", source })?;
        let is_member = configuration.has_seat(self.me);
        let setup = handover::Setup {
            configuration: Arc::new(configuration.configuration().clone()),
            shortlist: Shortlist::of(
                configuration.header(),
                &configuration.configuration().members,
            ),
            system_key: self.system_key,
            me: self.me,
            member: is_member.then(|| self.member_secrets(epoch)).transpose()?,
            next: Some(self.next_keys(epoch.next())?),
            schemes: Schemes::real(),
            policy: self.policy,
        };
        Ok(Ready {
            name: "handover",
            channel: handover_channel(configuration),
            hosted: HandoverHost { epoch, events: self.told.clone() },
            interceptor: self.between.handover(&setup),
            machine: Handover::new(setup, records),
            journal: Some(journal),
        })
    }

    fn member_secrets(&self, epoch: Epoch) -> Result<MemberSecrets, ServerError> {
        let share =
            shares::of(&self.keys, epoch).map_err(|source| ServerError::Store { source })?;
        let share = share.map(|(_session, share)| Arc::new(share));
        let fresh = random_seed()?;
        let seed: KeySeed = lock(&self.keys)
            .dealing_seed(epoch, &fresh)
            .map_err(|source| ServerError::Keys { source })?;
        Ok(MemberSecrets { signer: self.signer(epoch)?, share, seed: Seed::new(*seed) })
    }

    fn next_keys(&self, next: Epoch) -> Result<NextKeys, ServerError> {
        let certified = self.certified(next)?;
        let signer: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&certified.seed));
        let Some(decryption_key) = shares::opener(&self.keys, next)? else {
            return Ok(NextKeys { signer, deposit: None, decryption_key: None });
        };
        let names_root = certified.certificate.statement.successor.is_some();
        let deposit = Deposit::new(certified.certificate, &*signer, &decryption_key);
        let deposit = match names_root {
            true => deposit.proving(self.root_proof()?),
            false => deposit,
        };
        Ok(NextKeys { signer, deposit: Some(deposit), decryption_key: Some(decryption_key) })
    }

    /// What gets the final state of the epoch of `former` for the one that begins.
    #[must_use]
    pub(crate) fn succession(
        &self,
        former: &EpochConfiguration,
        begins: Epoch,
    ) -> Ready<SuccessionHost> {
        let old = Arc::new(membership_replicas(former, Slot::ZERO));
        let first = usize::from(self.me.as_bytes()[0]);
        Ready {
            name: "succession",
            channel: membership_channel(former),
            hosted: SuccessionHost {
                epoch: begins,
                old: Arc::clone(&old),
                events: self.told.clone(),
            },
            machine: Succession::new(old, first, PATIENCE),
            journal: None,
            interceptor: None,
        }
    }

    /// A replica of the membership group of an epoch, with the key of that if it is not erased.
    pub(crate) fn replica_setup(
        &self,
        group: GroupConfiguration,
        signer: Option<Arc<dyn Signer>>,
    ) -> Setup {
        let me = group.replica_of(self.me).expect("DUT-3: a replica has a seat");
        Setup { group: Arc::new(group), me, signer, parameters: Parameters::default() }
    }

    /// The same for a replica that has run before.
    fn setup_again(&self, group: GroupConfiguration) -> Result<Setup, ServerError> {
        let seed = lock(&self.keys).signing_seed(group.epoch);
        let seed = seed.map_err(|source| ServerError::Keys { source })?;
        let signer = seed.map(|seed| -> Arc<dyn Signer> { Arc::new(RealSigner::from_seed(&seed)) });
        Ok(self.replica_setup(group, signer))
    }

    /// DUT-6: only the key of an epoch whose end is certified here may be gone.
    fn reject_lost_key(
        &self,
        replica: &Replica<MembershipService>,
        epoch: Epoch,
    ) -> Result<(), ServerError> {
        if replica.holds_key() || replica.end_certificate().is_some() {
            return Ok(());
        }
        Err(ServerError::Keys { source: lock(&self.keys).damaged_key(epoch) })
    }

    /// The service that the group of a configuration behind the first replicates.
    #[must_use]
    pub(crate) fn service(configuration: &VerifiedConfiguration) -> MembershipService {
        MembershipService::following(configuration.clone(), Schemes::real())
    }

    /// The replica of epoch 0, in which the key is made.
    ///
    /// # Errors
    /// [`ServerError`] says which key or file is wrong.
    pub(crate) fn replica_of_genesis(
        &mut self,
        genesis: &UnsignedConfiguration,
    ) -> Result<ReadyReplica, ServerError> {
        let setup = self.setup_again(membership_replicas(genesis.clone(), Slot::ZERO))?;
        let interceptor = self.between.membership(&setup);
        let service = MembershipService::genesis(genesis.clone(), Schemes::real());
        let opened = ordering::open((&self.data, "membership"), setup, service)
            .map_err(|source| ServerError::Journal { machine: "membership", source })?;
        self.reject_lost_key(&opened.0, genesis.configuration().epoch)?;
        Ok(self.replica(&genesis.clone().into(), opened, interceptor))
    }

    /// The replica of an epoch that was begun before, if it was, with its state beside another one.
    ///
    /// # Errors
    /// [`ServerError`] says which key or file is wrong.
    pub(crate) fn replica_of(
        &mut self,
        configuration: &EpochConfiguration,
        beside: &Tree,
    ) -> Result<Option<ReadyReplica>, ServerError> {
        match configuration {
            EpochConfiguration::Genesis(genesis) => self.replica_of_genesis(genesis).map(Some),
            EpochConfiguration::Signed(it) => self.replica_again(it, beside),
        }
    }

    /// The replica of an epoch behind the first, if it was begun before, with its state beside
    /// another one.
    ///
    /// # Errors
    /// [`ServerError`] says which key or file is wrong.
    pub(crate) fn replica_again(
        &mut self,
        configuration: &VerifiedConfiguration,
        beside: &Tree,
    ) -> Result<Option<ReadyReplica>, ServerError> {
        let directory = self.replica_directory(configuration.epoch());
        let group = membership_replicas(configuration, Slot::ZERO);
        let Some(group) = base::of(&self.data, group)? else { return Ok(None) };
        let setup = self.setup_again(group)?;
        let interceptor = self.between.membership(&setup);
        let service = Self::service(configuration);
        let opened = ordering::open_again(&directory, (setup, service), beside)
            .map_err(|source| ServerError::Journal { machine: "membership", source })?;
        if let Some((replica, _)) = &opened {
            self.reject_lost_key(replica, configuration.epoch())?;
        }
        Ok(opened.map(|opened| self.replica(&configuration.into(), opened, interceptor)))
    }

    /// Removes what was kept of an epoch whose machines are retired; its keys are another matter.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn forget(&self, epoch: Epoch) -> Result<(), ServerError> {
        crate::host::handover::remove(&self.data, epoch)?;
        base::remove(&self.data, epoch)?;
        Ok(crate::host::remove(&self.replica_directory(epoch))?)
    }

    /// The replica with its disk, ready to be hosted.
    pub(crate) fn replica(
        &self,
        configuration: &EpochConfiguration,
        (machine, journal): (Replica<MembershipService>, ordering::OrderingJournal),
        interceptor: Between<Replica<MembershipService>>,
    ) -> ReadyReplica {
        let listener = Some((configuration.epoch(), self.told.clone()));
        Ready {
            name: "membership",
            channel: membership_channel(configuration),
            hosted: OrderingHost::telling("membership", listener),
            machine,
            journal: Some(journal),
            interceptor,
        }
    }
}

/// Keeps where the slots of an epoch begin, which is part of what its group is started with; and
/// that this server has begun there. It stands beside the configurations and not on the replica's
/// disk: if that is lost, this is how it is known.
pub(crate) mod base {
    use std::path::PathBuf;

    use quorate_store::directory::DataDirectory;
    use quorate_store::error::StoreError;
    use quorate_types::{Digest, Epoch, GroupConfiguration, Slot};

    use super::super::chain::{PART, replace};

    struct Base {
        slot: Slot,
        digest: Digest,
    }

    quorate_wire::fields!(Base { slot, digest });

    fn path(data: &DataDirectory, epoch: Epoch) -> PathBuf {
        data.join(PART).join(format!("{}.begun", epoch.get()))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn keep(data: &DataDirectory, group: &GroupConfiguration) -> Result<(), StoreError> {
        let path = path(data, group.epoch);
        let base = Base { slot: group.base_slot, digest: group.base_digest };
        let written = replace(&path, &quorate_wire::encode(&base));
        written.map_err(|source| StoreError::Io { path, operation: "write", source })
    }

    /// The group with what was kept; none if nothing was.
    ///
    /// # Errors
    /// What the disk reports; that the file is damaged.
    pub(crate) fn of(
        data: &DataDirectory,
        group: GroupConfiguration,
    ) -> Result<Option<GroupConfiguration>, StoreError> {
        let path = path(data, group.epoch);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, operation: "read", source }),
            Ok(bytes) => bytes,
        };
        let base: Base = quorate_wire::decode(&bytes)
            .map_err(|error| StoreError::Corrupt { path, reason: error.to_string() })?;
        let (base_slot, base_digest) = (base.slot, base.digest);
        Ok(Some(GroupConfiguration { base_slot, base_digest, ..group }))
    }

    /// Forgets it.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn remove(data: &DataDirectory, epoch: Epoch) -> Result<(), StoreError> {
        crate::host::remove(&path(data, epoch))
    }
}
