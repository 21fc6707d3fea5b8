//! The program as its users call it.

mod away;
mod ceremony;
mod changes;
mod clocks;
mod cluster;
mod condition;
mod dev;
mod epoch;
mod epochs;
mod evictions;
mod founding;
mod group;
mod plan;
mod replace;
mod roots;
mod support;
mod waiting;
