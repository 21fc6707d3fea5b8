//! Asking all the time whether the epoch has ended: how long is it that nobody can say?
//!
//! The client is the one that every connection has, with leases so short that it asks ten times a
//! second, and again after 20 ms where no quorum answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quorate_crypto::Verified;
use quorate_membership::client::{
    ClientOutput, ClientParameters, ClientRequest, ConfigurationClient, NoRecord,
};
use quorate_membership::limits::CLOCK_DRIFT_PPM_DEFAULT;
use quorate_membership::{LeaseRule, Message, Schemes, VerifiedConfiguration};
use quorate_runtime::{Channel, Hosted, Hosting, Plain, Server};
use quorate_threshold::PublicKey;
use quorate_types::{Duration, Peer};

use super::servers::{self, dial, plain_node};
use crate::error::ClientError;
use crate::groups::CONFIGURATION;
use crate::links::Recogniser;

/// How long its leases are: it renews them at half of that.
const LENGTH: Duration = Duration::from_millis(200);
/// Wait before it asks again where no quorum answered.
const AGAIN: Duration = Duration::from_millis(20);

/// The moments at which a client got a proof of freshness, until `stop`; `known` is a configuration
/// of the system from which it begins.
///
/// # Errors
/// [`ClientError`] if no connection can be made from here.
pub async fn watch_freshness(
    (system_key, known): (PublicKey, &VerifiedConfiguration),
    servers: &[Server],
    stop: impl Future<Output = ()>,
) -> Result<Vec<Instant>, ClientError> {
    let system = known.configuration().system;
    let links = dial(system, servers::random()?, Recogniser::newcomer(system), servers)?;
    let mut node = plain_node(links)?;
    let contacts = servers.iter().map(|server| Peer::Node(server.id)).collect();
    let lease = LeaseRule::new(LENGTH, CLOCK_DRIFT_PPM_DEFAULT).expect("the default is allowed");
    let parameters = ClientParameters {
        lease,
        retry: AGAIN,
        retry_max: AGAIN,
        ..ClientParameters::new(system_key, contacts, servers::random()?)
    };
    let proofs = Arc::new(Mutex::new(Vec::new()));
    let hosting = Hosting {
        name: "configuration",
        channel: Channel::Single(CONFIGURATION),
        hosted: FreshnessHost { proofs: Arc::clone(&proofs) },
        machine: ConfigurationClient::new(parameters, Some(known.clone()), Schemes::real()),
        journal: None,
        interceptor: None,
    };
    drop(node.host(hosting).map_err(ClientError::Host)?);
    let control = node.control();
    let watch = async {
        stop.await;
        control.stop();
    };
    let (ran, ()) = tokio::join!(Box::pin(node.run()), watch);
    ran.map_err(ClientError::Node)?;
    Ok(std::mem::take(&mut *proofs.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// The glue of the client.
#[derive(Debug)]
struct FreshnessHost {
    proofs: Arc<Mutex<Vec<Instant>>>,
}

impl Hosted for FreshnessHost {
    type Machine = ConfigurationClient;
    type Message = Plain<Message>;

    fn context<'host>(&'host self, _: &'host ConfigurationClient) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> Message {
        message.into_inner().0
    }

    fn record_bytes(&self, _: &NoRecord) -> usize {
        0
    }

    fn on_output(&mut self, output: ClientOutput, _: &mut Vec<ClientRequest>) {
        if let ClientOutput::Lease { .. } = output {
            self.proofs.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
    }
}
