//! The machines of a connection: one that keeps the configuration, one that stores, one that calls
//! the ordered service.

use std::sync::{Arc, Mutex};

use quorate_bft::ClientOutput as OrderedOutput;
use quorate_bft::client::ClientSetup;
use quorate_crypto::real::RealSigner;
use quorate_crypto::{ClientCertificate, Signer};
use quorate_dht::{ClientIdentity, Ring, WriterId};
use quorate_membership::client::ClientParameters;
use quorate_membership::{ConfigurationClient, LeaseRule, Schemes, VerifiedConfiguration};
use quorate_runtime::{Channel, Handle, Hosting, Node};
use quorate_threshold::PublicKey;
use quorate_types::{GroupConfiguration, Peer};
use tokio::sync::watch;

use super::membership::MembershipCaller;
use super::servers::{Reaching, dial, new_node, random, random_u64, servers, watch_links};
use super::{Cluster, Credentials, Tuning};
use crate::cluster_file::ClusterFile;
use crate::error::ClientError;
use crate::groups::{CONFIGURATION, ORDERING, STORAGE, key_value_group};
use crate::hosts::{
    Checker, ConfigurationHost, LeaseEnd, OrderedHost, StorageHost, StorageOutcome,
};
use crate::links::Recogniser;
use crate::scrub::ScrubStates;
use crate::waiting::Waiting;

/// A connection whose node is to be run.
pub(super) struct Connected {
    pub(super) node: Node,
    pub(super) cluster: Cluster,
}

/// As whom a connection acts.
struct Identity<'a> {
    signer: Arc<dyn Signer>,
    certificate: &'a ClientCertificate,
}

/// Connects to the servers of a configuration.
pub(super) async fn connect(
    file: &ClusterFile,
    (credentials, tuning): (&Credentials, Tuning),
    configuration: VerifiedConfiguration,
) -> Result<Connected, ClientError> {
    let reaching: Reaching = Arc::default();
    let servers = servers(&configuration, &reaching).await;
    let peers = servers.iter().map(|server| Peer::Node(server.id)).collect();
    let recognise = Recogniser::member(&configuration);
    let links = dial(file.system, credentials.seed, recognise, &servers)?;
    let mut node = new_node(links, credentials)?;
    watch_links(&mut node, &reaching);
    let signer: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&credentials.seed));
    let identity = Identity { signer, certificate: &credentials.certificate };
    let (scrubbed, checker): (Arc<Mutex<ScrubStates>>, Checker) = Default::default();
    let told = (&scrubbed, &checker);
    let (storage, stored) = host_storage(&mut node, &configuration, &identity, told)?;
    let group = key_value_group(&configuration).map_err(ClientError::Groups)?;
    let (lease, of_epoch): (Arc<LeaseEnd>, Arc<LeaseEnd>) = Default::default();
    let membership = Arc::new(MembershipCaller {
        control: node.control(),
        signer: Arc::clone(&identity.signer),
        certificate: credentials.certificate.clone(),
        lease: Arc::clone(&of_epoch),
        keeper: Arc::clone(&checker),
        desk: tokio::sync::Mutex::default(),
    });
    let of_ordered = (group, Arc::clone(&lease), tuning);
    let (key_value, ordered) = host_ordered(&mut node, of_ordered, &identity)?;
    let (known_now, known) = watch::channel(Some(configuration.clone()));
    let (fresh_now, fresh) = watch::channel(false);
    let hosted = ConfigurationHost {
        known: known_now,
        fresh: fresh_now,
        lease,
        of_epoch,
        storage: Some(storage.clone()),
    };
    let of_system = (file.system_key, peers, file.lease_rule());
    let keeper = host_configuration(&mut node, hosted, of_system, Some(configuration))?;
    checker.set(keeper).expect("the configuration client is hosted once");
    let cluster = Cluster {
        known,
        fresh,
        storage,
        stored,
        scrubbed,
        key_value,
        ordered,
        membership,
        reaching,
    };
    Ok(Connected { node, cluster })
}

pub(super) fn host_configuration(
    node: &mut Node,
    hosted: ConfigurationHost,
    (system_key, contacts, lease): (PublicKey, Vec<Peer>, LeaseRule),
    known: Option<VerifiedConfiguration>,
) -> Result<Handle<ConfigurationClient>, ClientError> {
    let parameters = ClientParameters::new(system_key, contacts, random()?).with_lease(lease);
    let hosting = Hosting {
        name: "configuration",
        channel: Channel::Single(CONFIGURATION),
        hosted,
        machine: ConfigurationClient::new(parameters, known, Schemes::real()),
        journal: None,
        interceptor: None,
    };
    node.host(hosting).map_err(ClientError::Host)
}

type HostedStorage = (Handle<quorate_dht::Client>, Arc<Waiting<StorageOutcome>>);

fn host_storage(
    node: &mut Node,
    configuration: &VerifiedConfiguration,
    identity: &Identity<'_>,
    (scrubbed, checker): (&Arc<Mutex<ScrubStates>>, &Checker),
) -> Result<HostedStorage, ClientError> {
    let ring = Ring::new(configuration.configuration())
        .map_err(|error| ClientError::Groups(error.into()))?;
    let writer = WriterId::new(random()?);
    let (certificate, signer) = (identity.certificate.clone(), Arc::clone(&identity.signer));
    let identity = ClientIdentity { certificate, signer, writer };
    let waiting: Arc<Waiting<StorageOutcome>> = Arc::default();
    let hosting = Hosting {
        name: "storage",
        channel: Channel::Single(STORAGE),
        hosted: StorageHost {
            context: quorate_duties::storage_context(configuration),
            waiting: Arc::clone(&waiting),
            scrubbed: Arc::clone(scrubbed),
            checker: Arc::clone(checker),
        },
        machine: quorate_dht::Client::new(identity, ring, random_u64()?),
        journal: None,
        interceptor: None,
    };
    Ok((node.host(hosting).map_err(ClientError::Host)?, waiting))
}

type HostedOrdered = (Handle<quorate_bft::Client>, Arc<Waiting<OrderedOutput>>);

fn host_ordered(
    node: &mut Node,
    (group, lease, tuning): (GroupConfiguration, Arc<LeaseEnd>, Tuning),
    identity: &Identity<'_>,
) -> Result<HostedOrdered, ClientError> {
    let group = Arc::new(group);
    let channel = Channel::Grouped(ORDERING, group.group);
    let setup = ClientSetup {
        group: Arc::clone(&group),
        signer: Arc::clone(&identity.signer),
        certificate: identity.certificate.clone(),
        nonce: random_u64()?,
        bundle_operations_max: tuning.bundle_operations_max,
    };
    let waiting: Arc<Waiting<OrderedOutput>> = Arc::default();
    let hosting = Hosting {
        name: "key-value",
        channel,
        hosted: OrderedHost { group, lease, waiting: Arc::clone(&waiting) },
        machine: quorate_bft::Client::new(setup),
        journal: None,
        interceptor: None,
    };
    Ok((node.host(hosting).map_err(ClientError::Host)?, waiting))
}
