//! Byzantine participant that executes as nobody else does: other replies, another state (B20).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Checkpoint, CheckpointStatement, Outcome, SessionId};
use quorate_crypto::{Domain, hash_of};
use quorate_history::Prng;

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// Lies to clients, and about the state in the same way to everybody.
#[derive(Debug)]
pub(super) struct Divergent {
    per_mille: u64,
    has_diverged: bool,
}

impl Divergent {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { per_mille: [5, 100, 1_000][prng.index(3)], has_diverged: false }
    }

    fn reply(&mut self, context: &mut Context<'_>, message: &Message) -> Option<Message> {
        let Message::Reply(honest) = message else { return None };
        if !context.prng.chance(self.per_mille) {
            return None;
        }
        self.has_diverged = true;
        let mut reply = honest.clone();
        for answer in &mut reply.answers {
            answer.outcome = match &answer.outcome {
                Outcome::Executed(bytes) if context.prng.chance(700) => {
                    Outcome::Executed(bytes.iter().map(|byte| byte ^ 1).collect())
                }
                Outcome::Opened(session) => {
                    Outcome::Opened(SessionId { index: session.index.wrapping_add(1), ..*session })
                }
                Outcome::Executed(_) => Outcome::Expired,
                Outcome::UnknownSession | Outcome::Expired => Outcome::NotAuthorised,
                Outcome::NotAuthorised => Outcome::UnknownSession,
                Outcome::NumberTaken { highest } => {
                    Outcome::NumberTaken { highest: highest ^ (1 << context.prng.below(64)) }
                }
            };
        }
        Some(Message::Reply(reply))
    }
}

impl Villain<Holdings> for Divergent {
    fn name(&self) -> &'static str {
        "divergent"
    }

    fn on_send(&mut self, context: &mut Context<'_>, mut sending: Sending, deeds: &mut Deeds) {
        if let Some(reply) = self.reply(context, &sending.message) {
            deeds.mark("liar.reply_changed");
            sending.message = Arc::new(reply);
        } else if let (Message::Checkpoint(honest), true) = (&*sending.message, self.has_diverged) {
            deeds.mark("liar.state_diverged");
            let root = hash_of(Domain::Derivation, &honest.statement.root);
            let statement = CheckpointStatement { root, ..honest.statement };
            let seat = (context.me(), context.signer());
            let lie = Message::Checkpoint(Checkpoint::sign(context.group(), statement, seat));
            return deeds.send(&peers(&sending.to), sending.class, lie);
        }
        deeds.pass(sending);
    }
}
