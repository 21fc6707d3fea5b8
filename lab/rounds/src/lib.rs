//! Rounds over real processes, sockets and disks: the same programs that users run, with faults.
//!
//! The simulator finds more, and faster; a round finds what a simulation assumes away: the shell
//! around the machines, the operating system, the file system. What clients saw goes to the very
//! judges that judge simulated runs (`quorate-history`).
//!
//! ```text
//! clients (quorate-client) --+--> proxy 1 --> server 1   kill -9, SIGSTOP, restart
//!            recorder        +--> proxy 2 --> server 2   (servers dial each other
//!               |            +--> proxy 3 --> liar        through the proxies, too)
//!               v               delay, stall, half-close, cut
//!     history --> judges
//! ```
//!
//! A round is judged only if it did something: enough operations were acknowledged and enough
//! faults took effect, counted where they happen. Otherwise it fails as meaningless.
//!
//! | module | |
//! |---|---|
//! | [`cluster`] | servers as processes, found with the commands of users |
//! | `dev` | the process that makes and runs the servers of a whole system |
//! | `process` | the process of a server, whoever started it |
//! | [`proxy`] | between everybody and a server: sees bytes, not messages |
//! | [`plan`] | the faults of a round, drawn from a seed |
//! | [`load`] | clients, and the record of what they saw |
//! | [`judge`] | what a round is held to |
//! | [`round`] | all of it, one after the other |
//! | [`power`] | power cuts under load |
//! | [`loss`] | a round in which packets are lost |
//! | [`unattended`] | a long run over many epochs, in which servers come and go |
//! | [`crowd`] | a large system: few real servers, and many that are made up |
//! | [`network`] | machines that are network namespaces |
//! | [`page`] | a page of the documentation that is followed |
//! | [`wire`] | nuisances below every protocol, on real connections |
#![forbid(unsafe_code)]

pub mod cluster;
pub mod crowd;
mod dev;
pub mod host;
pub mod judge;
pub mod load;
pub mod loss;
pub mod metrics;
pub mod network;
pub mod page;
pub mod plan;
pub mod power;
mod process;
pub mod programs;
pub mod proxy;
pub mod recorder;
pub mod round;
pub mod scratch;
pub mod telling;
pub mod unattended;
pub mod wire;
