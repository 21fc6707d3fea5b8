//! A whole cluster that a test puts together: who is bad, where, and what goes wrong when are
//! given, and only delays are drawn. A [`Witness`] writes down what the test asks about.
//!
//! The checkers are those of every run. Whether the bad servers are within the budget is judged by
//! the configurations that come about: at most `f` of each membership group, and so also of two
//! that hand over.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use quorate_machine::{Recipients, RecordNumber};
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::handover::vote::EndReason;
use quorate_membership::handover::{Decided, News, Stage};
use quorate_membership::{
    ClientOutput, MembershipOperation, Message as Freshness, VerifiedConfiguration, Vouch,
};
use quorate_types::{Epoch, MemberStatus, NodeId};

use crate::checker::{At, Checker, Verdict};
use crate::clock::ClockShape;
use crate::epochs::disk::Disks;
use crate::epochs::founding::{Kit, Shape, install_ideal};
use crate::epochs::host::EpochsHost;
use crate::epochs::system::checkers;
use crate::epochs::year::secrets::Secrets;
use crate::epochs::{Epochs, EpochsMachine, Message, Output, Record, decided};
use crate::node::{Node, Nodes};
use crate::report::Report;
use crate::scenario::{Fault, FaultKind, Op, Profile, Scenario};
use crate::simulation::Simulation;
use crate::system::{Limits, Run, System};

/// Longest time behind the heal.
const PATIENCE_US: u64 = 26_000_000;

/// What delays are drawn from.
const SEED: u64 = 1;

/// A cluster of five servers, one of which may be bad.
pub(super) const FIVE: Shape = Shape { f: 1, servers: 5, layout: 7, length: 20, attempt_ms: 0 };

/// A cluster that is to be run.
#[derive(Clone)]
pub(super) struct Setting {
    shape: Shape,
    epochs: u64,
    profile: Profile,
    faults: Vec<Fault>,
    asked: Vec<(u64, Node, MembershipOperation)>,
    unjudged: &'static [&'static str],
}

impl Setting {
    /// The servers that a run of this shape has, in their places, and their first group.
    fn founders(shape: Shape) -> (Vec<NodeId>, Vec<NodeId>) {
        let (kit, servers) = install_ideal(shape);
        let group = kit.first.configuration().membership_group.clone();
        (servers.into_iter().map(|(server, _)| server).collect(), group)
    }

    /// Places of the servers of the first membership group, and of the others.
    pub(super) fn seats(shape: Shape) -> (Vec<usize>, Vec<usize>) {
        let (servers, group) = Self::founders(shape);
        (0..servers.len()).partition(|place| group.contains(&servers[*place]))
    }

    /// The place of the leader of the first membership group, as long as its first view lasts.
    pub(super) fn leader(shape: Shape) -> usize {
        let (servers, group) = Self::founders(shape);
        let place = servers.iter().position(|server| *server == group[0]);
        place.expect("it is a server of the run")
    }

    /// Nothing goes wrong in it yet; servers probe each other.
    pub(super) const fn of(shape: Shape) -> Self {
        Self {
            shape,
            epochs: 2,
            profile: Profile::Feud,
            faults: Vec::new(),
            asked: Vec::new(),
            unjudged: &[],
        }
    }

    /// What goes wrong is over after so many epochs, and then two more must end.
    pub(super) fn lasting(self, epochs: u64) -> Self {
        Self { epochs, ..self }
    }

    /// Nobody probes, so nobody is evicted: for tests in which good servers are cut off.
    pub(super) fn without_probes(self) -> Self {
        Self { profile: Profile::Calm, ..self }
    }

    /// Without a checker that judges what this test brings about on purpose.
    pub(super) fn unjudged_by(self, unjudged: &'static [&'static str]) -> Self {
        Self { unjudged, ..self }
    }

    /// Every member gives an attempt so long.
    pub(super) fn attempts_last(self, attempt_ms: u64) -> Self {
        Self { shape: Shape { attempt_ms, ..self.shape }, ..self }
    }

    /// This server is bad from the beginning to the end.
    pub(super) fn with(self, node: usize, adversary: &'static str) -> Self {
        let kind = FaultKind::Byzantine { node: Node::at(node), adversary };
        self.failing((0, u64::MAX), kind)
    }

    /// From this time on something is wrong, for so long.
    pub(super) fn failing(mut self, (at_us, lasts_us): (u64, u64), kind: FaultKind) -> Self {
        self.faults.push(Fault { at_us, lasts_us, kind });
        self
    }

    /// A server is asked to have this ordered.
    pub(super) fn asking(mut self, at_us: u64, node: usize, what: MembershipOperation) -> Self {
        self.asked.push((at_us, Node::at(node), what));
        self
    }

    /// Length of an epoch.
    pub(super) const fn length_us(&self) -> u64 {
        self.shape.length().as_micros()
    }

    fn scenario(&self) -> Scenario {
        let node_count = self.shape.servers + 1;
        let bad = self.faults.iter().filter_map(|fault| {
            let FaultKind::Byzantine { node, .. } = fault.kind else { return None };
            Some(node)
        });
        let heal_us = self.epochs * self.length_us();
        let mut ops: Vec<Op> = (0..)
            .zip(&self.asked)
            .map(|(number, (at_us, node, _))| Op { at_us: *at_us, node: *node, number })
            .collect();
        ops.sort_by_key(|op| op.at_us);
        Scenario {
            variant: self.shape.variant(),
            node_count,
            groups: Vec::new(),
            core: Nodes::range(0, node_count).without(Nodes::from_iter(bad)),
            heal_us,
            end_us: heal_us + PATIENCE_US,
            clocks: vec![ClockShape::EXACT; usize::from(node_count)],
            profile: self.profile,
            faults: self.faults.clone(),
            ops,
            ..Epochs.draw(SEED, Profile::Calm)
        }
    }

    /// Runs it until two epochs behind the heal have ended.
    pub(super) fn run(&self) -> Story {
        let scenario = self.scenario();
        let script = self.asked.iter().map(|(.., what)| what.clone()).collect();
        let host = EpochsHost::new(&scenario).asking(script);
        let (kit, servers, disks) = (host.kit(), host.servers().to_vec(), host.disks());
        let seen = Rc::new(RefCell::new(Seen::default()));
        let mut judges = checkers(&scenario, &host);
        judges.retain(|checker| !self.unjudged.contains(&checker.id()));
        let founded = kit.first.clone();
        seen.borrow_mut().configurations.insert(founded.epoch(), (0, founded));
        seen.borrow_mut().secrets = Secrets::of_founders(&disks);
        judges.push(Box::new(Witness(Rc::clone(&seen))));
        let report = Simulation::new(scenario.clone(), host, judges).run(&Limits::SETTLED);
        let seen = seen.take();
        Story { report, seen, servers, kit, disks, scenario }
    }
}

/// What was seen of good nodes.
#[derive(Default)]
pub(super) struct Seen {
    /// When each configuration was first adopted, and which it is.
    pub(super) configurations: BTreeMap<Epoch, (u64, VerifiedConfiguration)>,
    /// What each server adopted, in its order.
    pub(super) adopted: BTreeMap<Node, Vec<Epoch>>,
    /// When which server learned what from its own log.
    pub(super) news: Vec<(u64, Node, Box<News>)>,
    /// What was said about the ends of epochs: when, by whom, in which of its lives.
    pub(super) said: Vec<(At, Epoch, Arc<HandoverMessage>)>,
    /// The dealers that somebody found to cheat, and at the ends of which epochs.
    pub(super) cheats: BTreeSet<(Epoch, NodeId)>,
    /// The leases of clients: when, and of which epoch.
    pub(super) leases: Vec<(u64, Epoch)>,
    /// Vouches, also of bad servers, and who sent them.
    pub(super) vouches: Vec<(Node, Vouch)>,
    /// Every secret that a server ever had in a file.
    pub(super) secrets: Secrets,
    /// Votes that an epoch ends, also of bad servers: when, of whom, which epoch, and why.
    pub(super) end_votes: Vec<(u64, Node, Epoch, EndReason)>,
}

/// Writes down what happens; finds nothing wrong.
struct Witness(Rc<RefCell<Seen>>);

impl Checker<EpochsMachine> for Witness {
    fn id(&self) -> &'static str {
        "WITNESS"
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        if let Record::File(name, bytes) = record {
            self.0.borrow_mut().secrets.note(at.node.index(), *name, bytes);
        }
        let Record::Adopted(configuration) = record else { return Ok(()) };
        if at.is_good() {
            let mut seen = self.0.borrow_mut();
            let epoch = configuration.epoch();
            seen.adopted.entry(at.node).or_default().push(epoch);
            let found = || (at.time_us, configuration.clone());
            seen.configurations.entry(epoch).or_insert_with(found);
        }
        Ok(())
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Message) -> Verdict {
        if let Message::Handover(epoch, said) = message
            && let HandoverMessage::EndVote(vote) = &**said
        {
            let vote = (at.time_us, at.node, *epoch, vote.said.reason);
            self.0.borrow_mut().end_votes.push(vote);
        }
        match message {
            Message::Handover(epoch, message) if at.is_good() => {
                self.0.borrow_mut().said.push((*at, *epoch, Arc::clone(message)));
            }
            Message::Freshness(message) => {
                if let Freshness::Vouch(vouch) = &**message {
                    self.0.borrow_mut().vouches.push((at.node, *vouch));
                }
            }
            Message::Handover(..)
            | Message::Ordered(..)
            | Message::Spread(_)
            | Message::Probe(_)
            | Message::Probed(_) => {}
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        let mut seen = self.0.borrow_mut();
        match output {
            Output::News(news) => seen.news.push((at.time_us, at.node, news.clone())),
            Output::Cheated(epoch, proof) => drop(seen.cheats.insert((*epoch, proof.server))),
            Output::Client(told) => {
                if let ClientOutput::Lease { configuration, .. } = &**told {
                    seen.leases.push((at.time_us, configuration.epoch()));
                }
            }
            Output::Ordered(..) | Output::Released(..) | Output::Vouches(_) => {}
        }
        Ok(())
    }
}

/// A run that is over.
pub(super) struct Story {
    pub(super) report: Report,
    pub(super) seen: Seen,
    /// Names of the servers, in the order of the nodes.
    pub(super) servers: Vec<NodeId>,
    pub(super) kit: Rc<Kit>,
    pub(super) disks: Disks,
    scenario: Scenario,
}

impl Story {
    fn bad(&self) -> Vec<NodeId> {
        let is_bad = |index: &usize| self.scenario.is_byzantine(Node::at(*index));
        (0..self.servers.len()).filter(is_bad).map(|index| self.servers[index]).collect()
    }

    /// Are at most `f` of each group bad?
    pub(super) fn is_within_budget(&self) -> bool {
        let bad = self.bad();
        self.seen.configurations.values().all(|(_, configuration)| {
            let said = configuration.configuration();
            let count = said.membership_group.iter().filter(|it| bad.contains(it)).count();
            count <= said.membership.f()
        })
    }

    /// No checker found anything, and the run went to its end.
    pub(super) fn assert_good(&self) -> &Self {
        assert!(self.is_within_budget(), "too many are bad: the test shows nothing");
        assert_eq!(self.report.violation, None);
        assert!(self.report.counts.is_complete);
        self
    }

    /// All went well, and the villain has done this.
    pub(super) fn assert_withstood(&self, deed: &str) -> &Self {
        self.assert_good();
        assert!(self.hits(deed) > 0, "{deed} was not done: {:?}", self.report.marks);
        self
    }

    /// How often a mark was hit.
    pub(super) fn hits(&self, mark: &str) -> u64 {
        self.report.marks.by_name().get(mark).copied().unwrap_or(0)
    }

    /// The configurations behind the first, in order.
    pub(super) fn later(&self) -> impl Iterator<Item = &VerifiedConfiguration> {
        self.seen.configurations.values().skip(1).map(|(_, configuration)| configuration)
    }

    /// The attempt that each configuration behind the first came from.
    pub(super) fn attempts(&self) -> Vec<u32> {
        self.later().map(|it| it.header().header().lineage.attempt).collect()
    }

    /// What a server is in each configuration; none where it is not listed.
    pub(super) fn statuses(&self, server: NodeId) -> Vec<Option<MemberStatus>> {
        let all = self.seen.configurations.values();
        all.map(|(_, it)| it.configuration().member(server).map(|member| member.status)).collect()
    }

    /// When the log of an epoch was first seen to have come so far.
    pub(super) fn when(&self, is_it: impl Fn(&News) -> bool) -> Option<(u64, Node)> {
        let found = self.seen.news.iter().find(|(.., news)| is_it(news));
        found.map(|(at_us, node, _)| (*at_us, *node))
    }

    /// What the logs decided, with the epochs that they end.
    pub(super) fn decisions(&self) -> BTreeMap<Epoch, Decided> {
        let decisions = self
            .seen
            .news
            .iter()
            .filter_map(|(.., news)| Some((news.epoch, decided(news)?.clone())));
        decisions.collect()
    }
}

/// Has the log of this epoch come to draw another group?
pub(super) fn redraws(news: &News, epoch: Epoch) -> bool {
    news.epoch == epoch && matches!(news.stage, Stage::Redrawing(_))
}

/// Has the log of this epoch come to the freeze?
pub(super) fn freezes(news: &News, epoch: Epoch) -> bool {
    news.epoch == epoch && matches!(news.stage, Stage::Frozen(_))
}
