//! Byzantine server that gives each client a configuration of its own (an equivocated
//! configuration): with other members, with itself in the group, or of a later epoch, and with the
//! only signature that it has, the one on the true header.

use std::sync::Arc;

use quorate_crypto::{Domain, hash_of};
use quorate_history::Prng;
use quorate_membership::{ConfigurationPage, Message};

use super::{Context, Deeds, Holdings, Sending, Villain};

/// What is forged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Forgery {
    /// A member has another address; the header is the true one.
    Members,
    /// The header names another group.
    Group,
    /// The header is of the next epoch, and says that it follows the true one.
    Epoch,
}

/// Forges every configuration that its server gives.
#[derive(Debug)]
pub(super) struct ConfigurationForger {
    next: usize,
}

const FORGERIES: [Forgery; 3] = [Forgery::Members, Forgery::Group, Forgery::Epoch];

impl ConfigurationForger {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { next: prng.index(FORGERIES.len()) }
    }
}

fn forge(context: &mut Context<'_>, page: &ConfigurationPage, forgery: Forgery) -> Message {
    let mut page = page.clone();
    let header = &mut page.certified.header;
    match forgery {
        Forgery::Members => {
            if let Some(member) = page.members.first_mut().map(Arc::make_mut) {
                member.address = format!("localhost:{}", 1 + context.prng.below(60_000));
            }
        }
        Forgery::Group => {
            let others = page.members.iter().map(|member| member.id);
            let mut outside = others.filter(|id| !header.membership_group.contains(id));
            let place = context.prng.index(header.membership_group.len());
            match outside.next() {
                Some(outsider) => header.membership_group[place] = outsider,
                None => header.membership_group.rotate_left(1 + place / 2),
            }
        }
        Forgery::Epoch => {
            header.lineage.previous = context.holdings.configuration.hash();
            header.lineage.randomness = hash_of(Domain::Derivation, &context.prng.below(u64::MAX));
            header.epoch = header.epoch.next();
        }
    }
    Message::Configuration(Box::new(page))
}

impl Villain<Holdings> for ConfigurationForger {
    fn name(&self) -> &'static str {
        "configuration-forger"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::Configuration(page) = &*sending.message else { return deeds.pass(sending) };
        let forged = forge(context, page, FORGERIES[self.next]);
        self.next = (self.next + 1) % FORGERIES.len();
        deeds.mark("liar.configuration_forged");
        deeds.pass(Sending { message: Arc::new(forged), ..sending });
    }
}
