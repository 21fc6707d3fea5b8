//! Deterministic simulation of whole systems of machines, with faults, adversaries and checkers.
#![forbid(unsafe_code)]

mod agenda;
pub mod checker;
pub mod clock;
pub mod cpu;
pub mod crashes;
mod fast;
pub mod host;
mod ledger;
mod log;
pub mod marks;
mod network;
pub mod node;
pub mod ordering;
pub mod panics;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod seeds;
pub mod shrink;
pub mod simulation;
pub mod swarm;
pub mod system;
mod timers;
pub mod toy;
pub mod trace;
