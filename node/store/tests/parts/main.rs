//! Everything but the log, on a real file system.

mod blobs;
mod critical;
mod directory;
mod image;
mod keys;
mod objects;
mod scratch;
