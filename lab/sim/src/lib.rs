//! Deterministic cluster.
