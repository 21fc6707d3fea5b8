//! The file `founding` among the keys of a server: the key of its system, and the first
//! configuration that was signed under it. Written once, when the system was founded.
//!
//! ```text
//! "quorate founding" [16] | version u16 = 2 | system key [48] | certified configuration
//! | BLAKE3 of all of it [32]
//! ```

use std::path::Path;

use quorate_membership::message::Founding;
use quorate_membership::{Schemes, UnsignedConfiguration, VerifiedConfiguration};

use super::envelope::{Label, read, write};
use super::error::{FoundingError, GenesisFault};
use super::verified::VerifiedFounding;

/// What it is called.
pub(super) const FOUNDING: &str = "founding";

const LABEL: Label = Label { magic: b"quorate founding", version: 2 };

/// Reads the file of a server whose genesis this is.
pub(super) fn read_pinned(
    path: &Path,
    genesis: UnsignedConfiguration,
) -> Result<VerifiedFounding, FoundingError> {
    let refused = |fault| FoundingError::Genesis { path: path.to_path_buf(), fault };
    let founding: Founding = LABEL.open(&read(path)?).map_err(refused)?;
    let verified = founding.configuration.verify(&founding.system_key, &Schemes::real());
    let configuration = verified.map_err(|reason| refused(GenesisFault::Forged(reason)))?;
    if configuration.header().header().lineage.previous != genesis.header().hash() {
        return Err(refused(GenesisFault::OtherGenesis));
    }
    Ok(VerifiedFounding::made(configuration, genesis))
}

/// Keeps it, durably.
pub(super) fn pin(path: &Path, configuration: &VerifiedConfiguration) -> Result<(), FoundingError> {
    let system_key = *configuration.header().system_key();
    let founding = Founding { system_key, configuration: configuration.to_certified() };
    write(path, &LABEL.seal(&founding))
}
