//! The program as its users call it.

mod ceremony;
mod dev;
mod epoch;
mod plan;
mod support;
mod waiting;
