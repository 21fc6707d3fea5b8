//! Where a server begins: in the newest epoch that it has adopted.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration as StdDuration, SystemTime};

use quorate_bft::Replica;
use quorate_client::cluster::Heard;
use quorate_client::groups::DISSEMINATION;
use quorate_client::links::credential;
use quorate_duties::Turnover;
use quorate_membership::dissemination::{Checked, Disseminator, DisseminatorParameters};
use quorate_membership::limits::FAN_OUT_DEFAULT;
use quorate_membership::monitor::ProbeRule;
use quorate_membership::{
    EpochConfiguration, FreshnessResponder, Member, MembershipService, Schemes,
    VerifiedConfiguration,
};
use quorate_net::Credential;
use quorate_runtime::{Channel, Control, Handle};
use quorate_state::Tree;
use quorate_store::directory::DataDirectory;
use quorate_types::{Duration, Epoch, UnixTime};

use super::archive::Archive;
use super::conductor::{Beginning, Conductor};
use super::machines::{Ground, Ready, ReadyReplica, policy};
use super::{Chain, Conducted, EpochView, Said, Told, lookout};
use crate::addresses::Addresses;
use crate::configuration::NodeConfiguration;
use crate::error::ServerError;
use crate::founding::NodeIdentity;
use crate::host::dissemination::DisseminationHost;
use crate::limits::{CLOCK_OFF_MAX, HAPPENINGS_MAX};
use crate::monitoring::Monitoring;
use crate::server::{Intermediary, known_servers};

/// What stands for the length of an epoch that does not end.
const LENGTH_UNENDING: std::time::Duration = std::time::Duration::from_secs(3600);
/// Rounds in which servers compare their epochs, for each epoch.
const ROUNDS_PER_EPOCH: u64 = 10;
/// How often at least.
const ROUND_MAX: Duration = Duration::from_secs(10);

/// A server's place among the epochs, before its machines run.
pub(crate) struct Epochs {
    /// The newest configuration that it has adopted.
    pub(crate) newest: VerifiedConfiguration,
    ground: Ground,
    chain: Chain,
    happenings: Receiver<Said>,
    /// Whether the key was made just now: others may still be at it.
    is_newborn: bool,
    /// Whether the newest configuration here is known to be the newest that there is.
    is_sure: bool,
}

/// What of a server is hosted already.
pub(crate) struct Hosted {
    /// Steers the node.
    pub(crate) control: Control,
    /// Who vouches.
    pub(crate) responder: Handle<FreshnessResponder>,
    /// Who passes configurations on.
    pub(crate) disseminator: Handle<Disseminator>,
    /// Replicas of the membership group.
    pub(crate) replicas: BTreeMap<Epoch, Handle<Replica<MembershipService>>>,
    /// Where servers are.
    pub(crate) addresses: Addresses,
}

impl Epochs {
    /// Reads how far this server had come.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn open(
        (settings, identity): (&NodeConfiguration, &NodeIdentity),
        data: &Arc<DataDirectory>,
        between: Box<dyn Intermediary>,
    ) -> Result<Self, ServerError> {
        let founding = &identity.founding;
        let chain = Chain::open(data, founding)?;
        let archive = Arc::new(Archive::open(data, founding.configuration().clone())?);
        let newest = chain.newest(founding.configuration())?;
        let view = EpochView::of(identity.id);
        view.set_members(&newest);
        let (told, happenings) = sync_channel(HAPPENINGS_MAX);
        let ground = Ground {
            me: identity.id,
            name: identity.record().name(),
            system: founding.system(),
            system_key: Some(founding.system_key()),
            ring_epoch: (!founding.is_joined()).then(|| founding.configuration().epoch()),
            ends_epochs: settings.epoch.is_some(),
            data: Arc::clone(data),
            keys: Arc::clone(&identity.keys),
            policy: policy(settings.epoch.unwrap_or(LENGTH_UNENDING), settings.epoch_changes),
            root_rule: settings.root_rule,
            told,
            view,
            between,
            archive: Some(archive),
        };
        let is_newborn = identity.is_newborn;
        Ok(Self { newest, ground, chain, happenings, is_newborn, is_sure: false })
    }

    /// Asks the others whether the epoch has ended in the meantime: with the key of an epoch that
    /// is over this server would be nobody. Whoever has just made the key of its system does not
    /// wait for that, since the others may still be at it.
    ///
    /// # Errors
    /// What the disk reports. That nobody answers is no error, since the others may start later:
    /// they are asked again once the server runs.
    pub(crate) async fn catch_up(&mut self) -> Result<(), ServerError> {
        self.is_sure = !self.ground.ends_epochs;
        if self.is_sure || self.is_newborn {
            return Ok(());
        }
        let mut others = known_servers(self.newest.configuration());
        others.retain(|server| server.id != self.ground.me);
        match lookout::ask(&self.newest, others).await {
            Ok(Heard::Later(later)) => {
                self.chain.put(&later)?;
                self.newest = *later;
            }
            Ok(Heard::Newest) => self.is_sure = true,
            Ok(Heard::Nothing) => {}
            Err(error) => tracing::warn!(%error, "the others are not asked for a later epoch"),
        }
        Ok(())
    }

    /// What stands between the machines and the world.
    pub(crate) fn between(&mut self) -> &mut dyn Intermediary {
        &mut *self.ground.between
    }

    /// Is this server still one of the system? Who is not has no use for its keys.
    ///
    /// # Errors
    /// [`ServerError::Removed`]; what the disk reports.
    pub(crate) fn reject_removed(&self) -> Result<(), ServerError> {
        match self.ground.removed_in(&self.newest) {
            None => Ok(()),
            Some(removed) => {
                self.ground.erase_all()?;
                Err(removed)
            }
        }
    }

    /// Is the clock of this machine behind what a quorum agreed on? Its members would vote for the
    /// end of epochs too late, and servers take certificates of clients that have run out. Nobody
    /// knows alone whether a clock is fast.
    ///
    /// # Errors
    /// [`ServerError::ClockBehind`].
    pub(crate) fn reject_clock(&self) -> Result<(), ServerError> {
        let (epoch, created) = (self.newest.epoch(), self.newest.configuration().created);
        match behind(created, SystemTime::now()) {
            Some(seconds) => Err(ServerError::ClockBehind { seconds, epoch }),
            None => Ok(()),
        }
    }

    /// Goes by the root that the newest configuration names as this server's.
    ///
    /// # Errors
    /// [`ServerError::Keys`]: these are not the keys of that root.
    pub(crate) fn follow_root(&self) -> Result<(), ServerError> {
        self.ground.follow_root(&self.newest)
    }

    /// What this server proves itself with.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn credential(&self) -> Result<Credential, ServerError> {
        let certified = self.ground.certified(self.newest.epoch())?;
        Ok(credential(&certified.certificate, &certified.seed))
    }

    /// Where machines say what happens.
    #[must_use]
    pub(crate) fn told(&self) -> Told {
        self.ground.told.clone()
    }

    /// How often servers are asked whether they are there, where epochs end.
    #[must_use]
    pub(crate) fn rule(&self) -> ProbeRule {
        self.ground.rule()
    }

    /// The replicas of the membership group behind the first epoch that were begun before. The
    /// state of the second is much like that of the first: what both hold is in memory once.
    ///
    /// # Errors
    /// [`ServerError`] says which key or file is wrong.
    pub(crate) fn replicas_again(&mut self) -> Result<Vec<(Epoch, ReadyReplica)>, ServerError> {
        let mut found: Vec<(Epoch, ReadyReplica)> = Vec::new();
        let nothing = Tree::default();
        for configuration in self.former()?.into_iter().chain([(&self.newest).into()]) {
            if configuration.has_seat(self.ground.me) {
                let beside = found.last().map_or(&nothing, |(_, ready)| ready.state());
                let ready = self.ground.replica_of(&configuration, beside)?;
                found.extend(ready.map(|ready| (configuration.epoch(), ready)));
            }
        }
        Ok(found)
    }

    fn former(&self) -> Result<Option<EpochConfiguration>, ServerError> {
        let Some(former) = self.newest.epoch().get().checked_sub(1) else { return Ok(None) };
        Ok(self.chain.of(Epoch::new(former), &self.newest)?)
    }

    /// The configuration by which links are judged at first: while others may still be making the
    /// key, that of the genesis, which takes the keys of epoch 1 too.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn judged_by(&self) -> Result<EpochConfiguration, ServerError> {
        let former = if self.is_newborn { self.former()? } else { None };
        Ok(former.unwrap_or_else(|| (&self.newest).into()))
    }

    /// The chain of all configurations here.
    #[must_use]
    pub(crate) fn archive(&self) -> Arc<Archive> {
        Arc::clone(self.ground.archive.as_ref().expect("it was opened with the epochs"))
    }

    /// Where this server is, for others to look at.
    #[must_use]
    pub(crate) fn view(&self) -> Arc<EpochView> {
        Arc::clone(&self.ground.view)
    }

    /// The server's place in the group, if its replica there has the state.
    ///
    /// # Errors
    /// [`ServerError::Keys`].
    pub(crate) fn member(
        &self,
        replicas: &BTreeMap<Epoch, Handle<Replica<MembershipService>>>,
    ) -> Result<Option<Member>, ServerError> {
        let (epoch, id) = (self.newest.epoch(), self.ground.me);
        self.ground.view.set(epoch, replicas.contains_key(&epoch));
        if !replicas.contains_key(&epoch) {
            return Ok(None);
        }
        Ok(Some(Member { epoch, id, signer: self.ground.signer(epoch)? }))
    }

    /// Who passes configurations on.
    #[must_use]
    pub(crate) fn disseminator(&self) -> Ready<DisseminationHost> {
        let events = self.told();
        let mut parameters = DisseminatorParameters::new(self.ground.me);
        let part = self.ground.policy.length.as_micros() / ROUNDS_PER_EPOCH;
        parameters.round = Duration::from_micros(part).min(ROUND_MAX);
        parameters.repair = parameters.repair.min(parameters.round);
        let follow = Arc::new(Checked { schemes: Schemes::real(), fan_out: FAN_OUT_DEFAULT });
        let machine = Disseminator::new(parameters, self.newest.clone(), follow);
        let (channel, hosted) = (Channel::Single(DISSEMINATION), DisseminationHost { events });
        Ready::new("dissemination", channel, (hosted, machine))
    }

    /// Has the thread begin that goes on from epoch to epoch.
    ///
    /// # Errors
    /// [`ServerError`] says what is wrong.
    pub(crate) fn conduct(
        self,
        hosted: Hosted,
        monitoring: &Arc<Mutex<Monitoring>>,
    ) -> Result<Conducted<()>, ServerError> {
        let Hosted { control, responder, disseminator, replicas, addresses } = hosted;
        let former = self.former()?;
        let Self { newest, ground, chain, happenings, is_newborn, is_sure } = self;
        let grace = is_newborn.then(|| newest.clone());
        let has_state = replicas.contains_key(&newest.epoch());
        let mut turnover = Turnover::new(ground.me, newest, has_state, Schemes::real());
        if let Some(former) = former.filter(|it| replicas.contains_key(&it.epoch())) {
            turnover = turnover.with_former(former);
        }
        let monitoring = Arc::clone(monitoring);
        let all = Beginning {
            ground,
            chain,
            turnover,
            control,
            responder,
            disseminator,
            replicas,
            monitoring,
            is_sure,
            addresses,
        };
        Conductor::start(all, grace, happenings)
    }
}

/// How many seconds a clock is behind a time that has passed, if that is more than may be.
fn behind(passed: UnixTime, clock: SystemTime) -> Option<u64> {
    let passed = SystemTime::UNIX_EPOCH + StdDuration::from_micros(passed.as_micros());
    let behind = passed.duration_since(clock).unwrap_or_default();
    (behind > CLOCK_OFF_MAX).then_some(behind.as_secs())
}

#[cfg(test)]
mod tests {
    //! A clock that is off is told by what the servers agreed on.
    use std::time::{Duration, SystemTime};

    use quorate_client::explanation::Kind;
    use quorate_types::{Epoch, UnixTime};

    use super::behind;
    use crate::error::ServerError;

    #[test]
    fn a_clock_behind_the_begin_of_the_epoch_is_refused_with_a_code() {
        let began = UnixTime::from_micros(1_000_000_000_000);
        let clock = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(behind(began, clock(1_000_000)), None);
        assert_eq!(behind(began, clock(9_000_000)), None, "the epoch may be old");
        assert_eq!(behind(began, clock(1_000_000 - 60)), None, "clocks differ a little");
        assert_eq!(behind(began, clock(1_000_000 - 3_600)), Some(3_600));
        let said = ServerError::ClockBehind { seconds: 3_600, epoch: Epoch::new(7) }.explain();
        assert_eq!((said.kind, said.code), (Kind::Configuration, "clock-behind"));
        assert!(said.what.contains("3600 s behind"), "{said}");
        assert!(said.remedy.starts_with("set the clock"), "{said}");
    }
}
