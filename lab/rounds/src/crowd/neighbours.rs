//! Links with made-up servers: the other ends of all that the real ones have, on one thread.
//!
//! A made-up server that a real one is on links with listens, dials, and shows the key of the epoch
//! as any server does; it takes what it is sent and says nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use quorate_client::links::{Recogniser, linked, peer_of};
use quorate_membership::VerifiedConfiguration;
use quorate_net::{
    Config, Credential, Events, Known, Limits, Spawner, SystemId, Transport, VersionRange,
};
use quorate_types::{IdentityKey, MemberStatus};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::people::{self, People};

/// Versions of the protocol that they speak.
const VERSIONS: VersionRange = quorate_client::cluster::PROTOCOL_VERSIONS;

/// What an epoch means for them.
struct Order {
    /// By number: who has links now, and what it shows there.
    ends: BTreeMap<usize, (Known, Credential)>,
    /// The real servers.
    real: Vec<Known>,
    recogniser: Arc<Recogniser>,
    system: SystemId,
}

/// The thread.
pub(super) struct Neighbours {
    people: Arc<Mutex<People>>,
    orders: Option<UnboundedSender<Order>>,
    have_begun: bool,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Neighbours {
    /// For these; none of them has links yet.
    pub(super) fn start(people: &Arc<Mutex<People>>) -> Result<Self, String> {
        let (orders, ordered) = unbounded_channel();
        let live = move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("no event loop: {error}"))?;
            runtime.block_on(live(ordered))
        };
        let thread = std::thread::Builder::new().name(String::from("neighbours")).spawn(live);
        let thread = Some(thread.map_err(|error| format!("no thread: {error}"))?);
        Ok(Self { people: Arc::clone(people), orders: Some(orders), have_begun: false, thread })
    }

    /// From the next epoch on they have links.
    pub(super) const fn begin(&mut self) {
        self.have_begun = true;
    }

    /// An epoch begins behind another, and with it these have links. `number_of` tells who is made
    /// up.
    pub(super) fn follow(
        &mut self,
        (former, configuration): (&VerifiedConfiguration, &VerifiedConfiguration),
        number_of: impl Fn(&IdentityKey) -> Option<usize>,
    ) -> Result<(), String> {
        if !self.have_begun {
            return Ok(());
        }
        let servers = configuration.configuration();
        let (mut ends, mut real) = (BTreeMap::new(), Vec::new());
        let mut people = people::lock(&self.people);
        for member in linked(servers) {
            let Some(number) = number_of(&member.identity_key) else {
                // The founder that was replaced has ended.
                if member.status == MemberStatus::Removed {
                    continue;
                }
                let address = member.address.parse();
                let address = address.map_err(|error| format!("{}: {error}", member.address))?;
                real.push(Known { key: peer_of(&member.identity_key), address });
                continue;
            };
            let shown = people.on_links(number, servers.epoch);
            ends.insert(number, shown.ok_or("the trees of those made up have ended")?);
        }
        drop(people);
        // It takes keys of the present epoch too: who still shows that of the former stays.
        let recogniser = Recogniser::member(former);
        let system = SystemId::new(*servers.system.as_bytes());
        let orders = self.orders.as_ref().expect("they are there until the end");
        if orders.send(Order { ends, real, recogniser, system }).is_err() {
            self.end()?;
        }
        Ok(())
    }

    /// All links end.
    pub(super) fn end(&mut self) -> Result<(), String> {
        drop(self.orders.take());
        let ended = self.thread.take().map_or(Ok(Ok(())), JoinHandle::join);
        ended.unwrap_or_else(|_| Err(String::from("the thread of links panicked")))
    }
}

async fn live(mut ordered: UnboundedReceiver<Order>) -> Result<(), String> {
    let spawner: Spawner = Arc::new(|task| drop(tokio::spawn(task)));
    let mut ends = BTreeMap::<usize, Transport>::new();
    while let Some(order) = ordered.recv().await {
        ends.retain(|number, _| order.ends.contains_key(number));
        for (number, (known, credential)) in &order.ends {
            let failed = |error| format!("links of a made-up server at {}: {error}", known.address);
            if let Some(end) = ends.get(number) {
                end.set_known(&order.real).map_err(failed)?;
                end.renew(credential.clone(), order.recogniser.clone()).map_err(failed)?;
                continue;
            }
            let config = Config {
                own: known.key,
                credential: credential.clone(),
                recognise: order.recogniser.clone(),
                system: order.system,
                versions: VERSIONS,
                listen: known.address,
                peers: order.real.clone(),
                jitter_seed: *number as u64,
                limits: Limits::default(),
            };
            let (end, events) = Transport::bind(&config, spawner.clone()).map_err(failed)?;
            tokio::spawn(listen(events));
            ends.insert(*number, end);
        }
    }
    Ok(())
}

/// Takes what comes, and says nothing.
async fn listen(mut events: Events) {
    while events.recv().await.is_some() {}
}
