//! Composition root of a server.

pub mod addresses;
pub mod configuration;
pub mod crowd;
pub mod epochs;
pub mod error;
mod failure;
pub mod founding;
pub mod giving_up;
pub mod heap;
pub mod host;
mod joining;
pub mod keys;
mod limits;
mod making;
pub mod metrics;
pub mod monitoring;
pub mod names;
pub mod run;
pub mod server;

pub use quorate_runtime::descriptors;
pub use run::run;
