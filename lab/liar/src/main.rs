//! A server that lies, as a real process.

fn main() {}
