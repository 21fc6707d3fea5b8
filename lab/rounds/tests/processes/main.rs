//! Rounds over real processes; they need the programs beside them, built by the gate.
mod convicted;
mod four_machines;
mod full_disk;
mod loss;
mod power;
mod round;
mod too_many_liars;
mod wire;
