//! Crash-safe persistence.
