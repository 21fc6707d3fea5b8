//! Who wants the chain: asks servers, one after the other, and checks each step.
//!
//! # Protocol
//! Upon `Start`: ask all servers for the configuration with which their chains begin; after a
//! while take the earliest that proves itself. Who knows a configuration already goes on from it.
//! Upon deltas: apply each to what is known, under the one key; ask the same server for more.
//! Upon silence, an empty answer, or one that leads nowhere: ask the next server. When none has
//! more, or the wanted epoch is reached, it is over.
//!
//! Invariants: MEM-62, MEM-68.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::convert::Infallible;

use quorate_machine::{Class, Effects, Input, Machine};
use quorate_threshold::PublicKey;
use quorate_types::{Duration, Epoch, Instant, NodeId, Now, Peer, SystemId};

use crate::archive::message::{ArchiveMessage, Deltas, FirstPart, GetDeltas, GetFirst};
use crate::configuration::{CertifiedConfiguration, VerifiedConfiguration};
use crate::delta::Delta;
use crate::limits::{ARCHIVE_FIRST_BYTES_MAX, ARCHIVE_PART_BYTES};
use crate::schemes::Schemes;

/// What a reader is told at the start.
#[derive(Clone, Debug)]
pub struct ReaderParameters {
    /// The system.
    pub system: SystemId,
    /// Its one key.
    pub system_key: PublicKey,
    /// Servers to ask.
    pub servers: Vec<NodeId>,
    /// A configuration from which to go on; if none, from the earliest that servers have.
    pub known: Option<VerifiedConfiguration>,
    /// The epoch with which it is over.
    pub until: Epoch,
    /// How long a server is given to answer.
    pub patience: Duration,
}

/// What a reader tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReaderOutput {
    /// The chain begins with this.
    First(VerifiedConfiguration),
    /// This epoch follows.
    Followed(Box<Delta>),
    /// It is over, with this as the newest, if there is anything.
    Over(Option<Epoch>),
}

// tidy: timers
/// What a reader waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReaderTimer {
    /// The answer of the server that was asked, or of all of them.
    Answer,
}

/// How far it is.
#[derive(Debug)]
enum Stage {
    /// Beginnings are awaited, of all servers.
    Beginnings(BTreeMap<NodeId, FirstPart>),
    /// The rest of a beginning is awaited.
    First {
        server: NodeId,
        epoch: Epoch,
        length: u32,
        bytes: Vec<u8>,
    },
    /// Deltas are awaited.
    Deltas {
        server: NodeId,
    },
    Over,
}

/// The machine of whoever wants the chain.
#[derive(Debug)]
pub struct ArchiveReader {
    parameters: ReaderParameters,
    schemes: Schemes,
    stage: Stage,
    newest: Option<VerifiedConfiguration>,
    /// Servers that have nothing more, do not answer, or lie.
    exhausted: BTreeSet<NodeId>,
}

impl ArchiveReader {
    /// A reader.
    #[must_use]
    pub fn new(parameters: ReaderParameters, schemes: Schemes) -> Self {
        let newest = parameters.known.clone();
        let stage = Stage::Beginnings(BTreeMap::new());
        Self { parameters, schemes, stage, newest, exhausted: BTreeSet::new() }
    }

    fn start(&mut self, now: Instant, effects: &mut Effects<Self>) {
        if self.newest.is_some() {
            return self.ask_next(now, effects);
        }
        for server in &self.parameters.servers {
            let question = ArchiveMessage::GetFirst(GetFirst { from: 0 });
            effects.send(Peer::Node(*server), Class::Bulk, question);
        }
        self.wait(now, effects);
    }

    fn wait(&self, now: Instant, effects: &mut Effects<Self>) {
        effects.arm(ReaderTimer::Answer, now.after(self.parameters.patience));
    }

    fn on_first(
        &mut self,
        (now, from): (Instant, NodeId),
        part: FirstPart,
        effects: &mut Effects<Self>,
    ) {
        let is_part = part.bytes.len() <= ARCHIVE_PART_BYTES
            && part.length as usize <= ARCHIVE_FIRST_BYTES_MAX;
        match &mut self.stage {
            Stage::Beginnings(beginnings) if is_part && part.from == 0 => {
                beginnings.insert(from, part);
                if beginnings.len() == self.parameters.servers.len() {
                    self.choose(now, effects);
                }
            }
            Stage::First { server, epoch, length, bytes }
                if is_part && *server == from && *epoch == part.epoch =>
            {
                if part.length != *length || part.from as usize != bytes.len() {
                    return self.give_up(now, from, effects);
                }
                bytes.extend_from_slice(&part.bytes);
                self.go_on_first(now, effects);
            }
            Stage::Beginnings(_) | Stage::First { .. } | Stage::Deltas { .. } | Stage::Over => {
                effects.mark("archive: part was not asked for");
            }
        }
    }

    /// Takes the earliest beginning that is left.
    fn choose(&mut self, now: Instant, effects: &mut Effects<Self>) {
        let Stage::Beginnings(beginnings) = &mut self.stage else { return };
        let earliest = beginnings.iter().min_by_key(|(_, part)| part.epoch);
        let Some(server) = earliest.map(|(server, _)| *server) else {
            return self.end(effects);
        };
        let Some(FirstPart { epoch, length, bytes, .. }) = beginnings.remove(&server) else {
            return;
        };
        let others = core::mem::take(beginnings);
        self.stage = Stage::First { server, epoch, length, bytes };
        // Whoever is not chosen is asked again if this one lies.
        drop(others);
        self.go_on_first(now, effects);
    }

    fn go_on_first(&mut self, now: Instant, effects: &mut Effects<Self>) {
        let Stage::First { server, length, bytes, .. } = &self.stage else { return };
        let (server, have) = (*server, bytes.len());
        if have < *length as usize {
            let from = u32::try_from(have).expect("at most as long as a configuration");
            let question = ArchiveMessage::GetFirst(GetFirst { from });
            effects.send(Peer::Node(server), Class::Bulk, question);
            return self.wait(now, effects);
        }
        // MEM-68: nothing is given out that was not checked.
        let first = quorate_wire::decode::<CertifiedConfiguration>(bytes).ok();
        let first = first.and_then(|it| it.verify(&self.parameters.system_key, &self.schemes).ok());
        let first = first.filter(|it| it.configuration().system == self.parameters.system);
        let Some(first) = first else { return self.give_up(now, server, effects) };
        effects.emit(ReaderOutput::First(first.clone()));
        self.newest = Some(first);
        self.ask(now, server, effects);
    }

    fn on_deltas(
        &mut self,
        (now, from): (Instant, NodeId),
        answer: &Deltas,
        effects: &mut Effects<Self>,
    ) {
        let asked = matches!(&self.stage, Stage::Deltas { server } if *server == from);
        let known = self.newest.as_ref().map(VerifiedConfiguration::epoch);
        if !asked || known != Some(answer.after) {
            return effects.mark("archive: deltas were not asked for");
        }

        if answer.deltas.is_empty() {
            return self.give_up(now, from, effects);
        }
        for bytes in &answer.deltas {
            if !self.follow(bytes, effects) {
                effects.mark("archive: a delta leads nowhere");
                return self.give_up(now, from, effects);
            }
        }
        self.exhausted.clear();
        self.ask(now, from, effects);
    }

    /// MEM-62, MEM-68: each delta names the epoch and the header that it follows.
    fn follow(&mut self, bytes: &[u8], effects: &mut Effects<Self>) -> bool {
        let Some(newest) = &self.newest else { return false };
        let Ok(delta) = quorate_wire::decode::<Delta>(bytes) else { return false };
        let Ok(next) = delta.apply(newest, &self.schemes) else { return false };
        if newest.epoch() < self.parameters.until {
            effects.emit(ReaderOutput::Followed(Box::new(delta)));
            self.newest = Some(next);
        }
        true
    }

    fn give_up(&mut self, now: Instant, server: NodeId, effects: &mut Effects<Self>) {
        self.exhausted.insert(server);
        if self.newest.is_some() {
            return self.ask_next(now, effects);
        }
        // A beginning that was a lie: those of the others are asked for once more.
        self.parameters.servers.retain(|other| *other != server);
        self.stage = Stage::Beginnings(BTreeMap::new());
        match self.parameters.servers.is_empty() {
            true => self.end(effects),
            false => self.start(now, effects),
        }
    }

    fn ask_next(&mut self, now: Instant, effects: &mut Effects<Self>) {
        let left = self.parameters.servers.iter().find(|it| !self.exhausted.contains(it));
        match left.copied() {
            Some(server) => self.ask(now, server, effects),
            None => self.end(effects),
        }
    }

    fn ask(&mut self, now: Instant, server: NodeId, effects: &mut Effects<Self>) {
        let Some(after) = self.newest.as_ref().map(VerifiedConfiguration::epoch) else { return };
        if after >= self.parameters.until {
            return self.end(effects);
        }
        self.stage = Stage::Deltas { server };
        let question = ArchiveMessage::GetDeltas(GetDeltas { after });
        effects.send(Peer::Node(server), Class::Bulk, question);
        self.wait(now, effects);
    }

    fn end(&mut self, effects: &mut Effects<Self>) {
        self.stage = Stage::Over;
        effects.disarm(ReaderTimer::Answer);
        let newest = self.newest.as_ref().map(VerifiedConfiguration::epoch);
        effects.emit(ReaderOutput::Over(newest));
    }

    fn on_silence(&mut self, now: Instant, effects: &mut Effects<Self>) {
        match &self.stage {
            Stage::Beginnings(beginnings) if beginnings.is_empty() => self.start(now, effects),
            Stage::Beginnings(_) => self.choose(now, effects),
            Stage::First { server, .. } | Stage::Deltas { server } => {
                let server = *server;
                self.give_up(now, server, effects);
            }
            Stage::Over => {}
        }
    }
}

impl Machine for ArchiveReader {
    type Inbound = ArchiveMessage;
    type Outbound = ArchiveMessage;
    type Record = Infallible;
    type Timer = ReaderTimer;
    type Request = Infallible;
    type Output = ReaderOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let now = now.instant;
        match input {
            Input::Start => self.start(now, effects),
            Input::Deliver { from: Peer::Node(from), message: ArchiveMessage::First(part) } => {
                self.on_first((now, from), part, effects);
            }
            Input::Deliver { from: Peer::Node(from), message: ArchiveMessage::Deltas(answer) } => {
                self.on_deltas((now, from), &answer, effects);
            }
            Input::Deliver { .. } => effects.mark("archive: question to a reader"),
            Input::Expired(ReaderTimer::Answer) => self.on_silence(now, effects),
            Input::Request(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests;
