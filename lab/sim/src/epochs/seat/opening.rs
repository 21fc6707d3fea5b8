//! How a server begins: with what its disk holds, as the daemon does.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use quorate_bft::Replica;
use quorate_duties::turnover::Turnover;
use quorate_history::Prng;
use quorate_machine::Input;
use quorate_machine::RecordNumber;
use quorate_membership::dissemination::{Checked, Disseminator, DisseminatorParameters};
use quorate_membership::election::membership_replicas;
use quorate_membership::handover::Policy;
use quorate_membership::limits::FAN_OUT_DEFAULT;
use quorate_membership::monitor::ProbeRule;
use quorate_membership::{
    FreshnessResponder, Member as Voucher, MembershipService, ResponderRecord,
    VerifiedConfiguration,
};
use quorate_types::{Digest, Duration, Epoch, NodeId, Slot};

use super::super::cabinet::{Cabinet, random_seed};
use super::super::disk::Disk;
use super::super::founding::Kit;
use super::{BadDealing, Member, Monitoring, ServerSeat, Turn, Vice};

/// How often servers compare their epochs, and how long they wait for what they lack.
const ROUND: Duration = Duration::from_millis(400);

/// What does not change while a server lives.
pub(in super::super) struct Installed {
    /// Of all servers.
    pub(in super::super) kit: Rc<Kit>,
    /// Its place among the servers of the run.
    pub(in super::super) index: usize,
    /// Its name in the system.
    pub(in super::super) id: NodeId,
    /// How long things take.
    pub(in super::super) policy: Policy,
    /// Whether it cheats as a dealer.
    pub(in super::super) is_bad_dealer: bool,
    /// How often it probes others, if it does.
    pub(in super::super) probes: Option<ProbeRule>,
    /// What it does in the log, if it is bad.
    pub(in super::super) vice: Option<Vice>,
    /// A bug that is put into its cabinet on purpose.
    pub(in super::super) flaw: Option<&'static str>,
    /// What its seeds are drawn from; another one in each life.
    pub(in super::super) prng: Prng,
}

impl ServerSeat {
    /// The server as it begins with what a disk holds.
    pub(in super::super) fn open(installed: Installed, disk: &Disk) -> Self {
        let Installed { kit, index, id, policy, is_bad_dealer, probes, vice, flaw, .. } = installed;
        let mut prng = installed.prng;
        let secret = Digest::new(random_seed(&mut prng));
        let newest = disk.newest().clone();
        let epoch = newest.epoch();
        let former = epoch.get().checked_sub(1);
        let former = former.and_then(|former| disk.chain.get(&Epoch::new(former))).cloned();
        let place = (kit.keys.clone(), newest.configuration().system);
        let records =
            disk.ended.map(|ended| (RecordNumber::ZERO.next(), ResponderRecord::Ended(ended)));
        let mut parameters = DisseminatorParameters::new(id);
        (parameters.round, parameters.repair) = (ROUND, ROUND);
        let follow = Checked { schemes: kit.schemes.clone(), fan_out: FAN_OUT_DEFAULT };
        let mut seat = Self {
            cabinet: Cabinet::new(place, disk.files.clone(), (flaw, prng)),
            turnover: Turnover::new(id, newest.clone(), false, kit.schemes.clone()),
            responder: FreshnessResponder::new(newest.clone(), None, records),
            disseminator: Disseminator::new(parameters, newest.clone(), Arc::new(follow)),
            handovers: BTreeMap::new(),
            members: BTreeMap::new(),
            succession: None,
            inheritances: BTreeMap::new(),
            abandoned: Vec::new(),
            kept: disk.kept_records(epoch),
            chain: disk.chain.clone(),
            vice: is_bad_dealer.then(BadDealing::default),
            monitoring: probes.map(|rule| Monitoring::new(rule, secret, vice)),
            last: disk.applied(),
            kit,
            index,
            id,
            policy,
        };
        for configuration in former.iter().chain([&newest]) {
            seat.open_replica(configuration, disk);
        }
        let has_state = seat.members.contains_key(&epoch);
        seat.turnover = Turnover::new(id, newest, has_state, seat.kit.schemes.clone());
        if let Some(former) = former.filter(|it| seat.members.contains_key(&it.epoch())) {
            seat.turnover = seat.turnover.with_former(former);
        }
        seat
    }

    /// The replica of an epoch, if the state that it began with is on the disk.
    fn open_replica(&mut self, configuration: &VerifiedConfiguration, disk: &Disk) {
        let epoch = configuration.epoch();
        let group = membership_replicas(configuration, Slot::ZERO);
        if group.replica_of(self.id).is_none() {
            return;
        }
        let found = disk.replicas.get(&epoch);
        let last = found.map_or(RecordNumber::ZERO, |found| found.last());
        let (image, records) = found.map_or((None, Vec::new()), |found| found.load());
        let (group, service) = if epoch == Epoch::ZERO {
            (self.kit.first_group(), self.kit.first_service())
        } else {
            let Some(base) = disk.begun.get(&epoch).filter(|_| image.is_some()) else { return };
            let mut group = group;
            (group.base_slot, group.base_digest) = (base.slot, base.digest);
            let service =
                MembershipService::following(configuration.clone(), self.kit.schemes.clone());
            (Arc::new(group), service)
        };
        let signer = self.cabinet.known(epoch);
        let Some(setup) = self.setup(&group, signer) else { return };
        let replica = Replica::recover(setup, service, image, records);
        assert!(
            replica.holds_key() || replica.end_certificate().is_some(),
            "DUT-6: the key of {epoch} is erased behind its end"
        );
        self.members.insert(epoch, Member { replica, group, last });
    }

    pub(super) fn start(&mut self, turn: &mut Turn<'_>) {
        self.cabinet.finish(turn.effects);
        let newest = self.turnover.configuration().clone();
        self.follow_root(turn, &newest);
        let epoch = newest.epoch();
        if self.members.contains_key(&epoch)
            && let Some(signer) = self.cabinet.known(epoch)
        {
            let member = Voucher { epoch, id: self.id, signer };
            let activate = quorate_membership::ResponderRequest::Activate(member);
            self.step_responder(turn, Input::Request(activate));
        }
        self.step_responder(turn, Input::Start);
        self.step_disseminator(turn, Input::Start);
        self.erase_past(turn);
        self.cabinet.see_to_root(turn.effects);
        self.monitor(turn, &newest);
        let orders = self.turnover.start();
        self.carry_out(turn, orders);
        let epochs: Vec<Epoch> = self.members.keys().copied().collect();
        for epoch in epochs {
            self.step_replica(turn, epoch, Input::Start);
        }
    }
}
