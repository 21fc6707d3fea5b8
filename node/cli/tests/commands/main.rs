//! The program as its users call it.

mod ceremony;
mod dev;
mod plan;
mod support;
mod waiting;
