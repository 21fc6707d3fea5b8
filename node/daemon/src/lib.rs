//! Composition root of a server.
