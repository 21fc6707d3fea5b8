//! Peer that opens TCP connections and says nothing on them, more than a server keeps (G02).

use super::{Act, Guise, Nuisance};

/// Opens this many connections.
#[derive(Clone, Copy, Debug)]
pub struct HalfOpen(pub usize);

impl Nuisance for HalfOpen {
    fn name(&self) -> &'static str {
        "half-open"
    }

    fn connections(&self) -> usize {
        self.0
    }

    fn acts(&self, _: &Guise<'_>, _: usize) -> Vec<Act> {
        vec![Act::Hold]
    }
}
