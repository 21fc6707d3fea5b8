//! What is shown is what has changed.
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use serde_json::Value;

use super::{Screen, Style};
use crate::dev::children::{Condition, End};
use crate::dev::cluster::{Cluster, DevNode};
use crate::dev::layout::Layout;
use crate::dev::testing::Scratch;

fn cluster(scratch: &Scratch) -> Cluster {
    let node = |number: u16| DevNode {
        number,
        listen: format!("127.0.0.1:{}", 4000 + number).parse().unwrap(),
        metrics: format!("127.0.0.1:{}", 5000 + number).parse().unwrap(),
        file: PathBuf::from(format!("/d/nodes/{number}/node.toml")),
        pid: PathBuf::from(format!("/d/nodes/{number}/pid")),
        log: PathBuf::from(format!("/d/nodes/{number}/log")),
    };
    let layout = Layout::new(scratch.path()).unwrap();
    let nodes = (1..=2).map(node).collect();
    Cluster { layout, nodes, founders: 2, f: 1, f_ms: 1, is_resumed: true }
}

const UP: Condition = Condition::Up { pid: 77 };

const fn down(end: End) -> Condition {
    Condition::Down { end }
}

const ROW_1: &str = "node   1  up    pid 77       127.0.0.1:4001  metrics http://127.0.0.1:5001";

#[test]
fn lines_tell_what_changed() {
    let scratch = Scratch::new();
    let cluster = cluster(&scratch);
    let mut screen =
        Screen { cluster: &cluster, style: Style::Lines, shown: Vec::new(), added: Vec::new() };
    assert_eq!(
        screen.draw(&[UP, down(End::Exited(0))]),
        format!("{ROW_1}\nnode   2  down  stopped")
    );
    screen.shown = vec![UP, down(End::Exited(0))];
    assert_eq!(
        screen.draw(&[UP, down(End::Killed(9))]),
        "node   2  down  killed by signal 9; see /d/nodes/2/log; \
         back with: quorate node run --config /d/nodes/2/node.toml"
    );
    let removed = End::of(ExitStatus::from_raw(16 << 8));
    let told = screen.draw(&[UP, down(removed.clone())]);
    assert_eq!(told, format!("node   2  down  {removed}; see /d/nodes/2/log"));
    let damaged = End::of(ExitStatus::from_raw(12 << 8)).to_string();
    assert!(damaged.starts_with("exit code 12: stored bytes are damaged"), "{damaged}");
}

#[test]
fn a_table_is_drawn_again_in_its_place() {
    let scratch = Scratch::new();
    let cluster = cluster(&scratch);
    let mut screen =
        Screen { cluster: &cluster, style: Style::Table, shown: Vec::new(), added: Vec::new() };
    let conditions = [UP, down(End::Unseen)];
    let rows = format!("{ROW_1}\nnode   2  down  ended\n1 of 2 servers run");
    let expected = format!("\u{1b}[?7l{rows}\u{1b}[?7h");
    assert_eq!(screen.draw(&conditions), expected);
    screen.shown = conditions.to_vec();
    assert_eq!(screen.draw(&conditions), format!("\u{1b}[3A\u{1b}[J{expected}"));
    assert!(screen.headline().starts_with("resumed cluster of 2 servers (f=1, f_ms=1) in "));
}

#[test]
fn json_has_one_object_per_line() {
    let scratch = Scratch::new();
    let cluster = cluster(&scratch);
    let screen =
        Screen { cluster: &cluster, style: Style::Json, shown: vec![UP, UP], added: Vec::new() };
    let line: Value = serde_json::from_str(&screen.draw(&[UP, down(End::Exited(0))])).unwrap();
    assert_eq!((&line["node"], &line["state"]), (&Value::from(2), &Value::from("down")));
    assert_eq!((&line["pid"], &line["why"]), (&Value::Null, &Value::from("stopped")));
    let head: Value = serde_json::from_str(&screen.headline()).unwrap();
    assert_eq!((&head["nodes"], &head["is_resumed"]), (&Value::from(2), &Value::from(true)));
}
