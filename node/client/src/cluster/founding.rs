//! Getting the key of a system with nothing but its genesis: from the servers that made it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use quorate_crypto::Verified;
use quorate_membership::message::Message;
use quorate_membership::{Pinning, Schemes, UnsignedConfiguration, VerifiedConfiguration};
use quorate_runtime::{Channel, Hosted, Hosting, Plain};
use tokio::sync::watch;

use super::servers::{self, Reaching, dial, plain_node, watch_links};
use crate::error::ClientError;
use crate::groups::CONFIGURATION;
use crate::links::Recogniser;

/// How long an answer of a founder is awaited before it is asked again.
const AGAIN: quorate_types::Duration = quorate_types::Duration::from_millis(100);

/// The glue of whoever asks for the key.
#[derive(Debug)]
struct PinningHost {
    found: watch::Sender<Option<VerifiedConfiguration>>,
}

impl Hosted for PinningHost {
    type Machine = Pinning;
    type Message = Plain<Message>;

    fn context<'host>(&'host self, _: &'host Pinning) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> Message {
        message.into_inner().0
    }

    fn record_bytes(&self, record: &Infallible) -> usize {
        match *record {}
    }

    fn on_output(&mut self, output: VerifiedConfiguration, _: &mut Vec<Infallible>) {
        self.found.send_replace(Some(output));
    }
}

/// Asks the founders of a system for its key, as anybody can who has the genesis: what `f + 1` of
/// those say that made it, over links on which each proves that it is the server of the genesis. It
/// comes with the first configuration that was signed under it. Founders whose root was replaced
/// since are not known by that any more (MEM-77): that is some 3,000 epochs later.
///
/// # Errors
/// [`ClientError::NotFounded`] if not enough of them say it within `patience`; otherwise why no
/// connection can be made from here.
pub async fn fetch_founding(
    genesis: &UnsignedConfiguration,
    patience: Duration,
) -> Result<VerifiedConfiguration, ClientError> {
    let reaching: Reaching = Arc::default();
    let system = genesis.configuration().system;
    let founders = servers::group_of(genesis.configuration(), &reaching).await;
    let links = dial(system, servers::random()?, Recogniser::keyless(system), &founders)?;
    let mut node = plain_node(links)?;
    watch_links(&mut node, &reaching);
    let (tell, mut found) = watch::channel(None);
    let hosting = Hosting {
        name: "configuration",
        channel: Channel::Single(CONFIGURATION),
        hosted: PinningHost { found: tell },
        machine: Pinning::new(genesis.clone(), AGAIN, Schemes::real()),
        journal: None,
        interceptor: None,
    };
    drop(node.host(hosting).map_err(ClientError::Host)?);
    let control = node.control();
    let wait = async {
        let is_found = found.wait_for(Option::is_some);
        drop(tokio::time::timeout(patience, is_found).await);
        control.stop();
    };
    let (ran, ()) = tokio::join!(Box::pin(node.run()), wait);
    ran.map_err(ClientError::Node)?;
    let found = found.borrow_and_update().clone();
    let needed = genesis.configuration().membership.weak_quorum();
    found.ok_or_else(|| ClientError::NotFounded {
        seconds: patience.as_secs(),
        needed,
        reach: reaching.borrow().clone(),
    })
}
