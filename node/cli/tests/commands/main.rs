//! The program as its users call it.

mod ceremony;
mod changes;
mod cluster;
mod dev;
mod epoch;
mod epochs;
mod plan;
mod support;
mod waiting;
