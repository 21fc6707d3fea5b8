//! Judges of recorded histories.
