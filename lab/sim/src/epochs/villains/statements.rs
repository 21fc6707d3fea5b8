//! Claims that others have signed what they never said, with signatures that they gave upon probes
//! (scenario 11 of the specification, section 11).

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_adversary::Reception;
use quorate_crypto::Verifiable;
use quorate_machine::Input;
use quorate_membership::freshness::Subject;
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::handover::{AbortVote, Attempt, Word};
use quorate_membership::monitor::{Answer, Question, Shown, Ticket, Wanted};
use quorate_membership::{Message as Vouching, Nonce, Vouch};
use quorate_types::{Digest, Duration, Epoch, NodeId, Peer, Signature};

use super::super::{EpochsMachine, Message};
use super::epochs::challenged;
use super::villain::{Context, Mark, PERIOD, Villain};

/// No signature.
const NONE: Signature = Signature::new([0; Signature::BYTES]);
const ASKED: Mark = "liar.oracle_asked";

/// What was to be signed: that an attempt should end, or that an epoch is the current one.
#[derive(Debug)]
enum Sought {
    Abort(AbortVote),
    Vouch(Subject, Peer),
}

/// Has others sign what it likes under the disguise of a probe, and shows that.
#[derive(Default, Debug)]
pub(super) struct OracleSeeker {
    /// The attempt against which all should have voted.
    attempt: Option<(Epoch, u32)>,
    /// Questions.
    count: u64,
    /// What it asked for, and whom, by the number of the question.
    sought: BTreeMap<u64, (NodeId, Sought)>,
}

impl Villain for OracleSeeker {
    fn on_input(&mut self, context: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        if let Input::Deliver { message: Message::Probed(answer), .. } = input
            && let Some((victim, sought)) = self.sought.remove(&answer.ticket.token)
        {
            show(context, (victim, sought), answer);
            return Reception::Swallow;
        }
        if let Some(challenge) = challenged(input) {
            self.seek_vouches(context, challenge);
        }
        Reception::Pass
    }

    fn on_attempt(&mut self, epoch: Epoch, attempt: &Attempt) {
        self.attempt = Some((epoch, attempt.number));
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    /// Would like every other member to have voted against the attempt.
    fn on_alarm(&mut self, context: &mut Context<'_>) {
        let Some((epoch, attempt)) = self.attempt else { return };
        let system = context.seat.turnover().configuration().configuration().system;
        let vote = AbortVote { system, epoch, attempt };
        let key = context.seat.kit().first.configuration().authority_key;
        context.mark(ASKED);
        for victim in victims(context) {
            let digest = Word { said: vote, by: victim, signature: NONE }.check(key).digest;
            self.seek(context, (victim, digest), epoch, Sought::Abort(vote));
        }
    }
}

impl OracleSeeker {
    /// Would like every other member to have vouched for the epoch before.
    fn seek_vouches(&mut self, context: &mut Context<'_>, (from, nonce): (Peer, Nonce)) {
        let newest = context.seat.turnover().configuration().epoch();
        let Some(former) = context.seat.before(newest) else { return };
        let subject = Subject::of(&former, nonce);
        for member in victims(context) {
            let mut checks = Vec::new();
            let vouch = Vouch { subject, member, signature: NONE };
            if vouch.checks(&former, &mut checks).is_ok() {
                let sought = Sought::Vouch(subject, from);
                self.seek(context, (member, checks[0].digest), subject.epoch, sought);
            }
        }
    }

    /// Asks a server for its signature on a digest.
    fn seek(
        &mut self,
        context: &mut Context<'_>,
        (victim, digest): (NodeId, Digest),
        epoch: Epoch,
        sought: Sought,
    ) {
        self.count += 1;
        let ticket = Ticket { place: 0, token: self.count };
        let wanted = Wanted::Signed { nonce: Nonce::new(digest), certificate: false };
        let question = Question { to: victim, epoch, ticket, wanted };
        self.sought.insert(ticket.token, (victim, sought));
        context.tell(Peer::Node(victim), Message::Probe(question));
    }
}

/// Shows a signature that it got as one on what it wanted to be signed.
fn show(context: &mut Context<'_>, (victim, sought): (NodeId, Sought), answer: &Answer) {
    let Shown::Signature(proof) = &answer.shown else { return };
    let signature = proof.signature;
    context.mark(ASKED);
    match sought {
        Sought::Abort(vote) => {
            let word = Word { said: vote, by: victim, signature };
            let message = Arc::new(Handover::AbortVote(word));
            context.tell_all(&Message::Handover(vote.epoch, message));
        }
        Sought::Vouch(subject, client) => {
            let vouch = Vouching::Vouch(Vouch { subject, member: victim, signature });
            context.tell(client, Message::Freshness(Arc::new(vouch)));
        }
    }
}

fn victims(context: &Context<'_>) -> Vec<NodeId> {
    let id = |peer: &Peer| match peer {
        Peer::Node(id) => Some(*id),
        Peer::Client(_) => None,
    };
    context.others.iter().filter_map(id).collect()
}
