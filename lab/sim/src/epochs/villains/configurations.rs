//! Claims about what a configuration says: two of the next epoch, one for each half of the servers
//! (M10).

use std::sync::Arc;

use quorate_membership::dissemination::{EncodedDelta, Message as Spreading};
use quorate_membership::{
    CertifiedHeader, ConfigurationHeader, Delta, Message as Vouching, VerifiedConfiguration,
};
use quorate_types::{Duration, NodeId, UnixTime};

use super::super::{Message, ServerSeat};
use super::villain::{Context, Mark, PERIOD, Sending, Villain};

/// Where a configuration begins.
pub(super) const FIRST: NodeId = NodeId::new([0; 32]);

/// Tells servers of a next configuration, and clients who ask for pages of another present one.
#[derive(Debug)]
pub(super) struct ForkedHerald;

impl Villain for ForkedHerald {
    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        let Message::Freshness(said) = sending.message else { return None };
        let Vouching::Configuration(page) = Arc::make_mut(said) else { return None };
        let which = u64::from(page.from == FIRST);
        page.certified = forged(context.seat, page.certified.header.clone(), which);
        Some("liar.forked_page")
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>) {
        context.mark("liar.forked");
        let halves = [0, 1].map(|which| heralding(context.seat, which));
        for (other, half) in context.others.iter().zip(halves.iter().cycle()) {
            half.iter().for_each(|message| context.tell(*other, message.clone()));
        }
    }
}

/// A header that says something else, under a signature that the system gave for another.
fn forged(seat: &ServerSeat, header: ConfigurationHeader, which: u64) -> CertifiedHeader {
    let header = ConfigurationHeader { created: UnixTime::from_micros(1 + which), ..header };
    let CertifiedHeader { signature, .. } = newest(seat).to_certified().certified;
    CertifiedHeader { header, signature }
}

/// What tells of a next configuration.
fn heralding(seat: &ServerSeat, which: u64) -> Vec<Message> {
    let newest = newest(seat);
    let mut header = newest.to_certified().certified.header;
    header.epoch = newest.epoch().next();
    header.lineage.previous = newest.hash();
    let certified = forged(seat, header, which);
    let keys = (0..).zip(&newest.configuration().members);
    let keys = keys.filter_map(|(place, member)| Some((place, member.epoch_key?)));
    let delta = Delta {
        certified: certified.clone(),
        gone: Vec::new(),
        changed: Vec::new(),
        keys: keys.collect(),
    };
    let encoded = EncodedDelta::of(&delta).expect("few servers make a short delta");
    let chunks = encoded.chunks().iter().map(|chunk| Spreading::Chunk(Arc::clone(chunk)));
    let said = chunks.chain([Spreading::Header(Box::new(certified))]);
    said.map(|message| Message::Spread(Arc::new(message))).collect()
}

fn newest(seat: &ServerSeat) -> &VerifiedConfiguration {
    seat.turnover().configuration()
}
