//! Whole epochs in the log of one group after the other, with real shares and signatures.

mod attempts;
mod cheats;
mod draws;
mod epochs;
mod founding;
mod golden;
mod harness;
mod later_root;
mod monitoring;
mod order;
mod properties;
mod refusals;
mod rotations;
mod shortlists;
mod sizes;
