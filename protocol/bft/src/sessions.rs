//! The exactly-once client table: part of the replicated state.
//!
//! Settled points 25; PBFT's reply cache generalised to a window of requests. A session holds the
//! replies of the requests above its floor; a request at or below the floor is answered
//! "expired" and never executed; a recorded one is answered from the record. The floor follows
//! what the client has acknowledged, and moves by force when a session has more requests than its
//! window. Being state, the table is in every checkpoint: a replica that caught up by state
//! transfer can answer every retransmission (P1).
//!
//! A client's openings are numbered upwards, and the highest number outlives its session: an
//! opening that was closed opens nothing when somebody has it ordered again. A client that uses the
//! highest number there is can open no more sessions, and harms itself alone.
//!
//! # Invariants
//! - BFT-3: a request executes at most once: never below the floor, never when its reply is
//!   recorded.
//! - BFT-10: an opening opens one session at most, however often it is ordered.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use quorate_crypto::ClientCertificate;
use quorate_machine::{Plant, ServiceState, planted};
use quorate_types::{ClientId, Digest, RequestId, UnixTime};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer, decode, encode};

use crate::limits::{CLIENT_SESSIONS_MAX, SESSION_WINDOW_REQUESTS};
use crate::message::{Answer, Opening, Operation, Outcome, SessionId, operation_digest};

const CLIENT: u8 = 1;
const SESSION: u8 = 2;
const REPLY: u8 = 3;

/// Replies of one session: a window of them, and one that is just being recorded.
const SESSION_REPLIES_MAX: u64 = SESSION_WINDOW_REQUESTS + 1;

const OPEN: Limit = Limit::new("open sessions", CLIENT_SESSIONS_MAX);

/// What is recorded of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Session {
    /// Whose it is.
    client: ClientId,
    /// How the client called it.
    opening: Opening,
    /// When the certificate that opened it runs out.
    expires: UnixTime,
    /// Requests up to here are never executed again.
    floor: RequestId,
    /// The highest request that was executed.
    highest: RequestId,
}

quorate_wire::fields!(Session { client, opening, expires, floor, highest });

/// What is recorded of a client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Client {
    /// The highest number with which it opened a session.
    highest: u64,
    /// Its open sessions, oldest first.
    open: Vec<SessionId>,
}

impl Client {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self { highest: Decode::decode(&mut reader)?, open: reader.sequence(OPEN)? })
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.highest.encode(&mut writer);
        writer.sequence(&self.open);
        writer.into_bytes()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct RecordedReply {
    operation: Digest,
    outcome: Outcome,
}

quorate_wire::fields!(RecordedReply { operation, outcome });

fn client_key(client: ClientId) -> Vec<u8> {
    let mut key = alloc::vec![CLIENT];
    key.extend_from_slice(client.as_bytes());
    key
}

fn session_key(table: u8, session: SessionId) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    key.push(table);
    key.extend_from_slice(&encode(&session));
    key
}

fn reply_key(session: SessionId, id: RequestId) -> Vec<u8> {
    let mut key = session_key(REPLY, session);
    key.extend_from_slice(&encode(&id));
    key
}

/// What a bundle finds of its session: read once when the bundle begins, written once when it ends,
/// however many operations it has.
#[derive(Debug)]
#[must_use = "what changed of the session is written when it is left"]
pub struct Visit {
    client: ClientId,
    id: SessionId,
    /// As it is now; nothing if the client has no such session.
    session: Option<Session>,
    is_changed: bool,
}

impl Visit {
    /// Is it an open session of the client?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.session.is_some()
    }

    fn change(&mut self, session: Session) {
        self.session = Some(session);
        self.is_changed = true;
    }
}

/// The client table in a section of the replicated state.
pub struct Sessions<'a> {
    state: &'a mut dyn ServiceState,
}

impl core::fmt::Debug for Sessions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sessions")
    }
}

impl<'a> Sessions<'a> {
    /// The table in this section.
    pub fn new(state: &'a mut dyn ServiceState) -> Self {
        Self { state }
    }

    fn session(&self, client: ClientId, id: SessionId) -> Option<Session> {
        let bytes = self.state.get(&session_key(SESSION, id))?;
        let session: Session = decode(&bytes).expect("only this table writes sessions");
        (session.client == client).then_some(session)
    }

    fn put_session(&mut self, id: SessionId, session: Session) {
        self.state.put(&session_key(SESSION, id), encode(&session));
    }

    /// What is recorded of a client; nothing was opened with the number 0.
    fn client(&self, client: ClientId) -> Client {
        let bytes = self.state.get(&client_key(client));
        bytes.map_or_else(Client::default, |bytes| {
            Client::decode(&bytes).expect("only this table writes clients")
        })
    }

    /// The answer to an opening without opening anything; nothing if it is to be ordered.
    #[must_use]
    pub fn recall_opening(
        &self,
        certificate: &ClientCertificate,
        opening: Opening,
        time: UnixTime,
    ) -> Option<Outcome> {
        let owner = certificate.grant.client;
        if !certificate.holds_at(time) && !planted(Plant::ExpiredClientServed) {
            return Some(Outcome::NotAuthorised);
        }
        let Client { highest, open } = self.client(owner);
        let is_same = |id: &SessionId| {
            self.session(owner, *id).is_some_and(|session| session.opening == opening)
        };
        if let Some(known) = open.into_iter().find(is_same) {
            return Some(Outcome::Opened(known));
        }
        let is_taken = opening.number <= highest && !planted(Plant::SessionsReopened);
        is_taken.then_some(Outcome::NumberTaken { highest })
    }

    /// Opens a session; the same opening again finds the session while it is open.
    pub fn open(
        &mut self,
        certificate: &ClientCertificate,
        opening: Opening,
        (id, time): (SessionId, UnixTime),
    ) -> Outcome {
        if let Some(outcome) = self.recall_opening(certificate, opening, time) {
            return outcome;
        }
        let owner = certificate.grant.client;
        let Client { highest, mut open } = self.client(owner);
        assert!(
            opening.number > highest || planted(Plant::SessionsReopened),
            "BFT-10: the number {} of {owner:?} was used before",
            opening.number
        );
        if open.len() >= CLIENT_SESSIONS_MAX {
            let oldest = open.remove(0);
            self.forget_replies(oldest, RequestId::ZERO..=RequestId::new(u64::MAX));
            self.state.remove(&session_key(SESSION, oldest));
        }
        open.push(id);
        let highest = opening.number.max(highest);
        self.state.put(&client_key(owner), Client { highest, open }.encode());
        let (floor, expires) = (RequestId::ZERO, certificate.grant.expires);
        self.put_session(id, Session { client: owner, opening, expires, floor, highest: floor });
        Outcome::Opened(id)
    }

    /// Begins a bundle's work in a session of its client.
    pub fn enter(&self, client: ClientId, id: SessionId) -> Visit {
        Visit { client, id, session: self.session(client, id), is_changed: false }
    }

    /// Ends it.
    #[expect(clippy::needless_pass_by_value, reason = "nobody works in a session that was left")]
    pub fn leave(&mut self, visit: Visit) {
        if let Some(session) = visit.session.filter(|_| visit.is_changed) {
            self.put_session(visit.id, session);
        }
    }

    /// The client has all replies of the session up to `upto`: they are not kept any longer.
    pub fn acknowledge(&mut self, visit: &mut Visit, upto: RequestId) {
        let Some(session) = visit.session else { return };
        let floor = upto.min(session.highest);
        if floor > session.floor {
            self.forget_replies(visit.id, session.floor..=floor);
            visit.change(Session { floor, ..session });
        }
    }

    /// Forgets the replies from a session's floor up to its next one. There is none at or below
    /// the floor, so as many as the floor moves are all that need a look.
    fn forget_replies(&mut self, id: SessionId, floors: RangeInclusive<RequestId>) {
        let (floor, next) = floors.into_inner();
        let prefix = session_key(REPLY, id);
        let moved = next.since(floor).min(SESSION_REPLIES_MAX);
        let count_max = usize::try_from(moved).expect("the window is small");
        for (key, _) in self.state.scan(&prefix, count_max) {
            let Some(request) = key.strip_prefix(&prefix[..]) else { break };
            if decode::<RequestId>(request).expect("a key of this table") > next {
                break;
            }
            self.state.remove(&key);
        }
    }

    /// The answer to a request without executing it; nothing if it is to be executed.
    #[must_use]
    pub fn recall(&self, visit: &Visit, operation: &Operation, time: UnixTime) -> Option<Answer> {
        let answer = |outcome| {
            let digest = operation_digest(&operation.payload);
            Some(Answer { id: operation.id, operation: digest, outcome })
        };
        let Some(session) = visit.session else {
            return answer(Outcome::UnknownSession);
        };
        if operation.id <= session.floor {
            return answer(Outcome::Expired);
        }
        if let Some(bytes) = self.state.get(&reply_key(visit.id, operation.id)) {
            let recorded: RecordedReply = decode(&bytes).expect("only this table writes replies");
            let (operation_digest, outcome) = (recorded.operation, recorded.outcome);
            return Some(Answer { id: operation.id, operation: operation_digest, outcome });
        }
        if time >= session.expires && !planted(Plant::ExpiredClientServed) {
            return answer(Outcome::NotAuthorised);
        }
        None
    }

    /// Records what became of a request that [`Sessions::recall`] let pass.
    pub fn record(&mut self, visit: &mut Visit, answer: &Answer) {
        let mut session = visit.session.expect("recall found the session");
        if planted(Plant::RepliesNotRecorded) {
            return;
        }
        let key = reply_key(visit.id, answer.id);
        assert!(
            answer.id > session.floor && self.state.get(&key).is_none(),
            "BFT-3: request {} of {:?} is executed once",
            answer.id,
            visit.client
        );
        let (operation, outcome) = (answer.operation, answer.outcome.clone());
        self.state.put(&key, encode(&RecordedReply { operation, outcome }));
        session.highest = session.highest.max(answer.id);
        let floor = session.highest.minus(SESSION_WINDOW_REQUESTS);
        if floor > session.floor {
            self.forget_replies(visit.id, session.floor..=floor);
            session.floor = floor;
        }
        visit.change(session);
    }
}

#[cfg(test)]
mod tests;
