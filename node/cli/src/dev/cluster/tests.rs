//! A directory is one cluster for ever: founded once, then resumed as it is.
use std::fs;
use std::os::unix::fs::PermissionsExt;

use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::founding::Loaded;

use super::Cluster;
use crate::dev::found::Wanted;
use crate::dev::layout::Layout;
use crate::dev::testing::Scratch;
use crate::exit::Exit;
use crate::failure::Failure;

const NOTHING: Wanted =
    Wanted { nodes: None, f: None, f_ms: None, epoch_seconds: None, epoch_changes: None };
const FOUR: Wanted = Wanted { nodes: Some(4), ..NOTHING };

fn open(scratch: &Scratch, wanted: Wanted) -> Result<Cluster, Failure> {
    Cluster::open_or_found(Layout::new(&scratch.join("cluster"))?, &wanted)
}

#[test]
fn a_new_cluster_has_all_that_its_servers_need_to_make_the_key_and_no_key() {
    let scratch = Scratch::new();
    let cluster = open(&scratch, FOUR).unwrap();
    assert!(!cluster.is_resumed);
    assert_eq!((cluster.nodes.len(), cluster.f, cluster.f_ms), (4, 1, 1));
    for node in &cluster.nodes {
        let configuration = NodeConfiguration::read(&node.file).unwrap();
        let Loaded::Founding(founder) = Loaded::load(&configuration).unwrap() else {
            panic!("nobody has made the key");
        };
        let genesis = founder.genesis.configuration();
        assert_eq!(genesis.member(founder.id).unwrap().address, node.listen.to_string());
        assert!(node.listen.ip().is_loopback() && node.listen != node.metrics);
        assert!(configuration.data.starts_with(scratch.join("cluster/nodes")));
    }
    assert!(!cluster.layout.cluster_file().exists(), "it names the key");
    assert_eq!(fs::read_dir(scratch.join("cluster/founding")).unwrap().count(), 1);
    assert!(!scratch.join("cluster/unfinished").exists());
    let key = scratch.join("cluster/authority/authority.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_same_directory_is_the_same_cluster_with_the_same_ports() {
    let scratch = Scratch::new();
    let first = open(&scratch, FOUR).unwrap();
    let again = open(&scratch, NOTHING).unwrap();
    assert!(again.is_resumed);
    assert_eq!(again.nodes, first.nodes);
    assert_eq!(open(&scratch, FOUR).unwrap().nodes, first.nodes);
}

#[test]
fn the_epochs_of_a_cluster_last_as_long_as_they_did() {
    let scratch = Scratch::new();
    let twenty = Wanted { epoch_seconds: Some(20), epoch_changes: Some(3), ..FOUR };
    open(&scratch, twenty).unwrap();
    assert!(open(&scratch, twenty).unwrap().is_resumed);
    assert!(open(&scratch, NOTHING).unwrap().is_resumed);
    let longer = Wanted { epoch_seconds: Some(30), ..NOTHING };
    let failure = open(&scratch, longer).unwrap_err();
    assert!(failure.text().contains("with 20, not 30: --epoch-seconds: "), "{}", failure.text());
}

#[test]
fn a_cluster_does_not_change_its_size_by_being_asked() {
    let scratch = Scratch::new();
    open(&scratch, FOUR).unwrap();
    let asked = [
        (Wanted { nodes: Some(7), ..NOTHING }, "with 4, not 7: --nodes"),
        (Wanted { f: Some(2), ..NOTHING }, "with 1, not 2: --f: "),
        (Wanted { f_ms: Some(3), ..NOTHING }, "with 1, not 3: --f-ms: "),
        (Wanted { epoch_seconds: Some(20), ..NOTHING }, "with 0, not 20: --epoch-seconds: "),
        (Wanted { epoch_changes: Some(3), ..NOTHING }, "not 3: --epoch-changes: "),
    ];
    for (wanted, text) in asked {
        let failure = open(&scratch, wanted).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.text().contains(text), "{}", failure.text());
    }
}

#[test]
fn a_directory_with_other_things_is_left_alone() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("cluster")).unwrap();
    fs::write(scratch.join("cluster/letter"), "dear").unwrap();
    let failure = open(&scratch, FOUR).unwrap_err();
    assert_eq!(failure.exit(), Exit::Exists);
    assert_eq!(fs::read_dir(scratch.join("cluster")).unwrap().count(), 1);
}

#[test]
fn what_a_failed_call_left_behind_does_not_stop_the_next() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.join("cluster/unfinished/authority")).unwrap();
    fs::write(scratch.join("cluster/unfinished/authority/authority.key"), "half").unwrap();
    assert_eq!(open(&scratch, FOUR).unwrap().nodes.len(), 4);
}

#[test]
fn whoever_is_interrupted_while_the_cluster_is_moved_to_its_place_can_go_on() {
    let parts = ["authority", "nodes", "founding"];
    for moved in 0..=parts.len() {
        let scratch = Scratch::new();
        let first = open(&scratch, FOUR).unwrap();
        let unfinished = first.layout.unfinished();
        fs::create_dir(&unfinished).unwrap();
        for part in parts.iter().skip(moved) {
            fs::rename(first.layout.root().join(part), unfinished.join(part)).unwrap();
        }
        let again = open(&scratch, NOTHING).unwrap();
        assert_eq!(again.nodes, first.nodes, "{moved} parts had been moved");
        assert!(!unfinished.exists());
    }
}

#[test]
fn too_few_servers_or_a_wrong_f_found_nothing() {
    let scratch = Scratch::new();
    let asked = [
        (Wanted { f: Some(2), ..FOUR }, "4 servers, at least 7 are needed for --f 2: --nodes: "),
        (Wanted { nodes: Some(0), ..NOTHING }, "0 servers, at least 4 are needed for --f 1"),
        (Wanted { nodes: Some(257), ..NOTHING }, "give 4 to 256 nodes"),
        (Wanted { f_ms: Some(0), ..FOUR }, "f from 1 to 21: --f-ms: "),
    ];
    for (wanted, text) in asked {
        let failure = open(&scratch, wanted).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.text().contains(text), "{}", failure.text());
        assert_eq!(fs::read_dir(scratch.join("cluster")).unwrap().count(), 0);
    }
}

#[test]
fn a_cluster_whose_genesis_was_changed_is_not_run() {
    let scratch = Scratch::new();
    let cluster = open(&scratch, FOUR).unwrap();
    let genesis = cluster.layout.genesis();
    let mut bytes = fs::read(&genesis).unwrap();
    bytes[100] ^= 1;
    fs::write(&genesis, bytes).unwrap();
    assert_eq!(open(&scratch, NOTHING).unwrap_err().exit(), Exit::Damaged);
}
