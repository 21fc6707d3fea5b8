//! Bad servers of this system, by name. Most stand between the honest machines of their server and
//! the world; some are bad within, where their policy or their seat is.
//!
//! - [`letters`]: villains of the handover that know letters and no server;
//! - [`silent`]: those who leave, or keep things to themselves;
//! - [`mod@villain`] and [`liar`]: what liars have in common, and who carries them; and a file for
//!   each thing that they claim: [`keys`], [`configurations`], [`epochs`], the [`statements`] and
//!   the [`lives`] of others, [`attempts`], and dealings ([`dealers`]).

use quorate_adversary::{Adversary, handover};
use quorate_history::Prng;
use quorate_types::{Duration, Peer};

use super::EpochsMachine;
use attempts::AttemptReplayer;
use configurations::ForkedHerald;
use dealers::{BadDealer, Cheat, Copyist, GrudgeDealer};
use epochs::{EpochBoaster, LateVoucher};
use keys::{Revenant, RogueDepositor};
use liar::Liar;
use lives::Impostor;
use silent::{Keeper, Leaver};
use statements::OracleSeeker;
use villain::Villain;

mod attempts;
mod configurations;
mod dealers;
mod epochs;
mod keys;
mod letters;
mod liar;
mod lives;
mod silent;
mod statements;
mod villain;

/// Its epochs are over at once, and it votes so: the policy of its participants says it.
pub(super) const EARLY_ENDER: &str = "early-ender";
/// It gives up every attempt at once, likewise.
pub(super) const EARLY_ABORTER: &str = "early-aborter";
/// It cheats a recipient of its dealings: its seat has the vice.
pub(super) const BAD_DEALER: &str = "bad-dealer";
/// It fills the log with bad certificates and noise: its seat has the vice.
pub(super) const FLOODER: &str = "flooder";
/// It calls every other server silent: its seat has the vice.
pub(super) const FRAMER: &str = "framer";
/// It calls every other server alive: its seat has the vice.
pub(super) const FLATTERER: &str = "flatterer";

/// It says nothing to anybody about the ends of epochs and in the groups.
const MUTE: &str = "mute";
/// It brings its keys for the next epoch, and says nothing about dealings: not that it holds one,
/// and not that it has its share.
pub(super) const IDLER: &str = "idler";
/// Nobody gets its keys for the next epoch, which whoever delays what others send can do to good
/// servers. There are so many of it outside the first group that too few are left to draw from.
pub(super) const HELD_BACK: &str = "held-back";
/// It brings its keys for the next epoch, and is gone when it is drawn. There are two of it outside
/// the first group: an attempt may come to nothing, and none of the old group is bad.
pub(super) const DESERTER: &str = "deserter";
/// It is there, and then gone for good.
pub(super) const GONE: &str = "gone";

/// It deposits a key to which it has no secret: that of the system.
pub(super) const ROGUE_DEPOSITOR: &str = "rogue-depositor";
/// After its first crash it comes back under its id with other keys.
pub(super) const REVENANT: &str = "revenant";
/// It tells one half of the servers of one next configuration and the other half of another.
pub(super) const FORKED_HERALD: &str = "forked-herald";
/// It vouches for the epoch before to whoever asks, also when that is over.
const LATE_VOUCHER: &str = "late-voucher";
/// It is ahead by its own word, and then far behind.
pub(super) const EPOCH_BOASTER: &str = "epoch-boaster";
/// It asks others by probes to sign what it would like them to have said.
pub(super) const ORACLE_SEEKER: &str = "oracle-seeker";
/// It answers at the address of a server that is gone, and has no key of it.
pub(super) const IMPOSTOR: &str = "impostor";
/// It says of an attempt again what was said of the one before, also by others.
pub(super) const ATTEMPT_REPLAYER: &str = "attempt-replayer";
/// It says nothing at all about ends of epochs to one other server, and all to everybody else.
pub(super) const GRUDGE_DEALER: &str = "grudge-dealer";
/// Its polynomial is of one degree too many, and right otherwise.
pub(super) const TALL_DEALER: &str = "tall-dealer";
/// It deals a secret of its choice and not its share, so that another key would come out.
pub(super) const KEY_BENDER: &str = "key-bender";
/// It deals its share in two ways, each right, to half of the recipients each.
pub(super) const HALVES_DEALER: &str = "halves-dealer";

/// It seals with the point of another dealer, and nothing that anybody is owed.
pub(super) const COPYIST: &str = "copyist";

/// How long those stay who leave.
pub(super) const STAY: Duration = Duration::from_millis(1_000);

/// A name, and how to make who has it.
type Entry<Make> = (&'static str, Make);
type Silent = fn(&'static str) -> Box<dyn Adversary<EpochsMachine>>;
type Lying = fn() -> Box<dyn Villain>;

const SILENT: [Entry<Silent>; 5] = [
    (MUTE, |name| Box::new(Keeper::of_all_about_groups(name))),
    (IDLER, |name| Box::new(Keeper::of_all_about_dealings(name))),
    (HELD_BACK, |name| Box::new(Keeper::of_its_keys(name))),
    (DESERTER, |name| Box::new(Leaver::new(name, "liar.deserted"))),
    (GONE, |name| Box::new(Leaver::new(name, "liar.gone"))),
];

const LIARS: [Entry<Lying>; 19] = [
    (EARLY_ENDER, || Box::new(BadWithin)),
    (EARLY_ABORTER, || Box::new(BadWithin)),
    (BAD_DEALER, || Box::new(BadWithin)),
    (FLOODER, || Box::new(BadWithin)),
    (FRAMER, || Box::new(BadWithin)),
    (FLATTERER, || Box::new(BadWithin)),
    (ROGUE_DEPOSITOR, || Box::new(RogueDepositor)),
    (REVENANT, || Box::new(Revenant::default())),
    (FORKED_HERALD, || Box::new(ForkedHerald)),
    (LATE_VOUCHER, || Box::new(LateVoucher)),
    (EPOCH_BOASTER, || Box::new(EpochBoaster::default())),
    (ORACLE_SEEKER, || Box::new(OracleSeeker::default())),
    (IMPOSTOR, || Box::new(Impostor)),
    (ATTEMPT_REPLAYER, || Box::new(AttemptReplayer::default())),
    (GRUDGE_DEALER, || Box::new(GrudgeDealer)),
    (TALL_DEALER, || Box::new(BadDealer::new(Cheat::Tall))),
    (KEY_BENDER, || Box::new(BadDealer::new(Cheat::Bent))),
    (HALVES_DEALER, || Box::new(BadDealer::new(Cheat::Halves))),
    (COPYIST, || Box::new(Copyist::default())),
];

/// What leaves its server is what its machines say.
#[derive(Debug)]
struct BadWithin;

impl Villain for BadWithin {}

/// Those of this system that may be drawn, behind those of the handover.
const DRAWN: [&str; 10] = [
    BAD_DEALER,
    DESERTER,
    EARLY_ENDER,
    EARLY_ABORTER,
    FLOODER,
    FRAMER,
    GONE,
    IDLER,
    LATE_VOUCHER,
    MUTE,
];

/// Names of everybody who may be drawn to be bad. The others are named by tests alone, each of
/// which brings about the occasion for one of them: were they drawn, every seed would have other
/// feuds.
pub(super) fn names() -> Vec<&'static str> {
    handover::NAMES.iter().copied().chain(DRAWN).collect()
}

/// The villain with this name; `others` are the servers that it talks to.
///
/// # Panics
/// If there is none.
pub(super) fn villain(
    name: &str,
    others: Vec<Peer>,
    prng: Prng,
) -> Box<dyn Adversary<EpochsMachine>> {
    if let Some((name, silent)) = SILENT.iter().find(|(known, _)| *known == name) {
        return silent(name);
    }
    if let Some((name, villain)) = LIARS.iter().find(|(known, _)| *known == name) {
        return Box::new(Liar::new(name, villain(), others));
    }
    letters::villain(name, others, prng)
}
