//! The gate and its helpers.

fn main() {}
