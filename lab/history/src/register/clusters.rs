//! Groups a history into clusters, a write with the reads of its value, and finds their zones.

use super::{Moment, Violation, Zone};
use crate::operation::{Kind, Operation};

/// The zones of all clusters, or the violation that shows within one cluster or one operation.
pub(super) fn zones(history: &[Operation]) -> Result<Vec<Zone>, Violation> {
    for &operation in history {
        if operation.return_moment() < Moment::At(operation.invoked) {
            return Err(Violation::ReturnedBeforeInvoked { operation });
        }
    }
    let mut clusters = written(history)?;
    let mut initial = Zone::initial();
    for &read in history {
        let Kind::Read(result) = read.kind else { continue };
        match result {
            _ if read.returned.is_none() => {}
            None => initial.add(read),
            Some(value) => cluster_of(&mut clusters, value, read)?.add(read)?,
        }
    }
    Ok(clusters.into_iter().map(|cluster| cluster.zone).chain([initial]).collect())
}

/// A write and the zone of what is known of its cluster so far.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    value: u64,
    write: Operation,
    zone: Zone,
}

impl Cluster {
    fn new(value: u64, write: Operation) -> Self {
        Self { value, write, zone: Zone::of_write(value, write) }
    }

    fn add(&mut self, read: Operation) -> Result<(), Violation> {
        if read.return_moment() < Moment::At(self.write.invoked) {
            return Err(Violation::ReadBeforeWrite { read, write: self.write });
        }
        self.zone.add(read);
        Ok(())
    }
}

/// One cluster per written value, sorted by value.
fn written(history: &[Operation]) -> Result<Vec<Cluster>, Violation> {
    let mut clusters: Vec<Cluster> = history
        .iter()
        .filter_map(|&operation| match operation.kind {
            Kind::Write(value) => Some(Cluster::new(value, operation)),
            Kind::Read(_) => None,
        })
        .collect();
    clusters.sort_by_key(|cluster| cluster.value);
    match clusters.windows(2).find(|pair| pair[0].value == pair[1].value) {
        Some(pair) => Err(Violation::WrittenTwice { first: pair[0].write, second: pair[1].write }),
        None => Ok(clusters),
    }
}

fn cluster_of(
    clusters: &mut [Cluster],
    value: u64,
    read: Operation,
) -> Result<&mut Cluster, Violation> {
    match clusters.binary_search_by_key(&value, |cluster| cluster.value) {
        Ok(position) => Ok(&mut clusters[position]),
        Err(_) => Err(Violation::NeverWritten { read }),
    }
}
