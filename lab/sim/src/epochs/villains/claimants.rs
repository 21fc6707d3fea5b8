//! Bad servers that claim what is not so: keys that are not theirs, configurations that nobody
//! signed, epochs that are not, statements of others, the life of who is gone, attempts that are
//! over (M10, M12, M13, R-22; scenarios 5, 11 and 12 of the specification, section 11).

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_adversary::{Adversary, Reception};
use quorate_crypto::{Domain, Verifiable, hash, hash_of};
use quorate_machine::{Class, Effect, Input, Recipients};
use quorate_membership::dissemination::{Digest as Newest, EncodedDelta, Message as Spreading};
use quorate_membership::freshness::Subject;
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::handover::{AbortVote, Deposit, News, Stage, Word};
use quorate_membership::monitor::{Answer, Proof, Question, Shown, Ticket, Wanted};
use quorate_membership::{
    CertifiedHeader, ConfigurationHeader, ConfigurationPage, Delta, Message as Vouching, Nonce,
    Vouch,
};
use quorate_types::{Digest, Duration, Epoch, Instant, NodeId, Now, Peer, Signature};

use super::super::keys::derived;
use super::super::{EpochsMachine, Message, Output, ServerSeat};

/// It deposits a key to which it has no secret: that of the system.
pub(in super::super) const ROGUE_DEPOSITOR: &str = "rogue-depositor";
/// After its first crash it comes back under its id with other keys.
pub(in super::super) const REVENANT: &str = "revenant";
/// It tells one half of the servers of one next configuration and the other half of another.
pub(in super::super) const FORKED_HERALD: &str = "forked-herald";
/// It is ahead by its own word, and then far behind.
pub(in super::super) const EPOCH_BOASTER: &str = "epoch-boaster";
/// It asks others by probes to sign what it would like them to have said.
pub(in super::super) const ORACLE_SEEKER: &str = "oracle-seeker";
/// It answers at the address of a server that is gone, and has no key of it.
pub(in super::super) const IMPOSTOR: &str = "impostor";
/// It says of an attempt again what was said of the one before, also by others.
pub(in super::super) const ATTEMPT_REPLAYER: &str = "attempt-replayer";

/// Their names.
pub(super) const NAMES: [&str; 7] = [
    ROGUE_DEPOSITOR,
    REVENANT,
    FORKED_HERALD,
    EPOCH_BOASTER,
    ORACLE_SEEKER,
    IMPOSTOR,
    ATTEMPT_REPLAYER,
];

/// How often those act who act on their own.
const PERIOD: Duration = Duration::from_millis(250);
/// Letters that are remembered.
const REMEMBERED_MAX: usize = 256;
/// So many epochs ahead is who boasts.
const AHEAD: u64 = 3;

type Sent = Effect<EpochsMachine>;

/// What was to be signed: that an attempt should end, or that an epoch is the current one.
#[derive(Debug)]
enum Sought {
    Abort(AbortVote),
    Vouch(Subject, Peer),
}

/// One of them.
#[derive(Debug)]
pub(super) struct Claimant {
    name: &'static str,
    others: Vec<Peer>,
    /// What goes out with the next effects.
    waiting: Vec<(Peer, Message)>,
    /// When it acts on its own.
    next: Option<Instant>,
    /// It has crashed.
    is_back: bool,
    /// How often it has acted.
    count: u64,
    /// What it asked for, and whom, by the number of the question.
    sought: BTreeMap<u64, (NodeId, Sought)>,
    /// The attempt of which it hears, and what was said of those before it.
    attempt: Option<(Epoch, u32)>,
    letters: Vec<(Epoch, Arc<Handover>)>,
    old_letters: Vec<(Epoch, Arc<Handover>)>,
    is_old_due: bool,
}

impl Claimant {
    pub(super) const fn new(name: &'static str, others: Vec<Peer>) -> Self {
        Self {
            name,
            others,
            waiting: Vec::new(),
            next: None,
            is_back: false,
            count: 0,
            sought: BTreeMap::new(),
            attempt: None,
            letters: Vec::new(),
            old_letters: Vec::new(),
            is_old_due: false,
        }
    }

    fn flush(&mut self, effects: &mut Vec<Sent>) {
        for (to, message) in self.waiting.drain(..) {
            let to = Recipients::One(to);
            effects.push(Effect::Send { to, class: Class::Control, message });
        }
    }

    /// What becomes of something that its honest machine wants done.
    fn instead(&mut self, seat: &ServerSeat, effect: Sent) -> Vec<Sent> {
        match effect {
            Effect::Emit(Output::News(ref news)) => {
                self.learn(news);
                vec![effect]
            }
            Effect::Send { to, class, message } => {
                self.count += 1;
                let (mark, message) = self.say(seat, message);
                let mark = mark.map(Effect::Mark);
                mark.into_iter().chain([Effect::Send { to, class, message }]).collect()
            }
            Effect::Persist(_)
            | Effect::Release(_)
            | Effect::Arm { .. }
            | Effect::Disarm(_)
            | Effect::Emit(_)
            | Effect::Mark(_) => vec![effect],
        }
    }

    /// What it says instead, and the mark of it.
    fn say(&mut self, seat: &ServerSeat, message: Message) -> (Option<&'static str>, Message) {
        let honest = message.clone();
        let lie = match (self.name, message) {
            (ROGUE_DEPOSITOR, Message::Handover(epoch, said)) => {
                let rogue = rogue(seat, epoch, &said);
                rogue.map(|it| ("liar.deposited_badly", Message::Handover(epoch, Arc::new(it))))
            }
            (REVENANT, Message::Handover(epoch, said)) if self.is_back => {
                let other = relabelled(seat, &said);
                other.map(|it| ("liar.relabelled", Message::Handover(epoch, Arc::new(it))))
            }
            (REVENANT, Message::Probed(answer)) if self.is_back => signed_by_another(seat, &answer)
                .map(|it| ("liar.relabelled", Message::Probed(Arc::new(it)))),
            (FORKED_HERALD, Message::Freshness(said)) => {
                let Vouching::Configuration(page) = &*said else { return (None, honest) };
                let mut page = page.clone();
                page.certified = forged(seat, &page.certified, u64::from(page.from == FIRST));
                let page = Vouching::Configuration(page);
                Some(("liar.forked_page", Message::Freshness(Arc::new(page))))
            }
            (EPOCH_BOASTER, message) => self.boast(seat, message),
            (ATTEMPT_REPLAYER, Message::Handover(epoch, said)) => {
                self.remember(epoch, &said);
                None
            }
            _ => None,
        };
        lie.map_or((None, honest), |(mark, lie)| (Some(mark), lie))
    }

    fn boast(&self, seat: &ServerSeat, message: Message) -> Option<(&'static str, Message)> {
        let newest = seat.turnover().configuration().epoch();
        match message {
            Message::Spread(said) => {
                let Spreading::Digest(honest) = *said else { return None };
                let is_ahead = self.count.is_multiple_of(2);
                let claimed = if is_ahead { newest.get() + AHEAD } else { 0 };
                let lie = Newest { epoch: Epoch::new(claimed), hash: reversed(honest.hash) };
                let lie = Message::Spread(Arc::new(Spreading::Digest(lie)));
                Some(("liar.epoch_wrong", lie))
            }
            Message::Freshness(said) => {
                let Vouching::Configuration(_) = *said else { return None };
                let first = seat.kit().first.to_certified();
                let page = ConfigurationPage {
                    certified: first.certified,
                    from: FIRST,
                    members: first.members,
                };
                let page = Vouching::Configuration(Box::new(page));
                Some(("liar.page_old", Message::Freshness(Arc::new(page))))
            }
            Message::Ordered(..)
            | Message::Handover(..)
            | Message::Probe(_)
            | Message::Probed(_) => None,
        }
    }

    fn learn(&mut self, news: &News) {
        if let Stage::Dealing(underway) = &news.stage {
            let attempt = (news.epoch, underway.attempt.number);
            if self.attempt.is_none_or(|known| known < attempt) {
                self.old_letters.retain(|(epoch, _)| *epoch == news.epoch);
                self.attempt = Some(attempt);
                self.old_letters.append(&mut self.letters);
                self.is_old_due = true;
                // An attempt is short.
                self.next = self.next.map(|_| Instant::ZERO);
            }
        }
    }

    fn remember(&mut self, epoch: Epoch, message: &Arc<Handover>) {
        let is_of_attempt = matches!(
            **message,
            Handover::Dealing(_)
                | Handover::Acknowledgement(_)
                | Handover::Completion(_)
                | Handover::AbortVote(_)
        );
        if is_of_attempt && self.letters.len() + self.old_letters.len() < REMEMBERED_MAX {
            self.letters.push((epoch, Arc::clone(message)));
        }
    }

    /// Has another server asked to sign something, under the disguise of a probe.
    fn seek(&mut self, victim: NodeId, digest: Digest, sought: Sought) {
        self.count += 1;
        let token = self.count;
        let epoch = match &sought {
            Sought::Abort(vote) => vote.epoch,
            Sought::Vouch(subject, _) => subject.epoch,
        };
        let nonce = Nonce::new(digest);
        let wanted = Wanted::Signed { nonce, certificate: false };
        let question = Question { to: victim, epoch, ticket: Ticket { place: 0, token }, wanted };
        self.sought.insert(token, (victim, sought));
        self.waiting.push((Peer::Node(victim), Message::Probe(question)));
    }

    /// Would like every other member to have voted against the attempt.
    fn seek_aborts(&mut self, seat: &ServerSeat) {
        let Some((epoch, attempt)) = self.attempt else { return };
        let system = seat.turnover().configuration().configuration().system;
        let vote = AbortVote { system, epoch, attempt };
        for victim in self.victims() {
            let key = seat.kit().first.configuration().authority_key;
            let digest = Word { said: vote, by: victim, signature: NONE }.check(key).digest;
            self.seek(victim, digest, Sought::Abort(vote));
        }
    }

    /// Would like every other member to have vouched for the epoch before.
    fn seek_vouches(&mut self, seat: &ServerSeat, (from, nonce): (Peer, Nonce)) {
        let newest = seat.turnover().configuration().epoch();
        let Some(former) = seat.before(newest) else { return };
        let subject = Subject::of(&former, nonce);
        for member in self.victims() {
            let mut checks = Vec::new();
            let vouch = Vouch { subject, member, signature: NONE };
            if vouch.checks(&former, &mut checks).is_ok() {
                self.seek(member, checks[0].digest, Sought::Vouch(subject, from));
            }
        }
    }

    fn victims(&self) -> Vec<NodeId> {
        let id = |peer: &Peer| match peer {
            Peer::Node(id) => Some(*id),
            Peer::Client(_) => None,
        };
        self.others.iter().filter_map(id).collect()
    }

    /// Shows a signature that it got as one on what it wanted to be signed.
    fn show(&mut self, answer: &Answer) -> bool {
        let Some((victim, sought)) = self.sought.remove(&answer.ticket.token) else { return false };
        let Shown::Signature(proof) = &answer.shown else { return true };
        let signature = proof.signature;
        match sought {
            Sought::Abort(vote) => {
                let word = Word { said: vote, by: victim, signature };
                let message = Arc::new(Handover::AbortVote(word));
                for other in &self.others {
                    let message = Message::Handover(vote.epoch, Arc::clone(&message));
                    self.waiting.push((*other, message));
                }
            }
            Sought::Vouch(subject, client) => {
                let vouch = Vouching::Vouch(Vouch { subject, member: victim, signature });
                self.waiting.push((client, Message::Freshness(Arc::new(vouch))));
            }
        }
        true
    }

    /// What who took the address of another answers.
    fn impersonate(&mut self, seat: &ServerSeat, from: Peer, question: &Question) {
        let shown = match question.wanted {
            Wanted::Plain => Shown::Life,
            Wanted::Signed { nonce, .. } => {
                let signer = seat.kit().keys.signer(&derived("impostor", 0));
                let signature = signer.sign(&hash_of(Domain::ProbeAnswer, &nonce));
                Shown::Signature(Proof { signature, certificate: None })
            }
            Wanted::Accused { .. } => Shown::Life,
        };
        let answer = Answer { ticket: question.ticket, epoch: question.epoch, shown };
        self.waiting.push((from, Message::Probed(Arc::new(answer))));
    }

    /// Two next configurations, for a half of the servers each, under the signature of this one.
    fn herald(&mut self, seat: &ServerSeat, effects: &mut Vec<Sent>) {
        let newest = seat.turnover().configuration();
        let said = newest.configuration();
        for (place, other) in self.others.clone().into_iter().enumerate() {
            let mut certified = newest.to_certified().certified;
            certified.header.epoch = newest.epoch().next();
            certified.header.lineage.previous = newest.hash();
            let certified = forged(seat, &certified, place as u64 % 2);
            let keys = (0..).zip(&said.members);
            let keys = keys.filter_map(|(place, member)| Some((place, member.epoch_key?)));
            let delta = Delta {
                certified: certified.clone(),
                gone: Vec::new(),
                changed: Vec::new(),
                keys: keys.collect(),
            };
            let encoded = EncodedDelta::of(&delta).expect("few servers make a short delta");
            for chunk in encoded.chunks() {
                let message = Message::Spread(Arc::new(Spreading::Chunk(Arc::clone(chunk))));
                self.waiting.push((other, message));
            }
            let header = Spreading::Header(Box::new(certified));
            self.waiting.push((other, Message::Spread(Arc::new(header))));
        }
        effects.push(Effect::Mark("liar.forked"));
    }
}

/// Where a configuration begins.
const FIRST: NodeId = NodeId::new([0; 32]);
/// No signature.
const NONE: Signature = Signature::new([0; Signature::BYTES]);

fn reversed(digest: Digest) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes.reverse();
    Digest::new(bytes)
}

/// A header that says something else, under a signature that the system gave for another.
fn forged(seat: &ServerSeat, certified: &CertifiedHeader, which: u64) -> CertifiedHeader {
    let CertifiedHeader { header, .. } = certified.clone();
    let created = quorate_types::UnixTime::from_micros(1 + which);
    let header = ConfigurationHeader { created, ..header };
    let signature = seat.turnover().configuration().to_certified().certified.signature;
    CertifiedHeader { header, signature }
}

/// The deposit with the system's key as its own, and the proof for another. It signs that.
fn rogue(seat: &ServerSeat, epoch: Epoch, message: &Handover) -> Option<Handover> {
    let Handover::Deposit(honest) = message else { return None };
    let mut deposit = honest.clone();
    deposit.encryption_key.0 = *seat.kit().system_key.as_bytes();
    let said = (deposit.certificate.statement, deposit.encryption_key);
    let signed = hash_of(Domain::NextKeys, &said);
    deposit.signature = seat.signer(epoch.next())?.sign(&signed);
    Some(Handover::Deposit(deposit))
}

/// The deposit of another key for the next epoch under the same name.
fn relabelled(seat: &ServerSeat, message: &Handover) -> Option<Handover> {
    let Handover::Deposit(honest) = message else { return None };
    let signer = seat.kit().keys.signer(&derived("revenant", 0));
    let mut certificate = honest.certificate.clone();
    certificate.statement.epoch_key = signer.public_key();
    let decryption = quorate_threshold::DecryptionKey::derive(&quorate_threshold::Seed::new(
        derived("revenant decrypts", 0),
    ));
    let deposit = Deposit::new(certificate, &*signer, &decryption);
    let deposit = deposit.proving(honest.root_proof.clone());
    Some(Handover::Deposit(Box::new(deposit)))
}

/// The answer with the signature of another key.
fn signed_by_another(seat: &ServerSeat, answer: &Answer) -> Option<Answer> {
    let mut other = answer.clone();
    let (Shown::Signature(proof) | Shown::Rebuttal(proof)) = &mut other.shown else { return None };
    let signer = seat.kit().keys.signer(&derived("revenant", 0));
    proof.signature = signer.sign(&hash(Domain::ProbeAnswer, proof.signature.as_bytes()));
    Some(other)
}

impl Adversary<EpochsMachine> for Claimant {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(
        &mut self,
        now: Now,
        machine: &EpochsMachine,
        input: &Input<EpochsMachine>,
    ) -> Reception {
        let Some(seat) = machine.server() else { return Reception::Pass };
        if [FORKED_HERALD, ORACLE_SEEKER, ATTEMPT_REPLAYER].contains(&self.name) {
            self.next = self.next.or_else(|| Some(now.instant.after(PERIOD)));
        }
        match (self.name, input) {
            (IMPOSTOR, input) => {
                if let Input::Deliver { from, message: Message::Probe(question) } = input {
                    self.impersonate(seat, *from, question);
                }
                return Reception::Swallow;
            }
            (ATTEMPT_REPLAYER, Input::Deliver { message: Message::Handover(epoch, said), .. }) => {
                self.remember(*epoch, said);
            }
            (ORACLE_SEEKER, Input::Deliver { message: Message::Probed(answer), .. })
                if self.show(answer) =>
            {
                return Reception::Swallow;
            }
            (ORACLE_SEEKER, Input::Deliver { from, message: Message::Freshness(said) }) => {
                if let Vouching::Challenge(challenge) = &**said {
                    self.seek_vouches(seat, (*from, challenge.nonce));
                }
            }
            (EPOCH_BOASTER, Input::Deliver { from, message: Message::Freshness(said) }) => {
                if let Vouching::Challenge(challenge) = &**said {
                    let mut subject = Subject::of(seat.turnover().configuration(), challenge.nonce);
                    subject.epoch = Epoch::new(subject.epoch.get() + AHEAD);
                    if let Some(signer) = seat.signer(seat.turnover().configuration().epoch()) {
                        let vouch = Vouching::Vouch(Vouch::sign(subject, seat.id(), &*signer));
                        self.waiting.push((*from, Message::Freshness(Arc::new(vouch))));
                    }
                }
            }
            _ => {}
        }
        Reception::Pass
    }

    fn on_effects(&mut self, _: Now, machine: &EpochsMachine, effects: &mut Vec<Sent>) {
        if let Some(seat) = machine.server() {
            for effect in std::mem::take(effects) {
                effects.extend(self.instead(seat, effect));
            }
        }
        if self.name == IMPOSTOR {
            effects.clear();
        }
        self.flush(effects);
    }

    fn alarm(&self) -> Option<Instant> {
        if self.waiting.is_empty() { self.next } else { Some(Instant::ZERO) }
    }

    fn on_alarm(&mut self, now: Now, machine: &EpochsMachine, effects: &mut Vec<Sent>) {
        let is_due = self.next.is_some_and(|next| next <= now.instant);
        if let Some(seat) = machine.server().filter(|_| is_due) {
            self.next = Some(now.instant.after(PERIOD));
            match self.name {
                FORKED_HERALD => self.herald(seat, effects),
                ORACLE_SEEKER => self.seek_aborts(seat),
                _ if std::mem::take(&mut self.is_old_due) => {
                    effects.push(Effect::Mark("liar.attempt_replayed"));
                    for (epoch, message) in &self.old_letters {
                        for other in &self.others {
                            let message = Message::Handover(*epoch, Arc::clone(message));
                            self.waiting.push((*other, message));
                        }
                    }
                }
                _ => {}
            }
        }
        let mark = match self.name {
            IMPOSTOR => Some("liar.impersonated"),
            ORACLE_SEEKER => Some("liar.oracle_asked"),
            _ => None,
        };
        effects.extend(mark.filter(|_| !self.waiting.is_empty()).map(Effect::Mark));
        self.flush(effects);
    }

    fn on_restart(&mut self) {
        self.is_back = true;
        self.next = None;
        self.waiting.clear();
    }
}
