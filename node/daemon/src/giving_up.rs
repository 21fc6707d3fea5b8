//! Giving up a damaged copy that nobody can mend, so that its server can go on.
//!
//! The server says from then on that it has no such object. Once `2f + 1` of a group say so, the
//! others drop their damaged copies too: nobody promises any more that the object is there. The
//! bytes are kept aside for whoever can still make something of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_crypto::real::RealVerifier;
use quorate_dht::object::StoredObject;
use quorate_dht::{ObjectKey, Record};
use quorate_runtime::Journal;
use quorate_store::directory::DataDirectory;
use quorate_types::SystemId;

use crate::configuration::NodeConfiguration;
use crate::error::ServerError;
use crate::founding::{NodeIdentity, place};
use crate::host::storage::{StorageJournal, reading};
use crate::server::open_objects;

/// The directory among the data in which given up copies are kept.
const ASIDE: &str = "given-up";

/// What became of a copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenUp {
    /// Where its bytes are kept; nothing if they could not even be read.
    pub kept: Option<PathBuf>,
}

/// Removes the damaged copy of an object from the store of a server that does not run, and keeps
/// its bytes aside. A whole copy is left alone.
///
/// # Errors
/// [`ServerError::NoCopy`], [`ServerError::WholeCopy`]; [`ServerError::Store`], also if the server
/// runs; [`ServerError::Founding`] and [`ServerError::Aside`] name the file that is wrong.
pub fn give_up(settings: &NodeConfiguration, key: ObjectKey) -> Result<GivenUp, ServerError> {
    let identity =
        NodeIdentity::load(settings).map_err(|source| ServerError::Founding { source })?;
    let name = identity.record().identity_key;
    let data = DataDirectory::open(&settings.data, name.as_bytes(), identity.expectation())
        .map_err(|source| ServerError::Store { source })?;
    let store = Arc::new(open_objects(&data)?);
    let kept = match reading::read(&store, key) {
        Ok(None) => return Err(ServerError::NoCopy { key }),
        Ok(Some(bytes)) if is_whole(&bytes, key, identity.founding.system()) => {
            return Err(ServerError::WholeCopy { key });
        }
        Ok(Some(bytes)) => Some(put_aside(&data.join(ASIDE), key, &bytes)?),
        Err(error) if error.is_damage() => None,
        Err(source) => return Err(ServerError::Store { source }),
    };
    let mut journal = StorageJournal::new(store);
    let removed = journal.append(Record::Remove(key)).and_then(|()| journal.commit());
    removed.map_err(|source| ServerError::Journal { machine: "storage", source })?;
    Ok(GivenUp { kept })
}

fn is_whole(bytes: &[u8], key: ObjectKey, system: SystemId) -> bool {
    quorate_wire::decode::<StoredObject>(bytes)
        .is_ok_and(|object| object.is_whole(&key, system, &RealVerifier))
}

/// Keeps the bytes under the name of their object; an earlier copy under this name stays as well.
fn put_aside(directory: &Path, key: ObjectKey, bytes: &[u8]) -> Result<PathBuf, ServerError> {
    place::create_directory(directory).map_err(ServerError::Aside)?;
    let name = key.to_string().replace(':', "-");
    let numbered = |number: u32| directory.join(format!("{name}-{number}"));
    let path = (1..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| numbered(0));
    place::write_new(&path, bytes).map_err(ServerError::Aside)?;
    Ok(path)
}
