//! Byzantine server that shows versions which nobody wrote, and keeps values back (S02).

use quorate_dht::object::SignedStamp;
use quorate_dht::{Body, Message, Value, Versioned};
use quorate_types::Signature;

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Makes versions up.
#[derive(Default)]
pub(super) struct Fabricator {
    /// A version of another object, well signed.
    strange: Option<SignedStamp>,
}

impl Fabricator {
    /// What it shows in place of a version, and what it calls that.
    fn lie(&self, context: &mut Context<'_>, reply: &Versioned) -> (Versioned, &'static str) {
        let mut lie = reply.clone();
        let Some(signed) = &mut lie.signed else { return (lie, "liar.silent_about_version") };
        match context.prng.below(5) {
            0 => {
                signed.stamp.sequence = signed.stamp.sequence.saturating_add(1);
                (lie, "liar.fabricated")
            }
            1 => {
                signed.stamp.sequence = u64::MAX;
                signed.signature = Signature::new([0; 64]);
                (lie, "liar.fabricated")
            }
            2 => {
                let value = Value::Data(Body::new(context.prng.next_u64().to_be_bytes().to_vec()));
                signed.stamp.value = value.digest();
                lie.value = Some(value);
                (lie, "liar.fabricated")
            }
            3 => {
                lie.value = None;
                (lie, "liar.value_withheld")
            }
            _ => {
                lie.signed = self.strange.or(lie.signed);
                lie.value = None;
                (lie, "liar.strange_version")
            }
        }
    }
}

impl Villain<Holdings> for Fabricator {
    fn name(&self) -> &'static str {
        "fabricator"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::Versioned(reply) = &*sending.message else { return deeds.pass(sending) };
        if reply.signed.is_none() || context.prng.chance(200) {
            return deeds.pass(sending);
        }
        let (lie, mark) = self.lie(context, reply);
        if context.prng.chance(100) {
            self.strange = reply.signed;
        }
        deeds.mark(mark);
        deeds.pass(Sending { message: Message::Versioned(lie).into(), ..sending });
    }
}
