//! What a program needs to use a cluster.
#![forbid(unsafe_code)]

pub mod carried;
pub mod cluster_file;
pub mod explanation;
pub mod settings;
