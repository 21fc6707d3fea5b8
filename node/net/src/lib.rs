//! Framing, sessions, peers, back-pressure.
