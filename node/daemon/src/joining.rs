//! A server that joins a running system: until a configuration names it, it waits, and asks which
//! epoch it is as anybody can. Everything that it hears proves itself under the one key.
//!
//! Its id, and so its place among the servers, is drawn when it is admitted (MEM-10): it learns it
//! from that configuration. It holds no objects, since the ring is that of the founding.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quorate_client::capacity;
use quorate_client::cluster::{Heard, fetch_as_stranger, meet_as_stranger};
use quorate_client::cluster_file::ClusterFile;
use quorate_client::error::ClientError;
use quorate_client::explanation::{Explanation, Kind};
use quorate_membership::VerifiedConfiguration;
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_types::{Configuration, Epoch, IdentityKey, MemberRecord};

use crate::configuration::{NodeConfiguration, Origin};
use crate::epochs::Chain;
use crate::error::ServerError;
use crate::founding::{FoundingError, Loaded, NodeIdentity, VerifiedFounding};
use crate::keys::ServerKeys;
use crate::server::known_servers;

/// How long servers are given to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often they are asked while an epoch goes on, and at least and at most.
const ROUNDS_PER_EPOCH: u32 = 10;
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The keys of a server and its place: from the founding, which may still be under way; from where
/// it was before; or, if it is new, from the first configuration that names it, for which this
/// waits.
///
/// # Errors
/// [`ServerError`] says which file is wrong; that the server was removed.
pub(crate) async fn identify(settings: &NodeConfiguration) -> Result<Loaded, ServerError> {
    let wrong = |source| ServerError::Founding { source };
    let Origin::Cluster(contacts) = &settings.origin else {
        return Loaded::load(settings).map_err(wrong);
    };
    let system_key = settings.system_key.expect("read with the file of whoever joins");
    let keys = ServerKeys::open_directory(&settings.keys);
    let keys = keys.map_err(|source| ServerError::Keys { source })?;
    let wanted = Wanted::of(&keys).map_err(|source| ServerError::Keys { source })?;
    let first = match Chain::stored(&settings.data, &system_key)? {
        Some(stored) if wanted.is_named_by(&stored) => stored,
        Some(stored) => {
            // Nothing is erased on the word of data of another server, or under a server that runs.
            let name = wanted.identity_key;
            let own = Expectation::Existing;
            let _held = DataDirectory::open(&settings.data, name.as_bytes(), own)
                .map_err(|source| ServerError::Store { source })?;
            // It may have been stopped before it had erased them.
            keys.erase_all().map_err(|source| ServerError::Keys { source })?;
            let (server, epoch) = (wanted.identity_key.name(), stored.epoch());
            return Err(ServerError::Removed { server, epoch });
        }
        None => wait_for_place(settings, contacts, &wanted).await?,
    };
    let identity = NodeIdentity::with(settings, VerifiedFounding::joined(first), keys);
    identity.map(|identity| Loaded::Founded(Box::new(identity))).map_err(wrong)
}

/// A server that has no configuration asks until one names it.
async fn wait_for_place(
    settings: &NodeConfiguration,
    contacts: &Path,
    wanted: &Wanted,
) -> Result<VerifiedConfiguration, ServerError> {
    let file = read_contacts(settings, contacts)?;
    let server = wanted.identity_key.name();
    tracing::info!(server, "waits until a configuration names it: `quorate node add` admits it");
    let pause = settings.epoch.unwrap_or_default() / ROUNDS_PER_EPOCH;
    let mut known = None;
    let mut asks_group = false;
    loop {
        if let Some(later) = listen(&file, known.as_ref(), asks_group).await? {
            if wanted.is_met_by(&later) {
                tracing::info!(epoch = %later.epoch(), server, "a member of the system");
                return Ok(later);
            }
            known = Some(later);
        }
        asks_group = !asks_group;
        tokio::time::sleep(pause.clamp(PAUSE_MIN, PAUSE_MAX)).await;
    }
}

/// A later configuration than the one that is known, if anybody has one: the group that knows best,
/// or, since all of that may be gone meanwhile, those of the file.
async fn listen(
    file: &ClusterFile,
    known: Option<&VerifiedConfiguration>,
    asks_group: bool,
) -> Result<Option<VerifiedConfiguration>, ServerError> {
    let asked = match known.filter(|_| asks_group) {
        None => meet_as_stranger(file, PATIENCE).await,
        Some(known) => {
            let mut servers = known_servers(known.configuration());
            servers.retain(|server| known.group_member(server.id).is_some());
            let heard = fetch_as_stranger(file.system_key, known, (&servers, PATIENCE)).await;
            heard.map(Heard::later)
        }
    };
    let found = asked.unwrap_or_else(|error| {
        tracing::warn!(%error, "nobody is asked which epoch it is");
        None
    });
    let is_later =
        |it: &VerifiedConfiguration| known.is_none_or(|known| known.epoch() < it.epoch());
    let Some(later) = found.filter(is_later) else { return Ok(None) };
    tracing::debug!(epoch = %later.epoch(), "the epoch of the others");
    reject_without_room(later.configuration(), known.is_none())?;
    Ok(Some(later))
}

/// Who is to join a system that has grown past the links of its servers would reach nobody. One
/// that grows while a server waits for its place stays one that it waits for.
fn reject_without_room(met: &Configuration, is_first: bool) -> Result<(), ServerError> {
    let check = if is_first { capacity::check_whole } else { capacity::check };
    check(met).map_err(|excess| ServerError::Contacts { source: ClientError::Excess(excess) })
}

fn read_contacts(
    settings: &NodeConfiguration,
    contacts: &Path,
) -> Result<ClusterFile, ServerError> {
    let wrong = |source: FoundingError| ServerError::Founding { source };
    let file = ClusterFile::read(contacts).map_err(|error| wrong(error.into()))?;
    if Some(file.system_key) == settings.system_key {
        return Ok(file);
    }
    let what = "the servers that this one asks are of a system with another key";
    let remedy = "use the cluster.toml and the system_key of one system";
    let sort = (Kind::Configuration, "other-system");
    Err(wrong(Explanation::about(contacts, sort, what, remedy).into()))
}

/// What a configuration needs to have for this server.
struct Wanted {
    identity_key: IdentityKey,
    /// The first epoch of which it has a key.
    first: Epoch,
}

impl Wanted {
    fn of(keys: &ServerKeys) -> Result<Self, crate::keys::KeysError> {
        let first = keys.epochs()?.first().copied().unwrap_or(Epoch::ZERO);
        Ok(Self { identity_key: keys.identity_key()?, first })
    }

    fn is_named_by(&self, configuration: &VerifiedConfiguration) -> bool {
        let is_own = |member: &Arc<MemberRecord>| member.identity_key == self.identity_key;
        configuration.configuration().members.iter().any(is_own)
    }

    fn is_met_by(&self, configuration: &VerifiedConfiguration) -> bool {
        let is_named = self.is_named_by(configuration);
        let has_key = configuration.epoch() >= self.first;
        if is_named && !has_key {
            let (epoch, first) = (configuration.epoch(), self.first);
            tracing::warn!(%epoch, %first, "named, but it has no key before its first epoch");
        }
        is_named && has_key
    }
}

#[cfg(test)]
mod tests {
    //! Whom a system has no links for does not begin.
    use std::net::SocketAddr;

    use super::reject_without_room;
    use crate::crowd::Crowd;

    #[test]
    fn a_system_past_its_links_refuses_a_newcomer_that_meets_it_and_not_one_that_waits() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let system = |servers| Crowd::new(servers, address).configuration().configuration().clone();
        assert!(reject_without_room(&system(1_024), true).is_ok());
        let larger = system(1_025);
        let refused = reject_without_room(&larger, true).expect_err("nobody would call it");
        let said = refused.explain();
        assert_eq!(said.code, "system-too-large");
        assert!(said.to_string().contains("1025 servers"), "{said}");
        assert!(reject_without_room(&larger, false).is_ok());
    }
}
