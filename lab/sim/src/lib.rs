//! Deterministic simulation of whole systems: the very same machines, one heap of events, faults,
//! adversaries, and checkers that say which promise is broken.
//!
//! A run is a function of its [`scenario::Scenario`], which is plain data and is drawn from a seed;
//! all later random draws come from the same seed, one stream per node and purpose. An *event* is
//! one `step` of one machine. Nothing ticks: idle time costs nothing.
//!
//! ```text
//! seed --System::draw--> Scenario --System::build--> Simulation --run--> Report
//!                        faults, ops                 Host + machines     events, trace hash,
//!                        links, disks, clocks        + checkers          marks, violation
//! ```
//!
//! # The law of effects, as it is simulated
//! The effects of a node happen in their order, over all steps. A `Persist` puts its record into
//! the node's log and is a barrier: what stands behind it waits until the disk has confirmed it.
//! The machine itself goes on meanwhile. One write takes the records that stand together; in the
//! scenarios with `DiskShape::is_grouped` it takes all that are queued, so that a record can
//! survive a crash that loses a send or an output in front of it. Timers, sends, outputs and marks
//! wait like everything else. `Release` drops whole segments of `DiskShape::segment_records`, so a
//! machine may find released records again; the numbering of records never starts again.
//!
//! A crash takes the machine, its timers, all effects that have not happened, and of the records
//! on their way to the disk all but a prefix. Then `Host::start` makes a machine from the records
//! that are left, and it gets `Input::Start`. Effects that happen are numbered per node from 0 over
//! all its lives: `FaultKind::CrashAt` strikes before, after or in the middle of any of them, and
//! [`crashes::enumerate`] at each in turn, and again in recovery, alone or with others.
//!
//! # Phases, faults, budget
//! In the safety phase everything may go wrong at once. At `heal_us` the core comes back: its nodes
//! restart, and what they send each other arrives within `delta_us`. Nodes outside the core stay as
//! bad as they were, adversaries most of all. Byzantine and amnesiac nodes count in their group's
//! budget (`SIM-4`), the former until the right program runs there, if a scene has that happen;
//! crashes that keep what was synced, pauses, wrong clocks and bad links do not. Each kind of fault
//! is on in half of the seeds ([`swarm`]).
//!
//! # Systems
//! | name | what runs | what only it has |
//! |---|---|---|
//! | [`toy`] | a small replicated log | an example, and the tests of the simulator itself |
//! | [`ordering`] | one replica group and its clients | every kind of liar of the engine |
//! | [`storage`] | servers of a ring and their clients | disks that rot, scrubs |
//! | [`cluster`] | servers as the daemon makes them, and their clients | founding, leases, all |
//! | [`epochs`] | servers that go from epoch to epoch | keys that come and go, real shares |
//!
//! # How to add ...
//! - **a system**: implement [`host::Host`] for one machine type (an enum, where a system has
//!   several kinds of participants), [`checker::Lens`] so that the generic checkers can read its
//!   values, and [`system::System`]; put it into [`system::SYSTEMS`]. [`toy`] is the example.
//!   A system of several kinds of machines joins them by [`part::Part`]; those of the DHT, with
//!   their disks and leases, are in [`storage::seat`], and their checkers work for any system that
//!   has a [`storage::sight::Sight`].
//!   `Host::admit` is where verification belongs; [`host::AdmitCache`] verifies a message to many
//!   nodes once. Clients are nodes too, and get their requests from the scenario's operations.
//! - **a checker**: implement [`checker::Checker`]; it may see inputs, steps, durable records,
//!   sends, outputs, crashes, starts and the end, and says `Err(Broken::new("C8", ..))`. Box it in
//!   the system's `build`. Show it fire in a test, and by a plant.
//! - **a plant**: put the bug behind a value of the machine or its host, add a [`plant::Plant`]
//!   with the checker that must find it, and switch it on in `build` by its name.
//! - **a mark**: push `Effect::Mark` where the rare thing happens, and name it in `System::marks`:
//!   a gate run that hits it fewer than ten times fails (C15).
//! - **an adversary**: implement `quorate_adversary::Adversary`; `Host::adversary` makes it by the
//!   name that [`swarm::Blueprint::adversaries`] lists.
//! - **a seed that failed**: one line in `lab/sim/seeds.txt`; gate runs take it first for ever.
//!
//! # When a run fails
//! The first line says all that there is to know, the second repeats it:
//! ```text
//! SEED=.. PROFILE=.. COMMIT=.. TRACE=<hash> EVENT=<n> TIME_US=.. INVARIANT=<id> what was seen
//!   cargo xtask sim replay --system .. --seed .. --profile .. --until <n> --trace --from ..
//! ```
//! `sim shrink` finds a small scenario that fails in the same way. A panic of a machine is
//! `INVARIANT=PANIC`. The columns of the log of events are explained by [`trace::LEGEND`].
//!
//! # Invariants
//! They stand where they are enforced: SIM-1 in `agenda`, SIM-2 in `log`, SIM-3 in `network`, SIM-4
//! in `ledger`, SIM-5 in [`trace`], SIM-6 in `simulation/executor`.
//!
//! # Not here
//! Bandwidth and processing time are free. Runs beyond the fault budget and Twins are not drawn.
//! A scheduler that aims at quorums is drawn by the profile `feud` only, of which the gate runs
//! some for one replica group ([`system::System::feuds`]) and none for whole clusters. Disks fail
//! by losing what was not synced, by amnesia, by slowness, and by rot where a system's villains
//! have a disk; errors of single writes belong to the tests of `quorate-store`.
#![forbid(unsafe_code)]

mod agenda;
pub mod checker;
pub mod clock;
pub mod cluster;
pub mod cpu;
pub mod crashes;
pub mod epochs;
mod fast;
pub mod host;
mod ledger;
mod log;
pub mod marks;
mod network;
pub mod node;
pub mod ordering;
pub mod panics;
pub mod part;
mod parties;
pub mod passages;
pub mod plant;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod seeds;
pub mod shrink;
pub mod simulation;
pub mod storage;
pub mod swarm;
pub mod system;
mod timers;
pub mod toy;
pub mod trace;
