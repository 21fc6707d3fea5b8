//! Drives any machine.
