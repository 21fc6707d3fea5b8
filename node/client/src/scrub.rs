//! Having every server check what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use quorate_dht::ClientRequest as StorageRequest;
pub use quorate_dht::{ScrubReport, ScrubState};
use quorate_types::NodeId;

use crate::cluster::Cluster;
use crate::error::ClientError;

/// Time between two questions: a server says how far it is when it is asked, and only then.
const ASK_INTERVAL: Duration = Duration::from_millis(250);
/// A server that says nothing for so long is not waited for any more.
pub const SCRUB_SILENCE: Duration = Duration::from_secs(15);

/// What servers said about their scrubs until now; a server that said nothing is missing.
pub type ScrubStates = BTreeMap<NodeId, ScrubState>;

impl Cluster {
    /// Has all servers check all bytes that they hold against hashes and signatures, and mend what
    /// is damaged; `progress` hears how far each is. Servers that do not answer are missing in the
    /// outcome, or are not over in it.
    ///
    /// # Errors
    /// [`ClientError::Randomness`]; [`ClientError::Stopped`] if the connection ends.
    pub async fn scrub(
        &self,
        progress: &mut dyn FnMut(&ScrubStates),
    ) -> Result<ScrubStates, ClientError> {
        let mut run = [0; 8];
        getrandom::fill(&mut run).or(Err(ClientError::Randomness))?;
        let run = u64::from_be_bytes(run);
        let configuration = self.configuration();
        let members = &configuration.configuration().members;
        let all: BTreeSet<NodeId> = members.iter().map(|member| member.id).collect();
        let mut states = ScrubStates::new();
        let mut heard: BTreeMap<NodeId, Instant> = BTreeMap::new();
        let begin = Instant::now();
        loop {
            self.ask_storage(StorageRequest::Scrub { run }).await?;
            tokio::time::sleep(ASK_INTERVAL).await;
            for (node, state) in self.take_scrubbed() {
                heard.insert(node, Instant::now());
                states.insert(node, state);
            }
            progress(&states);
            let is_over = |node: &NodeId| states.get(node).is_some_and(|state| state.is_over);
            let is_silent =
                |node: &NodeId| heard.get(node).unwrap_or(&begin).elapsed() > SCRUB_SILENCE;
            if all.iter().all(|node| is_over(node) || is_silent(node)) {
                return Ok(states);
            }
        }
    }
}
