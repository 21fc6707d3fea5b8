//! What `quorate init` and its neighbours refuse.
use std::path::PathBuf;

use quorate_client::cluster_file::ClusterFile;
use quorate_client::explanation::Kind;
use quorate_crypto::real::RealVerifier;
use quorate_types::{Epoch, UnixTime};

use super::{Scratch, World, code, first, request};
use crate::configuration::{NodeConfiguration, Origin};
use crate::founding::ceremony::{
    ClientRequest, Joining, ServerRequest, SystemRequest, new_authority, new_client, new_genesis,
    new_server,
};
use crate::founding::{FoundingError, NodeIdentity};
use crate::keys::ServerKeys;

struct Ceremony {
    scratch: Scratch,
    request: SystemRequest,
}

impl Ceremony {
    fn new(server_count: u16) -> Self {
        let scratch = Scratch::new();
        let authority_key = new_authority(&scratch.join("authority")).unwrap().key;
        let server = |number| {
            let directory = scratch.join(&format!("node-{number}"));
            new_server(&directory, &request(number)).unwrap().admission_file
        };
        let admissions = (0..server_count).map(server).collect();
        Self { request: SystemRequest { authority_key, f: 1, f_ms: 1, admissions }, scratch }
    }

    fn refusal(&self) -> FoundingError {
        let refused = new_genesis(&self.scratch.join("founding"), &self.request).unwrap_err();
        assert!(!self.scratch.join("founding").exists(), "nothing is left behind");
        refused
    }
}

#[test]
fn too_few_servers_for_f_are_refused() {
    let mut ceremony = Ceremony::new(4);
    ceremony.request.f = 2;
    let error = ceremony.refusal();
    assert_eq!(code(&error), "too-few-servers");
    assert!(error.to_string().starts_with("4 servers, at least 7 are needed"), "{error}");
    ceremony.request.f = 0;
    assert!(ceremony.refusal().to_string().contains("--f: "));
    (ceremony.request.f, ceremony.request.f_ms) = (1, 22);
    assert!(ceremony.refusal().to_string().contains("only 1 to 8: --f-ms: "));
}

#[test]
fn an_admission_that_was_changed_on_the_way_is_named() {
    let ceremony = Ceremony::new(4);
    let path = &ceremony.request.admissions[2];
    let line = std::fs::read_to_string(path).unwrap();
    let digits = "quorate-admission-1:".len();
    for position in (digits..line.len() - 1).step_by(41) {
        let mut changed = line.clone().into_bytes();
        changed[position] = if changed[position] == b'0' { b'1' } else { b'0' };
        std::fs::write(path, changed).unwrap();
        let error = ceremony.refusal();
        assert!(error.to_string().contains("node-2/admission"), "{error}");
    }
    std::fs::write(path, "hello\n").unwrap();
    assert_eq!(code(&ceremony.refusal()), "carried");
}

#[test]
fn a_group_whose_messages_would_not_fit_a_frame_is_refused_by_name() {
    let mut ceremony = Ceremony::new(4);
    ceremony.request.f_ms = 9;
    let error = ceremony.refusal();
    assert_eq!((code(&error), error.explain().kind), ("wrong-value", Kind::Usage));
    let text = error.to_string();
    assert!(text.contains("9 bad servers, only 1 to 8: --f-ms"), "{text}");
    ceremony.request.f_ms = 8;
    assert_eq!(code(&ceremony.refusal()), "too-few-servers");
}

#[test]
fn one_address_or_one_server_twice_names_both_files() {
    let mut ceremony = Ceremony::new(3);
    let twin = new_server(&ceremony.scratch.join("twin"), &request(1)).unwrap();
    ceremony.request.admissions.push(twin.admission_file);
    let text = ceremony.refusal().to_string();
    assert!(text.contains("node-1/admission has the same address 127.0.0.1:4701"), "{text}");
    assert!(text.contains("twin/admission: "), "{text}");

    let first = ceremony.request.admissions[0].clone();
    ceremony.request.admissions[3] = first;
    assert_eq!(code(&ceremony.refusal()), "admission-conflict");
}

#[test]
fn a_wrong_authority_key_is_refused() {
    let mut ceremony = Ceremony::new(4);
    ceremony.request.authority_key = ceremony.scratch.join("node-0/node.toml");
    assert_eq!(ceremony.refusal().explain().kind, Kind::Key);
    ceremony.request.authority_key = PathBuf::from("/nowhere");
    assert_eq!(code(&ceremony.refusal()), "key-missing");

    let world = World::new();
    let other = new_authority(&world.scratch.join("other")).unwrap();
    let mut request = ClientRequest {
        authority_key: other.key,
        cluster_file: world.cluster_file(),
        name: String::from("archive"),
        expires: UnixTime::from_micros(1),
    };
    let error = new_client(&world.scratch.join("client"), &request).unwrap_err();
    assert_eq!((code(&error), error.explain().kind), ("other-authority", Kind::Unauthorised));
    request.authority_key = world.authority();
    request.name = "x".repeat(64);
    let error = new_client(&world.scratch.join("client"), &request).unwrap_err();
    assert!(error.to_string().contains("--name"), "{error}");
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let ceremony = Ceremony::new(4);
    let error = new_authority(&ceremony.scratch.join("authority")).unwrap_err();
    assert_eq!((code(&error), error.explain().kind), ("file-exists", Kind::Exists));
    let before = std::fs::read(ceremony.scratch.join("node-0/keys/identity-1.key")).unwrap();
    let error = new_server(&ceremony.scratch.join("node-0"), &request(0)).unwrap_err();
    assert_eq!(code(&error), "file-exists");
    assert_eq!(std::fs::read(ceremony.scratch.join("node-0/keys/identity-1.key")).unwrap(), before);
    let directory = ceremony.scratch.join("founding");
    new_genesis(&directory, &ceremony.request).unwrap();
    let error = new_genesis(&directory, &ceremony.request).unwrap_err();
    assert_eq!(code(&error), "file-exists");
}

#[test]
fn a_server_that_is_made_to_join_later_certifies_the_key_of_that_epoch_and_founds_nothing() {
    let mut ceremony = Ceremony::new(4);
    let world = World::new();
    let (system, epoch) = (world.system.system, Epoch::new(7));
    let cluster = ClusterFile::read(&world.cluster_file()).unwrap();
    let joins = Some(Joining { cluster: cluster.clone(), epoch, epoch_seconds: 60 });
    let request = ServerRequest { joins, ..request(4) };
    let made = new_server(&ceremony.scratch.join("later"), &request).unwrap();
    assert_eq!(made.admission.check(&RealVerifier), Ok(()));
    let said = made.admission.certificate.statement;
    assert_eq!((said.system, said.epoch), (Some(system), epoch));
    let keys = ceremony.scratch.join("later/keys");
    assert!(keys.join("epoch-7.key").exists() && keys.join("identity-8.key").exists());
    let settings = NodeConfiguration::read(&made.node_file).unwrap();
    assert_eq!(settings.system_key, Some(*first(&world.genesis()).header().system_key()));
    let Origin::Cluster(contacts) = &settings.origin else { panic!("it asks others") };
    assert_eq!(ClusterFile::read(contacts).unwrap().servers, cluster.servers);
    let error = NodeIdentity::load(&settings).map(|_| ()).unwrap_err();
    assert_eq!(code(&error), "not-a-founder");
    ceremony.request.admissions.push(made.admission_file);
    let text = ceremony.refusal().to_string();
    assert!(text.contains("made for a later epoch"), "{text}");
}

/// `rounds unattended 60 60`, seed 8787242458852227597: `quorate dev` starts a server whose file it
/// finds, and the keys were still held by who made them.
#[test]
#[expect(clippy::disallowed_methods, reason = "it watches beside the one that makes the keys")]
fn the_keys_of_a_new_server_are_free_as_soon_as_its_file_is_there() {
    let scratch = Scratch::new();
    for number in 0..4 {
        let directory = scratch.join(&format!("node-{number}"));
        let (file, keys) = (directory.join("node.toml"), directory.join("keys"));
        let waits = std::thread::spawn(move || {
            while !file.exists() {
                std::hint::spin_loop();
            }
            ServerKeys::open_directory(&keys).map(drop)
        });
        new_server(&directory, &request(number)).unwrap();
        waits.join().unwrap().unwrap();
    }
}

#[test]
fn a_server_that_nobody_could_reach_is_not_made() {
    let scratch = Scratch::new();
    let refusal = |change: &dyn Fn(&mut ServerRequest)| {
        let mut request = request(0);
        change(&mut request);
        let error = new_server(&scratch.join("node"), &request).unwrap_err().to_string();
        assert!(!scratch.join("node").exists(), "{error}");
        error
    };
    assert!(refusal(&|it| it.address = "0.0.0.0:4700".to_owned()).contains("--address: "));
    assert!(refusal(&|it| it.address = "host".to_owned()).contains("it has no port: --address"));
    assert!(refusal(&|it| it.metrics = "10.0.0.1:1".parse().unwrap()).contains("--metrics: "));
    assert!(refusal(&|it| it.listen.set_port(0)).contains("--listen: "));
    assert!(refusal(&|it| it.failure_domain = "x".repeat(64)).contains("--failure-domain: "));
}
