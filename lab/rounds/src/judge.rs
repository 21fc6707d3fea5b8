//! What a round is held to: the judges of the lab find nothing, and there was something to find.
//!
//! The history goes to the same judges as that of a simulated run: public-key objects to the zone
//! algorithm (C5), the ordered service to the search of Wing, Gong and Lowe per key (C6). What was
//! acknowledged must be readable at the end, bit for bit (C8). A round with too few operations, or
//! in which a planned fault had no effect, shows nothing, and fails as meaningless.

use std::fmt;

use quorate_history::wgl::{self, KeyValue, STEPS_MAX, Verdict};
use quorate_history::{Kind, register};

use crate::recorder::History;

/// How often each kind of fault took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// Servers that were running and were ended by SIGKILL, and served again later.
    pub kills: u64,
    /// Servers that the system showed as stopped, and that went on later.
    pub pauses: u64,
    /// Cuts that ended a connection.
    pub cuts: u64,
    /// Half-closes that shut one direction of a connection.
    pub half_closes: u64,
    /// Stalls that held bytes back.
    pub stalls: u64,
    /// Delays that made bytes come later.
    pub delays: u64,
    /// What the liar did that no honest server does.
    pub lies: u64,
    /// Packets that were dropped.
    pub packets_lost: u64,
}

/// The least that makes a round say something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demands {
    /// Operations that came to an outcome.
    pub acknowledged: usize,
    /// Of these, writes and reads of public-key objects.
    pub registers: usize,
    /// Of these, calls of the ordered service.
    pub key_value: usize,
    /// Contents stored.
    pub contents: usize,
    /// Faults that took effect, of each kind.
    pub effects: Effects,
}

/// What a round came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Operations that came to an outcome.
    pub acknowledged: usize,
    /// Operations without one.
    pub failures: usize,
    /// What the faults did.
    pub effects: Effects,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, failures, effects } = self;
        write!(f, "{acknowledged} operations acknowledged, {failures} without outcome; {effects:?}")
    }
}

/// Why a round is not passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A promise was broken.
    Broken(String),
    /// Too little happened for a judgement.
    Meaningless(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(what) => write!(f, "BROKEN: {what}"),
            Self::Meaningless(what) => write!(f, "meaningless: {what}"),
        }
    }
}

/// Everything that is wrong with a history; nothing if all promises were kept in it.
#[must_use]
pub fn violations(history: &History) -> Vec<Fault> {
    let mut faults: Vec<Fault> = history.impossible.iter().cloned().map(Fault::Broken).collect();
    for (object, violation) in register::check_per_key(history.registers.iter().copied()) {
        faults.push(Fault::Broken(format!("object {object} is no register: {violation}")));
    }
    match wgl::check_per_key(&KeyValue::<String, u64>::new(), &history.key_value, STEPS_MAX) {
        Verdict::Ok => {}
        Verdict::Violation(why) => {
            faults.push(Fault::Broken(format!("the ordered service is not linearizable: {why}")));
        }
        Verdict::Undecided { steps_max } => faults.push(Fault::Meaningless(format!(
            "the ordered service could not be judged in {steps_max} steps"
        ))),
    }
    for lost in history.contents.iter().filter(|content| !content.is_read_at_the_end) {
        faults.push(Fault::Broken(format!("{:?} was acknowledged and is lost", lost.key)));
    }
    faults
}

/// What is missing for a judgement; nothing if the round was lively enough.
#[must_use]
pub fn shortcomings(history: &History, effects: &Effects, demands: &Demands) -> Vec<Fault> {
    let returned = history.registers.iter().filter(|(_, one)| one.returned.is_some());
    let is_read = |kind: Kind| matches!(kind, Kind::Read(_));
    let reads = returned.clone().filter(|(_, one)| is_read(one.kind)).count();
    let writes = returned.count() - reads;
    let calls = history.key_value.iter().filter(|call| call.answer.is_some()).count();
    let contents = history.contents.len();
    let counts = [
        ("operations acknowledged", history.acknowledged(), demands.acknowledged),
        ("writes of objects", writes, demands.registers / 2),
        ("reads of objects", reads, demands.registers / 2),
        ("ordered calls", calls, demands.key_value),
        ("contents", contents, demands.contents),
    ];
    let wanted = &demands.effects;
    let effects = [
        ("kills", effects.kills, wanted.kills),
        ("pauses", effects.pauses, wanted.pauses),
        ("cuts", effects.cuts, wanted.cuts),
        ("half-closes", effects.half_closes, wanted.half_closes),
        ("stalls", effects.stalls, wanted.stalls),
        ("delays", effects.delays, wanted.delays),
        ("lies", effects.lies, wanted.lies),
        ("packets lost", effects.packets_lost, wanted.packets_lost),
    ];
    let counts = counts.map(|(what, is, least)| (what, is as u64, least as u64));
    let short = counts.into_iter().chain(effects).filter(|(_, is, least)| is < least);
    short.map(|(what, is, least)| Fault::Meaningless(format!("{what}: {is} of {least}"))).collect()
}

/// Judges a round.
///
/// # Errors
/// Everything that was broken, and else everything that was missing.
pub fn judge(history: &History, effects: Effects, demands: &Demands) -> Result<Summary, String> {
    let mut faults = violations(history);
    faults.extend(shortcomings(history, &effects, demands));
    let summary =
        Summary { acknowledged: history.acknowledged(), failures: history.failures.len(), effects };
    if faults.is_empty() {
        return Ok(summary);
    }
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    let failures: Vec<&str> = history.failures.iter().take(5).map(String::as_str).collect();
    Err(format!("{}\n{summary}\nwithout outcome, e.g.: {failures:#?}", lines.join("\n")))
}

#[cfg(test)]
mod tests;
