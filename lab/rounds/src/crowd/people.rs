//! Servers that are made up: an identity each, which certifies keys for a few dozen epochs, and
//! what the authority is told of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_client::changes::RealVerifier;
use quorate_client::links::{credential, peer_of};
use quorate_client::objects::{RealSigner, Signer};
use quorate_crypto::{Domain, Hasher};
use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::monitor::AnswerKey;
use quorate_membership::{
    EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySigner, NodeAdmission,
    ServerDescription,
};
use quorate_net::{Credential, Known};
use quorate_types::{Epoch, FailureDomain, IdentityKey, SoftwareVersion, SystemId};
use zeroize::Zeroizing;

/// Each has keys of so many epochs, as a power of two: a whole tree takes a fifth of a second.
const HEIGHT: usize = 5;
/// Threads that make them.
const THREADS: u32 = 2;
/// So many are at each address of loopback, one behind the other from this port on.
const PORTS: u32 = 50_000;
const FIRST_PORT: u16 = 10_000;
/// Their first address: real servers are at the one before.
const FIRST_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The addresses of so many.
pub(super) fn hosts(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    let first = u32::from(FIRST_HOST);
    (first..first + count.div_ceil(PORTS)).map(Ipv4Addr::from)
}

/// Where one of them listens.
fn address(number: u32) -> SocketAddr {
    let host = Ipv4Addr::from(u32::from(FIRST_HOST) + number / PORTS);
    let port = u16::try_from(number % PORTS).expect("as many as there are ports") + FIRST_PORT;
    SocketAddr::from((host, port))
}

/// One of them.
#[derive(Debug)]
struct Person {
    identity: Identity<Blake3Tree>,
    /// The same in every epoch.
    signer: Arc<RealSigner>,
}

/// What the authority knows of one of them.
#[derive(Clone, Debug)]
pub(super) struct Applicant {
    /// The key that stays.
    pub(super) identity_key: IdentityKey,
    /// Where it is.
    pub(super) server: ServerDescription,
}

/// All of them.
#[derive(Debug)]
pub(super) struct People {
    system: SystemId,
    people: Vec<Person>,
    applicants: Vec<Applicant>,
}

/// All of them, for a moment. Who panics while holding them has ended the run.
pub(super) fn lock(people: &Mutex<People>) -> MutexGuard<'_, People> {
    people.lock().unwrap_or_else(PoisonError::into_inner)
}

impl People {
    /// So many servers whose first epoch this is; probes of all of them come to this port.
    pub(super) fn make(
        count: u32,
        (system, epoch): (SystemId, Epoch),
        probe_port: u16,
    ) -> Result<Self, String> {
        let each = count.div_ceil(THREADS).max(1);
        let ranges = (0..THREADS).map(|it| (it * each).min(count)..((it + 1) * each).min(count));
        let make = |number| make((system, epoch), number, probe_port);
        let made = std::thread::scope(|scope| {
            let spawn = |range: std::ops::Range<u32>| {
                scope.spawn(move || range.map(make).collect::<Result<Vec<_>, _>>())
            };
            let threads: Vec<_> = ranges.map(spawn).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| Err(String::from("a thread panicked")))
            };
            threads.into_iter().map(join).collect::<Result<Vec<_>, String>>()
        })?;
        let (people, applicants) = made.into_iter().flatten().unzip();
        Ok(Self { system, people, applicants })
    }

    /// Where they are servers.
    pub(super) const fn system(&self) -> SystemId {
        self.system
    }

    /// What the authority knows of them.
    pub(super) fn grants(&self) -> Arc<[Applicant]> {
        self.applicants.iter().cloned().collect()
    }

    /// What one of them is on links in an epoch: where it listens, and what it shows there. Nothing
    /// behind its last epoch.
    pub(super) fn on_links(&mut self, number: usize, epoch: Epoch) -> Option<(Known, Credential)> {
        let person = &mut self.people[number];
        let certificate = person.certificate(self.system, epoch)?;
        let key = peer_of(&person.identity.identity_key());
        let number = u32::try_from(number).expect("they are counted by it");
        let shown = credential(&certificate, &Zeroizing::new(seed(b'e', number)));
        Some((Known { key, address: address(number) }, shown))
    }

    /// The key with which one of them answers in an epoch, with its certificate if that is wanted.
    pub(super) fn key(
        &mut self,
        number: usize,
        (epoch, is_certificate_wanted): (Epoch, bool),
    ) -> AnswerKey {
        let person = &mut self.people[number];
        let signer: Arc<dyn Signer> = Arc::<RealSigner>::clone(&person.signer);
        let certificate =
            is_certificate_wanted.then(|| person.certificate(self.system, epoch)).flatten();
        AnswerKey { epoch, signer, certificate }
    }
}

impl Person {
    /// Nothing of an epoch that is over for it, or behind its last one.
    fn certificate(&mut self, system: SystemId, epoch: Epoch) -> Option<EpochKeyCertificate> {
        while self.identity.epoch() < epoch {
            self.identity.evolve().ok()?;
        }
        (self.identity.epoch() == epoch).then(|| {
            let (key, identity) = (self.signer.public_key(), self.identity.identity_key());
            let statement = EpochKeyStatement::of_system(system, identity, epoch, key);
            EpochKeyCertificate::issue(statement, &self.identity)
        })
    }
}

fn seed(role: u8, number: u32) -> [u8; 32] {
    let mut hasher = Hasher::new(Domain::Derivation);
    hasher.update(b"a crowd of a round").update(&[role]).update(&number.to_be_bytes());
    *hasher.finish().as_bytes()
}

/// Makes one as `quorate node new` does, and looks at its words as `quorate node add` does.
fn make(
    (system, epoch): (SystemId, Epoch),
    number: u32,
    probe_port: u16,
) -> Result<(Person, Applicant), String> {
    let of_identity = Seed::new(seed(b'i', number));
    let identity = Identity::generate_short(Blake3Tree, of_identity, (epoch, HEIGHT));
    let signer = Arc::new(RealSigner::from_seed(&seed(b'e', number)));
    let (identity_key, key) = (identity.identity_key(), signer.public_key());
    let statement = EpochKeyStatement::of_system(system, identity_key, epoch, key);
    let server = ServerDescription {
        address: address(number).to_string(),
        probe_port,
        failure_domain: FailureDomain(String::from("crowd")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
    };
    let certificate = EpochKeyCertificate::issue(statement, &identity);
    let admission = NodeAdmission::new(server, certificate, &identity);
    admission.check(&RealVerifier).map_err(|error| format!("a made-up server: {error}"))?;
    let server = admission.server;
    Ok((Person { identity, signer }, Applicant { identity_key, server }))
}

#[cfg(test)]
mod tests {
    //! A made-up server proves itself in its epochs, one after the other.
    use quorate_client::changes::RealVerifier;
    use quorate_membership::IdentitySigner;
    use quorate_types::{Epoch, SystemId};

    use super::People;

    #[test]
    fn a_key_is_certified_in_each_epoch_until_the_tree_ends() {
        let system = SystemId::new([3; 32]);
        let mut people = People::make(3, (system, Epoch::new(5)), 9).unwrap();
        assert_eq!(people.grants().len(), 3);
        let root = people.people[2].identity.root();
        for epoch in [5, 6, 9] {
            let key = people.key(2, (Epoch::new(epoch), true));
            let certificate = key.certificate.expect("its tree has that epoch");
            assert!(certificate.is_valid(root, &RealVerifier), "epoch {epoch}");
        }
        let past = people.key(2, (Epoch::new(8), true));
        assert!(past.certificate.is_none(), "that leaf is erased");
        assert!(people.key(2, (Epoch::new(5 + 32), true)).certificate.is_none(), "no leaf is left");
        assert!(people.key(1, (Epoch::new(5), false)).certificate.is_none(), "nobody wants it");
    }
}
