//! A cluster file comes back as it was written, and each mistake in one is named.
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_membership::LeaseRule;
use quorate_threshold as threshold;
use quorate_types::{IdentityKey, PublicKey, SystemId};

use super::{ClientFiles, ClusterFile, ServerContact, parse_address, parse_system_key};
use crate::carried::from_hex;
use crate::explanation::Kind;
use crate::settings::{ConfigurationError, Source};

/// The generator of the group: a point that is a key.
const SYSTEM_KEY: &str = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e8\
                          3ff97a1aeffb3af00adb22c6bb";

fn cluster() -> ClusterFile {
    let server = |number: u8| ServerContact {
        identity_key: IdentityKey::new([number; 32]),
        address: format!("server-{number}.example:4700"),
    };
    let bytes = from_hex(SYSTEM_KEY).unwrap();
    ClusterFile {
        system: SystemId::new([7; 32]),
        system_key: threshold::PublicKey::decode(&bytes).unwrap(),
        authority_key: PublicKey::new([8; 32]),
        epoch: None,
        servers: vec![server(1), server(2)],
        client: Some(ClientFiles {
            key: PathBuf::from("/etc/quorate/client.key"),
            certificate: PathBuf::from("/elsewhere/client.certificate"),
        }),
    }
}

fn text() -> String {
    cluster().to_text(Path::new("/etc/quorate"))
}

fn parse(text: &str) -> Result<ClusterFile, ConfigurationError> {
    ClusterFile::parse(Source { file: Path::new("/etc/quorate/cluster.toml"), text })
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_cluster_file_comes_back_with_paths_relative_to_it() {
    assert!(text().contains("client_key = \"client.key\"\n"), "{}", text());
    assert_eq!(parse(&text()), Ok(cluster()));
    let without = ClusterFile { client: None, ..cluster() };
    assert_eq!(parse(&without.to_text(Path::new(""))), Ok(without));
}

#[test]
fn a_length_of_epochs_that_cannot_be_is_named_with_its_place_and_what_helps() {
    let file = Path::new("/etc/quorate/cluster.toml");
    let wrong = |epoch: Option<u64>, lasted| {
        let of = ClusterFile { epoch: epoch.map(Duration::from_secs), ..cluster() };
        of.wrong_epoch(file, Duration::from_secs(lasted))
    };
    let right = [(3_600, 900), (3_600, 3_601), (3_600, 14_400), (5, 2), (5, 20), (60, 15)];
    for (epoch, lasted) in right {
        assert_eq!(wrong(Some(epoch), lasted), None, "it says {epoch}, and one lasted {lasted}");
    }
    assert_eq!([wrong(None, 300), wrong(None, 3_600)], [None, None], "leases are the usual ones");
    for (epoch, lasted) in [(3_600, 899), (3_600, 14_401), (5, 1), (5, 21)] {
        let said = wrong(Some(epoch), lasted).unwrap();
        assert_eq!((said.kind, said.code), (Kind::Configuration, "epoch-length"));
        let both = format!("says that epochs last {epoch} s, and the one before lasted {lasted} s");
        assert!(said.what.contains(&both), "{said}");
        assert_eq!(said.place, "/etc/quorate/cluster.toml: epoch_seconds");
        assert!(said.remedy.contains("node.toml"), "{said}");
    }
    let said = wrong(None, 20).unwrap();
    assert!(said.what.contains("does not say") && said.what.contains("20 s"), "{said}");
}

#[test]
fn leases_follow_the_length_of_epochs_that_the_file_says() {
    assert_eq!(cluster().lease_rule(), LeaseRule::default());
    let minute = ClusterFile { epoch: Some(Duration::from_secs(60)), ..cluster() };
    let read = parse(&minute.to_text(Path::new(""))).unwrap();
    assert_eq!(read, minute);
    assert_eq!(read.lease_rule().length(), quorate_types::Duration::from_secs(15));
    let short = minute.to_text(Path::new("")).replace("\"60\"", "\"4\"");
    assert!(message(&short).contains("has no time to end: /etc/quorate/cluster.toml:5"), "{short}");
}

#[test]
fn more_servers_than_links_are_made_for_are_refused_at_the_first_too_many() {
    let contact = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let address = format!("server-{number}.example:4700");
        ServerContact { identity_key: IdentityKey::new(bytes), address }
    };
    let listing = |count: usize| {
        let servers = (0..count).map(contact).collect();
        ClusterFile { servers, ..cluster() }.to_text(Path::new("/etc/quorate"))
    };
    assert_eq!(parse(&listing(1024)).map(|file| file.servers.len()), Ok(1024));
    let told = message(&listing(1025));
    assert_eq!(
        told,
        "wrong value of `servers.address`: it is one server more than the 1024 that can be listed: \
         /etc/quorate/cluster.toml:4106: list some servers of the system, not all"
    );
}

#[test]
fn each_mistake_names_the_key_the_line_and_the_remedy() {
    let copy =
        "copy the line from the cluster.toml that `quorate system-key` or `quorate dev` wrote";
    let golden = [
        (
            text().replace("authority_key", "autority_key"),
            "unknown key `autority_key`: /etc/quorate/cluster.toml:4: \
             did you mean `authority_key`?"
                .to_owned(),
        ),
        (
            text().replace("system_key = \"97", "system_key = \""),
            "wrong value of `system_key`: it has 94 characters, not 96: \
             /etc/quorate/cluster.toml:3: "
                .to_owned()
                + copy,
        ),
        (
            text().replace("\nsystem = ", "\n# system = "),
            format!("the key `system` is missing: /etc/quorate/cluster.toml:1: {copy}"),
        ),
        (
            text().replace("server-2.example:4700", "server-2.example"),
            "wrong value of `servers.address`: it has no port: /etc/quorate/cluster.toml:14: \
             write \"host:port\""
                .to_owned(),
        ),
        (
            text().replace("server-2.", "server-1."),
            "wrong value of `servers.address`: another server has it too: \
             /etc/quorate/cluster.toml:14: list each server once"
                .to_owned(),
        ),
        (
            text().replace("client_certificate", "#"),
            "the key `client_certificate` is missing: /etc/quorate/cluster.toml:1: \
             name the files that `quorate client new` wrote"
                .to_owned(),
        ),
        (
            text().replace("\"server-1.example:4700\"", "4700"),
            "wrong value of `servers.address`: of the type integer: \
             /etc/quorate/cluster.toml:10: write \"host:port\""
                .to_owned(),
        ),
        (
            text().replace("address = ", "adress = "),
            "unknown key `servers.adress`: /etc/quorate/cluster.toml:10: \
             did you mean `address`?"
                .to_owned(),
        ),
    ];
    for (text, expected) in golden {
        assert_eq!(message(&text), expected, "{text}");
    }
}

#[test]
fn a_file_without_servers_or_without_toml_is_refused() {
    let head = text().split("\n[[servers]]").next().unwrap().to_owned();
    assert!(message(&head).contains("the key `servers` is missing"));
    assert!(message(&(head + "servers = []\n")).contains("`servers` is missing"));
    assert!(message("system = \n").starts_with("not TOML: "));
    assert!(message("a = 1\na = 2\n").contains("cluster.toml:2"));
}

#[test]
fn addresses_and_keys_are_what_they_should_be() {
    assert!(parse_address("[::1]:4700").is_ok());
    for wrong in ["host", ":1", "host:0", "host:65536", "host:http", ""] {
        assert!(parse_address(wrong).is_err(), "{wrong}");
    }
    assert!(parse_system_key(&"0".repeat(96)).unwrap_err().contains("no key of a system"));
    assert!(parse_system_key(&SYSTEM_KEY.to_uppercase()).is_err());
}
