//! Byzantine participant that forges certificates: too few signers, one signer twice, strangers,
//! fewer signatures than signers, votes of two views, votes for something else (B08).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{
    Base, CheckpointCertificate, CommitCertificate, NewLeaderProof, NewView, PrepareCertificate,
    Prepared, Slots, StateChunk, ViewChange,
};
use quorate_crypto::Certificate;
use quorate_history::Prng;
use quorate_machine::Class;
use quorate_types::{Digest, Duration, Peer, ReplicaId, ReplicaSet, Signature};
use quorate_wire::{Encode, Writer, decode};

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::Reception;

const PERIOD: Duration = Duration::from_millis(100);
/// Messages with certificates that it remembers.
const REMEMBERED_MAX: usize = 32;

/// Spoils certificates and presents them as good.
#[derive(Default, Debug)]
pub(super) struct Forger {
    seen: Vec<Arc<Message>>,
}

/// A certificate with exactly these signers and signatures, whether they fit or not.
pub(super) fn raw(signers: ReplicaSet, signatures: &[Signature]) -> Certificate {
    let mut writer = Writer::default();
    signers.encode(&mut writer);
    writer.sequence(signatures);
    decode(writer.as_bytes()).expect("a certificate is a set and a list")
}

/// A certificate that must not be believed, made of a good one.
fn forged(prng: &mut Prng, quorum: usize, good: &Certificate) -> Certificate {
    let mut signed: Vec<(ReplicaId, Signature)> = good.signatures().collect();
    signed.truncate(quorum);
    let signatures = |signed: &[(ReplicaId, Signature)]| -> Vec<Signature> {
        signed.iter().map(|(_, signature)| *signature).collect()
    };
    match prng.below(5) {
        0 => {
            signed.pop();
        }
        1 => {
            let (_, first) = signed[0];
            let last = signed.len() - 1;
            signed[last].1 = first;
        }
        2 => {
            let (_, first) = signed[0];
            signed.pop();
            signed.push((ReplicaId::new(63), first));
        }
        3 => {
            let signers = signed.iter().map(|(signer, _)| *signer).collect();
            signed.pop();
            return raw(signers, &signatures(&signed));
        }
        _ => {
            let last = signed.len() - 1;
            signed[last].1 = Signature::new([0; 64]);
        }
    }
    raw(signed.iter().map(|(signer, _)| *signer).collect(), &signatures(&signed))
}

const fn carries_certificate(message: &Message) -> bool {
    matches!(
        message,
        Message::Slots(_)
            | Message::ViewChange(_)
            | Message::NewView(_)
            | Message::NewLeaderProof(_)
            | Message::StateChunk(_)
    )
}

impl Forger {
    fn remember(&mut self, context: &mut Context<'_>, message: Arc<Message>) {
        if self.seen.len() < REMEMBERED_MAX {
            self.seen.push(message);
        } else {
            let index = context.prng.index(REMEMBERED_MAX);
            self.seen[index] = message;
        }
    }
}

fn forge_change(context: &mut Context<'_>, good: &ViewChange) -> ViewChange {
    let quorum = context.group().resilience.quorum();
    let mut change = good.clone();
    change.from = context.me();
    change.base = match change.base {
        Base::Committed { cut, certificate } => {
            let forged = forged(context.prng, quorum, &certificate.certificate);
            let certificate = CommitCertificate { certificate: forged, ..certificate };
            Base::Committed { cut, certificate }
        }
        base @ (Base::Start | Base::Checkpoint { .. }) => base,
    };
    for Prepared { certificate, .. } in &mut change.prepared {
        let forged = forged(context.prng, quorum, &certificate.certificate);
        *certificate = PrepareCertificate { certificate: forged, ..certificate.clone() };
    }
    ViewChange::sign(context.group(), change, context.signer())
}

/// A message that must be refused, made of a good one.
fn forge(context: &mut Context<'_>, good: &Message) -> Option<Message> {
    let quorum = context.group().resilience.quorum();
    Some(match good {
        Message::Slots(slots) => {
            let Slots { cuts, mut certificate } = (**slots).clone();
            if context.prng.chance(200) {
                certificate.digest = Digest::new([0xcc; 32]);
            } else {
                certificate.certificate = forged(context.prng, quorum, &certificate.certificate);
            }
            Message::Slots(Arc::new(Slots { cuts, certificate }))
        }
        Message::ViewChange(change) => Message::ViewChange(Arc::new(forge_change(context, change))),
        Message::NewView(start) => {
            let mut changes = start.changes.clone();
            if context.prng.chance(500) {
                changes.pop();
            } else {
                changes[0] = changes.last().cloned()?;
            }
            let view = start.view;
            Message::NewView(Arc::new(NewView::sign(
                context.group(),
                view,
                changes,
                context.signer(),
            )))
        }
        Message::NewLeaderProof(proof) => {
            let certificate = forged(context.prng, quorum, &proof.certificate);
            Message::NewLeaderProof(NewLeaderProof { view: proof.view, certificate })
        }
        Message::StateChunk(chunk) => {
            let CheckpointCertificate { statement, certificate } = &chunk.certificate;
            let certificate = forged(context.prng, quorum, certificate);
            let certificate = CheckpointCertificate { statement: *statement, certificate };
            Message::StateChunk(Arc::new(StateChunk { certificate, ..(**chunk).clone() }))
        }
        _ => return None,
    })
}

impl Villain<Holdings> for Forger {
    fn name(&self) -> &'static str {
        "forger"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if carries_certificate(&sending.message) {
            self.remember(context, Arc::clone(&sending.message));
        }
        deeds.pass(sending);
    }

    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        _: Peer,
        message: &Message,
        _: &mut Deeds,
    ) -> Reception {
        if carries_certificate(message) {
            self.remember(context, Arc::new(message.clone()));
        }
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        if self.seen.is_empty() {
            return;
        }
        let good = Arc::clone(&self.seen[context.prng.index(self.seen.len())]);
        if let Some(forged) = forge(context, &good) {
            deeds.mark("liar.forged");
            deeds.send(context.others(), Class::Control, forged);
        }
    }
}
