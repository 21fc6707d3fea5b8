//! Runs of the ordering engine.
