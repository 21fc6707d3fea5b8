//! Rounds over real processes; they need the programs beside them, built by the gate.
mod round;
mod too_many_liars;
