//! One file per misbehaviour.
