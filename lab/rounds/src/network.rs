//! Machines that are network namespaces: each with an address of its own on one switch.
//!
//! ```text
//!  +- berlin -+   +- oslo ---+   +- office -+      each a namespace with its own loopback
//!  |   eth0   |   |   eth0   |   |   eth0   |
//!  +----|-----+   +----|-----+   +----|-----+
//!       +------- bridge -------------+             a namespace, too: nothing outside is touched
//! ```
//! A command runs on a machine with that machine's `/srv` and home directory. All namespaces go
//! away when the network is dropped.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cluster::call;
use crate::host;

/// Bits of an address that the machines share.
const PREFIX_BITS: u8 = 24;
const BRIDGE: &str = "bridge";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// What it is called.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
}

/// Machines on one switch.
#[derive(Debug)]
pub struct Network {
    root: PathBuf,
    /// Distinguishes the namespaces of this network from all others.
    prefix: String,
    namespaces: Vec<String>,
    machines: Vec<Machine>,
}

/// What is missing here for networks; nothing if all is there.
#[must_use]
pub fn missing() -> Option<String> {
    if !host::is_root() {
        return Some(String::from("it needs root, to make network namespaces"));
    }
    if !host::has("ip") {
        return Some(String::from("there is no program `ip`"));
    }
    let probe = format!("quorate-probe-{}", std::process::id());
    let works = ip(&["netns", "add", &probe]);
    drop(ip(&["netns", "delete", &probe]));
    works.err().map(|error| format!("network namespaces do not work: {error}"))
}

fn ip(words: &[&str]) -> Result<(), String> {
    call(Path::new("ip"), Path::new("/"), words).map(|_| ())
}

impl Network {
    /// Connects these machines; what is theirs lies below the directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(root: &Path, machines: &[Machine]) -> Result<Self, String> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("quorate-{}-{number}", std::process::id());
        let (root, machines) = (root.to_path_buf(), machines.to_vec());
        let mut network = Self { root, prefix, namespaces: Vec::new(), machines };
        let switch = network.add_namespace("switch")?;
        ip(&["-n", &switch, "link", "add", BRIDGE, "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", BRIDGE, "up"])?;
        for port in 0..network.machines.len() {
            network.plug_in(&switch, port)?;
        }
        Ok(network)
    }

    fn add_namespace(&mut self, name: &str) -> Result<String, String> {
        let namespace = self.namespace(name);
        ip(&["netns", "add", &namespace])?;
        self.namespaces.push(namespace.clone());
        Ok(namespace)
    }

    fn plug_in(&mut self, switch: &str, port: usize) -> Result<(), String> {
        let Machine { name, address } = self.machines[port].clone();
        let (here, port) = (self.add_namespace(&name)?, format!("port{port}"));
        let peer = ["type", "veth", "peer", "name", "eth0", "netns", &here];
        ip(&[&["-n", switch, "link", "add", &port], &peer[..]].concat())?;
        ip(&["-n", switch, "link", "set", &port, "master", BRIDGE, "up"])?;
        let address = format!("{address}/{PREFIX_BITS}");
        ip(&["-n", &here, "address", "add", &address, "dev", "eth0"])?;
        ip(&["-n", &here, "link", "set", "eth0", "up"])?;
        ip(&["-n", &here, "link", "set", "lo", "up"])?;
        for folder in ["home", "srv"] {
            let folder = self.root.join(&name).join(folder);
            std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The machines.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The namespace of a machine.
    #[must_use]
    pub fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Where a path of a machine lies here.
    #[must_use]
    pub fn path(&self, machine: &str, path: &str) -> PathBuf {
        let own = self.root.join(machine);
        match path.strip_prefix("/srv/") {
            Some(path) => own.join("srv").join(path),
            None => own.join("home").join(path),
        }
    }

    /// A command of the shell on a machine, in its home directory; the folder is where it finds
    /// the programs under test. It is one process, which can be ended.
    #[must_use]
    pub fn command(&self, machine: &str, script: &str, programs: &Path) -> Command {
        // The mount is seen by this command alone: `ip netns exec` gives it a view of its own.
        let enter = "mount --bind \"$1\" /srv && cd \"$2\" && exec sh -eu -c \"$3\"";
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(machine), "sh", "-c", enter, "sh"]);
        command.arg(self.root.join(machine).join("srv"));
        command.arg(self.root.join(machine).join("home")).arg(script);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(programs.to_path_buf()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).expect("the folders were in a path before");
        command.env("PATH", path).env_remove("QUORATE_CLUSTER").stdin(Stdio::null());
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // What is still in it keeps it alive unseen, and ends with its owner.
            drop(ip(&["netns", "delete", namespace]));
        }
    }
}
