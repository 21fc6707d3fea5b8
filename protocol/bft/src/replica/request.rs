//! A client's bundle comes in.
//!
//! Settled points 26: whoever is correct and gets a request puts it in its own lane at once,
//! whoever leads. What a session already executed is answered from the table. Queues are bounded
//! in bytes and per client, so a client that floods displaces its own requests alone (G01).
//!
//! What names a session that is not open is not ordered: whoever has a key could fill lanes with
//! it. If the session's place in the order is executed here, it was closed or never opened, and the
//! client is told so. If not, this replica is behind, and the bundle waits until it has come there.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Service, ServiceState};
use quorate_state::Section;
use quorate_types::{ClientId, Digest, Epoch, Peer, Slot};

use super::{Replica, Turn};
use crate::limits::{
    ANNOUNCEMENT_BYTES_MAX, ANNOUNCEMENTS_WAITING_BYTES_MAX, ANNOUNCEMENTS_WAITING_MAX,
    BATCH_ANNOUNCEMENT_BYTES_MAX, BATCH_ANNOUNCEMENTS_MAX, BATCH_BUNDLES_MAX, CLIENT_BUNDLES_MAX,
    EARLY_BUNDLES_MAX, EARLY_BYTES_MAX, REQUEST_QUEUE_BYTES_MAX,
};
use crate::message::{
    Announcement, Answer, Bundle, BundleBody, Contents, Message, Reply, Request, SessionId,
};
use crate::sessions::Sessions;

/// Prefix of the engine's own part of the replicated state.
pub(super) const ENGINE_SECTION: u8 = 1;
/// Prefix of the service's part of the replicated state.
pub(super) const SERVICE_SECTION: u8 = 2;

/// What a replica knows about the requests of a bundle before it is ordered.
enum Recalled {
    /// They are all answered.
    Answered(Reply),
    /// They have to be ordered.
    Fresh,
    /// They are of a session whose opening is not executed here.
    Early(SessionId),
}

/// Bundles that wait for a batch, and those under way.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// In sessions that may still be opened, oldest first.
    early: VecDeque<(SessionId, Request)>,
    early_bytes: usize,
    queue: VecDeque<Arc<Bundle>>,
    announcements: VecDeque<Announcement>,
    /// Of the queue and the announcements.
    queued_bytes: usize,
    announced_bytes: usize,
    under_way: BTreeMap<ClientId, Vec<Digest>>,
}

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.announcements.is_empty()
    }

    /// Bundles and announcements in memory.
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.early.len() + self.announcements.len()
    }

    pub(super) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Keeps a bundle until its session is opened; the oldest are dropped, since anybody may name
    /// sessions of the future.
    fn keep_early(&mut self, session: SessionId, request: Request) {
        self.early_bytes += request.bundle.size_bytes();
        self.early.push_back((session, request));
        while self.early.len() > EARLY_BUNDLES_MAX || self.early_bytes > EARLY_BYTES_MAX {
            let Some((_, dropped)) = self.early.pop_front() else { break };
            self.early_bytes -= dropped.bundle.size_bytes();
        }
    }

    /// Takes the early bundles whose sessions are opened by now, or never will be.
    fn take_early(&mut self, executed: (Epoch, Slot)) -> Vec<Request> {
        let early = core::mem::take(&mut self.early);
        let is_due = |early: &(SessionId, Request)| (early.0.epoch, early.0.slot) <= executed;
        let (due, early): (VecDeque<_>, VecDeque<_>) = early.into_iter().partition(is_due);
        self.early = early;
        let due: Vec<Request> = due.into_iter().map(|(_, request)| request).collect();
        self.early_bytes -= due.iter().map(|one| one.bundle.size_bytes()).sum::<usize>();
        due
    }

    /// Admits a bundle, unless it is under way already or a bound is reached.
    fn admit(&mut self, bundle: Arc<Bundle>) -> Result<(), &'static str> {
        let known = self.under_way.get(&bundle.client).map_or(&[][..], Vec::as_slice);
        let digest = bundle.digest();
        if known.contains(&digest) {
            return Err("bft.request_under_way");
        }
        let size = bundle.size_bytes();
        let bundle_bytes = self.queued_bytes - self.announced_bytes;
        if known.len() >= CLIENT_BUNDLES_MAX || bundle_bytes + size > REQUEST_QUEUE_BYTES_MAX {
            return Err("bft.request_over_limit");
        }
        self.under_way.entry(bundle.client).or_default().push(digest);
        self.queued_bytes += size;
        self.queue.push_back(bundle);
        Ok(())
    }

    /// Lets an announcement wait for a batch.
    fn announce(&mut self, announcement: Announcement) -> Result<(), &'static str> {
        let size = announcement.size_bytes();
        if announcement.operation.len() > ANNOUNCEMENT_BYTES_MAX {
            return Err("bft.announcement_too_long");
        }
        let is_full = self.announcements.len() >= ANNOUNCEMENTS_WAITING_MAX;
        if is_full || self.announced_bytes + size > ANNOUNCEMENTS_WAITING_BYTES_MAX {
            return Err("bft.announcement_over_limit");
        }
        self.announced_bytes += size;
        self.queued_bytes += size;
        self.announcements.push_back(announcement);
        Ok(())
    }

    /// Takes contents for a batch of at most this size; always something if there is anything.
    pub(super) fn take(&mut self, bytes_max: usize) -> Contents {
        let announcements = self.take_announcements(bytes_max.min(BATCH_ANNOUNCEMENT_BYTES_MAX));
        let announced: usize = announcements.iter().map(Announcement::size_bytes).sum();
        let mut bundles = Vec::new();
        let mut taken_bytes = announced;
        while let Some(bundle) = self.queue.front() {
            let size = bundle.size_bytes();
            let is_full = taken_bytes + size > bytes_max || bundles.len() >= BATCH_BUNDLES_MAX;
            if is_full && taken_bytes > 0 {
                break;
            }
            taken_bytes += size;
            bundles.extend(self.queue.pop_front());
        }
        self.announced_bytes -= announced;
        self.queued_bytes -= taken_bytes;
        Contents { announcements, bundles }
    }

    fn take_announcements(&mut self, bytes_max: usize) -> Vec<Announcement> {
        let mut bytes = 0;
        let fits = |one: &&Announcement| {
            bytes += one.size_bytes();
            bytes <= bytes_max
        };
        let waiting = self.announcements.iter().take(BATCH_ANNOUNCEMENTS_MAX);
        let count = waiting.take_while(fits).count();
        let forced = usize::from(count == 0 && !self.announcements.is_empty());
        self.announcements.drain(..count + forced).collect()
    }

    /// A bundle was executed.
    pub(super) fn finish(&mut self, bundle: &Bundle) {
        let Some(under_way) = self.under_way.get_mut(&bundle.client) else { return };
        let digest = bundle.digest();
        under_way.retain(|known| *known != digest);
        if under_way.is_empty() {
            self.under_way.remove(&bundle.client);
        }
    }

    /// Only these bundles and those in the queue are still under way.
    pub(super) fn keep_under_way(&mut self, mut kept: BTreeSet<Digest>) {
        kept.extend(self.queue.iter().map(|bundle| bundle.digest()));
        self.under_way.retain(|_, digests| {
            digests.retain(|digest| kept.contains(digest));
            !digests.is_empty()
        });
    }

    /// Size of what the next batch holds first.
    pub(super) fn first_bytes(&self) -> Option<usize> {
        let announcement = self.announcements.front().map(Announcement::size_bytes);
        announcement.or_else(|| self.queue.front().map(|bundle| bundle.size_bytes()))
    }
}

impl<S: Service> Replica<S> {
    /// The node asks for an operation in its own name. It waits for a batch of this replica's lane;
    /// from the batch on it survives a restart. Whether it is to be announced again, the node sees
    /// from what the service did.
    pub(super) fn announce(&mut self, turn: &mut Turn<'_, S>, operation: Vec<u8>) {
        if self.end.is_some() {
            return turn.mark("bft.announcement_void");
        }
        match self.requests.announce(Announcement { operation }) {
            Ok(()) => turn.mark("bft.announcement_admitted"),
            Err(mark) => turn.mark(mark),
        }
    }

    pub(super) fn on_request(&mut self, turn: &mut Turn<'_, S>, request: Request) {
        match self.recall(&request.bundle) {
            Recalled::Answered(reply) => {
                turn.mark("bft.reply_repeated");
                let client = Peer::Client(request.bundle.client);
                turn.send(client, Class::Ordered, Message::Reply(reply));
            }
            // It is ordered in the next epoch: the client asks there.
            Recalled::Early(_) | Recalled::Fresh if self.end.is_some() => {
                turn.mark("bft.request_void");
            }
            Recalled::Early(session) => {
                turn.mark("bft.request_early");
                self.requests.keep_early(session, request);
            }
            Recalled::Fresh => match self.requests.admit(request.bundle) {
                Ok(()) if request.is_retry => turn.mark("bft.request_retried"),
                Ok(()) => turn.mark("bft.request_admitted"),
                Err(mark) => turn.mark(mark),
            },
        }
    }

    /// Takes up what came before the opening of its session did.
    pub(super) fn take_up_early(&mut self, turn: &mut Turn<'_, S>) {
        if self.requests.early.is_empty() {
            return;
        }
        let executed = (self.group.epoch, self.executed_slot());
        for request in self.requests.take_early(executed) {
            self.on_request(turn, request);
        }
    }

    /// What is known about a bundle, without executing any of it.
    fn recall(&mut self, bundle: &Bundle) -> Recalled {
        let executed = (self.group.epoch, self.executed_slot());
        let (view, time) = (self.views.view(), self.executed.time);
        let mut section = Section::new(&mut self.state, ENGINE_SECTION);
        let sessions = Sessions::new(&mut section);
        match &bundle.body {
            BundleBody::Open { certificate, opening } => {
                let recalled = sessions.recall_opening(certificate, *opening, time);
                recalled.map_or(Recalled::Fresh, |outcome| {
                    Recalled::Answered(Reply::to_opening(view, *opening, outcome))
                })
            }
            BundleBody::Invoke { session, operations, .. } => {
                let visit = sessions.enter(bundle.client, *session);
                if !visit.is_open() && (session.epoch, session.slot) > executed {
                    return Recalled::Early(*session);
                }
                let recall = |operation| sessions.recall(&visit, operation, time);
                let answers: Option<Vec<Answer>> = operations.iter().map(recall).collect();
                answers.map_or(Recalled::Fresh, |answers| {
                    Recalled::Answered(Reply { view, session: Some(*session), answers })
                })
            }
        }
    }

    pub(super) fn service_state(&mut self) -> (&mut S, Section<'_>) {
        (&mut self.service, Section::new(&mut self.state, SERVICE_SECTION))
    }

    pub(super) fn restore_service(&mut self) {
        let (service, section) = self.service_state();
        let state: &dyn ServiceState = &section;
        service.restore(state);
    }
}

#[cfg(test)]
mod tests;
