//! M04: servers that leave and come again under names of their choice are drawn as often as others.

use quorate_membership::election::{elect, node_id};
use quorate_types::{Digest, IdentityKey, NodeId, Resilience};

use super::{SYSTEM, beacon};

const SERVERS: u8 = 16;
const BAD: u8 = 5;
const SEATS: u8 = 4;
/// Identity keys among which a bad server chooses.
const CHOICES: u16 = 4;
const EPOCHS: u32 = 100_000;

/// How far a sum of many draws may be from its mean, in its standard deviations: further by chance
/// once in two million runs, and the draws here are the same in every run.
const DEVIATIONS_MAX: i128 = 5;

/// Did the bad ones get as many seats in so many draws as the lot has for them, up to so many
/// standard deviations of their number (hypergeometric distribution)?
fn is_fair(total: u32, draws: u32, deviations: i128) -> bool {
    let [all, bad, seats] = [SERVERS, BAD, SEATS].map(i128::from);
    let (total, draws) = (i128::from(total), i128::from(draws));
    let off = total * all - draws * seats * bad;
    let variance = draws * seats * bad * (all - bad) * (all - seats);
    off.pow(2) * (all - 1) < deviations.pow(2) * variance
}

/// The ids of servers in one epoch.
struct Crowd {
    good: Vec<NodeId>,
    bad: Vec<NodeId>,
}

impl Crowd {
    /// All keep their names but one of the bad, another in each epoch: it comes with the key that
    /// would be drawn first by the randomness that it knows; its id follows from that of its
    /// admission.
    fn of(epoch: u32, known: Digest, admission: Digest) -> Self {
        let key = |server: u8, choice: u16| {
            let name = [&[server][..], &epoch.to_be_bytes(), &choice.to_be_bytes()].concat();
            let hash = quorate_crypto::hash(quorate_crypto::Domain::Identity, &name);
            IdentityKey::new(*hash.as_bytes())
        };
        let wins = |ids: Vec<NodeId>| {
            let one = Resilience::new(1).expect("f is 1");
            elect((known, 0), ids, one).expect("as many as a group")[0]
        };
        let newcomer = (epoch % u32::from(BAD)).to_le_bytes()[0];
        let bad = |server: u8| match server == newcomer {
            true => {
                wins((0..CHOICES).map(|it| node_id(SYSTEM, key(server, it), admission)).collect())
            }
            false => NodeId::new([server; 32]),
        };
        let good = (BAD..SERVERS).map(|server| NodeId::new([server; 32])).collect();
        Self { good, bad: (0..BAD).map(bad).collect() }
    }

    /// Bad servers in the group that this randomness draws.
    fn drawn(&self, randomness: Digest) -> u32 {
        let one = Resilience::new(1).expect("f is 1");
        let all = self.good.iter().chain(&self.bad).copied();
        let group = elect((randomness, 0), all, one).expect("there are enough servers");
        group.iter().map(|id| u32::from(self.bad.contains(id))).sum()
    }
}

#[test]
fn m04_who_chooses_its_name_before_the_freeze_is_drawn_no_more_often() {
    // The latest that they can know: with their changes frozen, another randomness draws.
    let epoch = |epoch| Crowd::of(epoch, beacon(epoch), beacon(epoch)).drawn(beacon(epoch + 1));
    let total = (0..EPOCHS).map(epoch).sum();
    assert!(is_fair(total, EPOCHS, DEVIATIONS_MAX), "{total} seats");
}

#[test]
fn m04_who_knew_the_draw_would_be_drawn_more_often() {
    let epochs = 4_000;
    let epoch = |epoch| {
        let draw = beacon(epoch + 1);
        Crowd::of(epoch, draw, beacon(epoch)).drawn(draw)
    };
    let total = (0..epochs).map(epoch).sum();
    assert!(!is_fair(total, epochs, 2 * DEVIATIONS_MAX), "{total} seats");
}
