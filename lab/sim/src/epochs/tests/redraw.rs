//! The scene in which an attempt fails, as it is told when nobody crashes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use quorate_machine::RecordNumber;
use quorate_types::{Epoch, NodeId};

use super::scene;
use crate::checker::{At, Checker, Verdict};
use crate::epochs::host::EpochsHost;
use crate::epochs::system::checkers;
use crate::epochs::{EpochsMachine, Name, Record};
use crate::node::Node;
use crate::simulation::Simulation;
use crate::system::{Limits, Run};

/// The epoch whose first attempt fails.
const EPOCH: Epoch = Epoch::new(1);

/// What became durable at a server of the epoch's share and configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Share,
    /// The configuration, with a seat in its group or without.
    Seat,
    NoSeat,
    Erased,
}

type Steps = Rc<RefCell<BTreeMap<Node, Vec<Step>>>>;

/// Writes them down; finds nothing wrong.
struct Witness(Vec<NodeId>, Steps);

impl Checker<EpochsMachine> for Witness {
    fn id(&self) -> &'static str {
        "WITNESS"
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let step = if let Record::File(Name::Share(EPOCH), _) = record {
            Step::Share
        } else if let Record::Erased(Name::Share(EPOCH)) = record {
            Step::Erased
        } else if let Record::Adopted(configuration) = record
            && configuration.epoch() == EPOCH
        {
            let seat = configuration.group_member(self.0[at.node.index()]);
            if seat.is_some() { Step::Seat } else { Step::NoSeat }
        } else {
            return Ok(());
        };
        self.1.borrow_mut().entry(at.node).or_default().push(step);
        Ok(())
    }
}

#[test]
fn mem_71_in_the_scene_of_a_failed_attempt_who_has_no_seat_erases_its_share_then() {
    let scenario = scene("redraw");
    let host = EpochsHost::new(&scenario);
    let steps = Steps::default();
    let mut judges = checkers(&scenario, &host);
    judges.push(Box::new(Witness(host.servers().to_vec(), Rc::clone(&steps))));
    let report = Simulation::new(scenario, host, judges).run(&Limits::SETTLED);
    assert_eq!(report.violation, None);
    assert!(report.counts.is_complete);
    let marks = report.marks.by_name();
    assert!(marks.contains_key("handover.abort_voted"), "{marks:?}");

    let steps = steps.take();
    let outside: Vec<_> = steps.values().filter(|steps| steps.contains(&Step::NoSeat)).collect();
    let erases = [Step::Share, Step::NoSeat, Step::Erased];
    assert!(outside.iter().any(|steps| **steps == erases), "{steps:?}");
    assert!(
        outside.iter().all(|steps| **steps == erases || **steps == [Step::NoSeat]),
        "{steps:?}"
    );
}
