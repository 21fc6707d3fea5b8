//! `cluster.toml`: what a client needs to find a system and to believe it.
//!
//! The key of the system is all that is trusted; the servers are only where to ask first.
//!
//! ```toml
//! system = "<64 digits>"
//! system_key = "<96 digits>"
//! authority_key = "<64 digits>"
//! epoch_seconds = "3600"                     # optional, as the servers have it: leases follow it
//! client_key = "client.key"                  # optional, with the certificate
//! client_certificate = "client.certificate"
//! [[servers]]
//! identity_key = "<64 digits>"
//! address = "host:port"
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_crypto::{ClientCertificate, Signer, Verifier, real};
use quorate_membership::LeaseRule;
use quorate_membership::limits::EARLIEST_END_PART;
use quorate_net::limits::PEERS_MAX;
use quorate_store::keys;
use quorate_threshold as threshold;
use quorate_types::limits::ADDRESS_BYTES_MAX;
use quorate_types::{Duration as Length, IdentityKey, PublicKey, SystemId};
use zeroize::Zeroizing;

use crate::carried::{self, CLIENT_CERTIFICATE};
use crate::explanation::{Explanation, Kind, not_a_key};
use crate::settings::{self, ConfigurationError, Source, Table, Text};

/// Bytes of a secret Ed25519 key in a file.
pub const SEED_BYTES: usize = 32;

/// Shortest length of an epoch that can be configured.
pub const EPOCH_SECONDS_MIN: u64 = 5;

const KEYS: &[&str] = &[
    "system",
    "system_key",
    "authority_key",
    "epoch_seconds",
    "client_key",
    "client_certificate",
    "servers",
];
const SERVER_KEYS: &[&str] = &["identity_key", "address"];

const COPY: &str =
    "copy the line from the cluster.toml that `quorate system-key` or `quorate dev` wrote";

/// A server to ask first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerContact {
    /// The key that stays, which certifies the keys that its links prove.
    pub identity_key: IdentityKey,
    /// Host and port.
    pub address: String,
}

/// Where a client keeps what it proves itself with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientFiles {
    /// The secret key.
    pub key: PathBuf,
    /// The certificate of the authority.
    pub certificate: PathBuf,
}

/// The content of a `cluster.toml`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterFile {
    /// The system.
    pub system: SystemId,
    /// The one key under which everything about the system is verified.
    pub system_key: threshold::PublicKey,
    /// The key of the authority, so that a certificate of another one is noticed early.
    pub authority_key: PublicKey,
    /// How long epochs last, if it is known: servers have it in their files, and say it nowhere.
    pub epoch: Option<Duration>,
    /// Servers to ask first, at least one.
    pub servers: Vec<ServerContact>,
    /// The client that acts where no other is named.
    pub client: Option<ClientFiles>,
}

/// A client that can prove itself.
pub struct ClientIdentity {
    /// The Ed25519 seed of the client.
    pub seed: Zeroizing<[u8; SEED_BYTES]>,
    /// The word of the authority.
    pub certificate: ClientCertificate,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity({:?})", self.certificate.grant)
    }
}

impl ClusterFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigurationError`] names the key, the line and what to do.
    pub fn read(file: &Path) -> Result<Self, ConfigurationError> {
        Self::parse(Source { file, text: &settings::read_text(file)? })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigurationError`] names the key, the line and what to do.
    pub fn parse(source: Source<'_>) -> Result<Self, ConfigurationError> {
        let table = source.table(KEYS)?;
        let servers = table.tables("servers", SERVER_KEYS)?;
        let cluster = Self {
            system: table.text("system", COPY)?.parse(COPY, SystemId::from_hex)?,
            system_key: system_key(&table.text("system_key", COPY)?, COPY)?,
            authority_key: table.text("authority_key", COPY)?.parse(COPY, PublicKey::from_hex)?,
            epoch: epoch_length(&table)?,
            servers: servers.iter().map(server).collect::<Result<_, _>>()?,
            client: client(&table)?,
        };
        check_count(&servers)?;
        check_distinct(&servers)?;
        Ok(cluster)
    }

    /// Writes a file; paths below its directory become relative to it.
    ///
    /// # Errors
    /// [`ConfigurationError::File`].
    pub fn write(&self, file: &Path) -> Result<(), ConfigurationError> {
        let text = self.to_text(settings::directory_of(file));
        std::fs::write(file, text).map_err(|error| Explanation::of_io("write", file, &error).into())
    }

    /// The text of a file in this directory.
    #[must_use]
    pub fn to_text(&self, directory: &Path) -> String {
        let mut text = String::from(
            "# What a client of this system needs: the key that it believes, and whom to ask.\n",
        );
        let mut line = |key: &str, value: &str| {
            text.push_str(&format!("{key} = {}\n", settings::quoted(value)));
        };
        line("system", &self.system.to_hex());
        line("system_key", &carried::to_hex(self.system_key.as_bytes()));
        line("authority_key", &self.authority_key.to_hex());
        if let Some(epoch) = self.epoch {
            line("epoch_seconds", &epoch.as_secs().to_string());
        }
        if let Some(client) = &self.client {
            line("client_key", &below(directory, &client.key));
            line("client_certificate", &below(directory, &client.certificate));
        }
        for server in &self.servers {
            let address = settings::quoted(&server.address);
            let key = server.identity_key;
            text.push_str(&format!(
                "\n[[servers]]\nidentity_key = \"{key}\"\naddress = {address}\n"
            ));
        }
        text
    }

    /// How long leases are: the usual ones where nothing says how long epochs last.
    #[must_use]
    pub fn lease_rule(&self) -> LeaseRule {
        let of = |epoch: Duration| LeaseRule::of_epoch(Length::from_secs(epoch.as_secs()));
        self.epoch.map_or_else(LeaseRule::default, of)
    }

    /// That what this `file` says of the length of epochs is wrong, by how long the one before
    /// lasted.
    ///
    /// That one may have ended early, though not before a quarter of its time, or late, because its
    /// end was held up; so only what is off by a factor of more than four is known to be wrong.
    #[must_use]
    pub fn wrong_epoch(&self, file: &Path, lasted: Duration) -> Option<Explanation> {
        let usual = Duration::from_micros(LeaseRule::default().length().as_micros());
        let part = u32::try_from(EARLIEST_END_PART).expect("a small number");
        let seconds = lasted.as_secs();
        let what = match self.epoch {
            Some(said) if lasted < said / part || lasted > said.saturating_mul(part) => format!(
                "the file says that epochs last {} s, and the one before lasted {seconds} s",
                said.as_secs()
            ),
            None if lasted < usual => format!(
                "the file does not say how long epochs last, so leases last {} s, and the epoch \
                 before lasted {seconds} s",
                usual.as_secs()
            ),
            Some(_) | None => return None,
        };
        Some(Explanation {
            kind: Kind::Configuration,
            code: "epoch-length",
            what,
            place: format!("{}: epoch_seconds", file.display()),
            remedy: String::from("write the `epoch_seconds` that the servers have in node.toml"),
        })
    }

    /// Loads the client of this file and checks that its certificate is about its key, for this
    /// system, and by its authority.
    ///
    /// # Errors
    /// [`Explanation`] says which of the two files is wrong.
    pub fn client_identity(&self) -> Result<ClientIdentity, Explanation> {
        let Some(files) = &self.client else {
            return Err(Explanation {
                kind: Kind::Unauthorised,
                code: "no-client",
                what: String::from("the cluster file names no client"),
                place: String::from("client_key"),
                remedy: String::from("get one with `quorate client new` from the authority"),
            });
        };
        let seed = read_seed(&files.key)?;
        let certificate = carried::read(CLIENT_CERTIFICATE, &files.certificate)?;
        self.check_client(files, &seed, &certificate)?;
        Ok(ClientIdentity { seed, certificate })
    }

    fn check_client(
        &self,
        files: &ClientFiles,
        seed: &[u8; SEED_BYTES],
        certificate: &ClientCertificate,
    ) -> Result<(), Explanation> {
        let own = real::RealSigner::from_seed(seed).public_key().client();
        let (what, remedy) = if certificate.grant.system != self.system {
            let remedy = "ask the authority of this system for one, or correct `system` in the \
                          cluster.toml";
            ("the certificate is for another system than the cluster.toml", remedy)
        } else if certificate.grant.client != own {
            ("the certificate is for another key", "name the key that was made with it")
        } else if !real::RealVerifier.is_valid(&certificate.check(self.authority_key)) {
            ("the certificate is not of this system's authority", "ask the authority for one")
        } else {
            return Ok(());
        };
        let about = (Kind::Unauthorised, "client-certificate");
        Err(Explanation::about(&files.certificate, about, what, remedy))
    }
}

/// Reads a secret Ed25519 key from a file that only its owner may open.
///
/// # Errors
/// [`Explanation`] says what is wrong with the file.
pub fn read_seed(path: &Path) -> Result<Zeroizing<[u8; SEED_BYTES]>, Explanation> {
    let secret = keys::read_secret(path).map_err(|error| Explanation::of_key(&error))?;
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    if secret.len() != SEED_BYTES {
        let what = format!("the file has {} bytes, a key has {SEED_BYTES}", secret.len());
        return Err(not_a_key(path, what));
    }
    seed.copy_from_slice(&secret);
    Ok(seed)
}

/// The key of a system from its 96 digits; a point that is no key is refused.
///
/// # Errors
/// [`ConfigurationError::WrongValue`].
pub fn system_key(
    text: &Text<'_>,
    remedy: &str,
) -> Result<threshold::PublicKey, ConfigurationError> {
    text.parse(remedy, parse_system_key)
}

/// How long epochs last, if a file says it.
///
/// # Errors
/// [`ConfigurationError::WrongValue`].
pub fn epoch_length(table: &Table<'_>) -> Result<Option<Duration>, ConfigurationError> {
    let remedy = "write a number of seconds, at least 5, such as \"3600\"";
    let Some(text) = table.optional_text("epoch_seconds", remedy)? else { return Ok(None) };
    let seconds: u64 = text.parse(remedy, str::parse)?;
    if seconds < EPOCH_SECONDS_MIN {
        return Err(text.wrong("an epoch of this length has no time to end", remedy));
    }
    Ok(Some(Duration::from_secs(seconds)))
}

/// The key of a system from its 96 digits.
///
/// # Errors
/// What is wrong with them.
pub fn parse_system_key(digits: &str) -> Result<threshold::PublicKey, String> {
    let expected = 2 * threshold::PUBLIC_KEY_BYTES;
    if digits.len() != expected {
        return Err(format!("it has {} characters, not {expected}", digits.len()));
    }
    let bytes = carried::from_hex(digits).ok_or("it is not of the digits 0-9 and a-f")?;
    let no_key = |reason| format!("it is no key of a system ({reason:?})");
    threshold::PublicKey::decode(&bytes).map_err(no_key)
}

fn server(table: &Table<'_>) -> Result<ServerContact, ConfigurationError> {
    let identity_key = table.text("identity_key", COPY)?.parse(COPY, IdentityKey::from_hex)?;
    let remedy = "write \"host:port\"";
    let address = table.text("address", remedy)?.parse(remedy, parse_address)?;
    Ok(ServerContact { identity_key, address })
}

/// A host and a port, as they stand in a configuration.
///
/// # Errors
/// What is wrong with it.
pub fn parse_address(text: &str) -> Result<String, &'static str> {
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("it has no port");
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    if text.len() > ADDRESS_BYTES_MAX {
        return Err("it is too long");
    }
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(String::from(text)),
        Ok(_) | Err(_) => Err("its port is not a number from 1 to 65535"),
    }
}

fn client(table: &Table<'_>) -> Result<Option<ClientFiles>, ConfigurationError> {
    let remedy = "name the files that `quorate client new` wrote";
    let key = table.optional_path("client_key", remedy)?;
    let certificate = table.optional_path("client_certificate", remedy)?;
    match (key, certificate) {
        (Some(key), Some(certificate)) => Ok(Some(ClientFiles { key, certificate })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(table.missing("client_certificate", remedy)),
        (None, Some(_)) => Err(table.missing("client_key", remedy)),
    }
}

fn check_count(servers: &[Table<'_>]) -> Result<(), ConfigurationError> {
    let Some(excess) = servers.get(PEERS_MAX) else { return Ok(()) };
    let what = format!("it is one server more than the {PEERS_MAX} that can be listed");
    Err(excess.text("address", COPY)?.wrong(what, "list some servers of the system, not all"))
}

fn check_distinct(servers: &[Table<'_>]) -> Result<(), ConfigurationError> {
    for key in SERVER_KEYS {
        let mut seen = std::collections::BTreeSet::new();
        for server in servers {
            let text = server.text(key, COPY)?;
            if !seen.insert(text.text.clone()) {
                return Err(text.wrong("another server has it too", "list each server once"));
            }
        }
    }
    Ok(())
}

/// A path as it is written into a file of this directory.
fn below(directory: &Path, path: &Path) -> String {
    path.strip_prefix(directory).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
