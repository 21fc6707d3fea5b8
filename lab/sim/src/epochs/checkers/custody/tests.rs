//! Which attempt a server is in, as far as the checker has seen.

use quorate_types::{Digest, Epoch};

use super::Custody;
use crate::epochs::disk::Disks;
use crate::node::Node;

#[test]
fn c7_who_reads_its_log_again_is_still_in_the_latest_attempt() {
    let mut custody = Custody::new((Vec::new(), Disks::default()));
    let place = (Node::new(1), Epoch::ZERO.next());
    let [first, second, third] = [1, 2, 3].map(|byte| Digest::new([byte; 32]));
    let mut after = |received| {
        custody.note_attempt(place, received);
        custody.present[&place]
    };
    assert_eq!(after((1, first)), first);
    assert_eq!(after((2, second)), second);
    assert_eq!(after((1, first)), second, "once more, from the beginning");
    assert_eq!(after((2, second)), second);
    assert_eq!(after((3, third)), third);
}
