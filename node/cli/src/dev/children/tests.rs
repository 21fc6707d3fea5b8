//! Processes are started, watched and stopped; those of others are seen by their pid files.
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Children, Condition, End};
use crate::dev::cluster::Cluster;
use crate::dev::found::Wanted;
use crate::dev::layout::Layout;
use crate::dev::testing::Scratch;
use crate::pid_file::PidFile;

/// Looks at the servers until they are as they should be.
fn wait(children: &mut Children, is_done: impl Fn(&[Condition]) -> bool) -> Vec<Condition> {
    loop {
        let conditions = children.look();
        if is_done(&conditions) {
            return conditions;
        }
        std::thread::yield_now();
    }
}

const fn down(end: End) -> Condition {
    Condition::Down { end }
}

fn cluster(scratch: &Scratch) -> Cluster {
    let wanted = Wanted { nodes: Some(4), ..Wanted::default() };
    Cluster::open_or_found(Layout::new(scratch.path()).unwrap(), &wanted).unwrap()
}

/// A stand-in for the program whose servers idle until they are told to stop.
fn idle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dev/children/idle.sh")
}

fn pids(conditions: &[Condition]) -> Vec<u32> {
    let pid = |condition: &Condition| match condition {
        Condition::Up { pid } => *pid,
        Condition::Down { end } => panic!("down: {end}"),
    };
    conditions.iter().map(pid).collect()
}

#[test]
fn a_server_that_dies_is_down_with_the_reason_and_the_others_stop_when_asked() {
    let scratch = Scratch::new();
    let mut children = Children::new(idle(), &cluster(&scratch));
    assert_eq!(children.look(), vec![down(End::NotStarted); 4]);
    std::fs::write(scratch.join("nodes/3/fails"), "").unwrap();
    children.start().unwrap();
    let up = wait(&mut children, |all| matches!(all[2], Condition::Down { .. }));
    assert_eq!(up[2], down(End::Exited(6)));
    let first = pids(&up[..1])[0];
    let script = format!("kill -KILL {first}");
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    let now = wait(&mut children, |all| all[0] != up[0]);
    assert_eq!(now[0], down(End::Killed(9)));
    assert_eq!(pids(&now[3..]), pids(&up[3..]), "the others are not touched");
    assert!(children.is_any_up());

    // Until its trap is set, the shell ends by the signal itself.
    children.signal("TERM");
    let stopped =
        wait(&mut children, |all| all.iter().all(|one| matches!(one, Condition::Down { .. })));
    assert!(!children.is_any_up());
    assert!(stopped[3] == down(End::Exited(0)) || stopped[3] == down(End::Killed(15)));
}

#[test]
fn a_server_that_somebody_else_started_is_seen_and_not_started_again() {
    let scratch = Scratch::new();
    let cluster = cluster(&scratch);
    // No program: whoever is started would fail.
    let mut children = Children::new(PathBuf::from("/nowhere/quorate"), &cluster);
    let held: Vec<_> = cluster.nodes.iter().map(|node| PidFile::hold(&node.pid).unwrap()).collect();
    children.start().unwrap();
    let own = Condition::Up { pid: std::process::id() };
    assert_eq!(children.look(), vec![own; 4]);
    drop(held);
    assert_eq!(children.look(), vec![down(End::Unseen); 4]);
    assert!(children.start().unwrap_err().text().contains("/nowhere/quorate"));
}
