//! Clients that carry certificates of the authority to the log, each one after the other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use quorate_client::cluster::Cluster;
use quorate_client::cluster_file::ClusterFile;
use quorate_client::objects::RealSigner;
use quorate_membership::{
    AddCertificate, AddGrant, MembershipOperation, MembershipReply, Refusal, RemoveCertificate,
    RemoveGrant, Validity,
};
use quorate_types::{Epoch, SystemId};

use super::people::Applicant;
use crate::load::session;
use crate::telling::tell;

/// In how many epochs a certificate may be executed.
const EPOCHS: u64 = 1_000;
/// How often a certificate is carried to the log before the run fails.
const TRIES: u32 = 20;
/// Wait of a client before it looks for orders again.
const IDLE: Duration = Duration::from_millis(50);
/// Wait before the next try.
const AGAIN: Duration = Duration::from_millis(500);

/// What is to become of a made-up server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// It joins.
    Add(u32),
    /// It leaves for good.
    Remove(u32),
}

/// The authority, with all that it knows of those that are made up.
#[derive(Clone)]
pub(super) struct Office {
    system: SystemId,
    authority: Arc<RealSigner>,
    applicants: Arc<[Applicant]>,
}

/// What all clients share.
#[derive(Debug, Default)]
struct Queue {
    orders: Mutex<VecDeque<Order>>,
    /// Orders that are not recorded yet.
    open: AtomicUsize,
    /// Nothing comes any more.
    is_closed: AtomicBool,
    /// Calls without an answer.
    again: AtomicU64,
    /// What was recorded although there was no answer.
    repeated: AtomicU64,
    failure: Mutex<Option<String>>,
}

/// Clients that stay connected, each with one certificate under way.
pub(super) struct Clients {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clients {
    /// Connects, and carries to the log what is ordered.
    pub(super) fn start(files: &[ClusterFile], office: &Office) -> Self {
        let queue: Arc<Queue> = Arc::default();
        let start = |file: &ClusterFile| {
            let (file, office, queue) = (file.clone(), office.clone(), Arc::clone(&queue));
            std::thread::spawn(move || {
                let work = async |cluster: Cluster| office.work(&cluster, &queue).await;
                if let Err(error) = session(&file, work).flatten() {
                    locked(&queue.failure).get_or_insert(error);
                }
            })
        };
        let threads = files.iter().map(start).collect();
        Self { queue, threads }
    }

    /// Has all of this recorded, some time.
    pub(super) fn order(&self, orders: impl IntoIterator<Item = Order>) {
        let mut waiting = locked(&self.queue.orders);
        let before = waiting.len();
        waiting.extend(orders);
        self.queue.open.fetch_add(waiting.len() - before, Ordering::Relaxed);
    }

    /// How much of what was ordered is not recorded.
    ///
    /// # Errors
    /// Why a client has stopped.
    pub(super) fn open(&self) -> Result<usize, String> {
        match &*locked(&self.queue.failure) {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.queue.open.load(Ordering::Relaxed)),
        }
    }

    /// How often something had to be carried to the log again.
    pub(super) fn counts(&self) -> String {
        let [again, repeated] =
            [&self.queue.again, &self.queue.repeated].map(|count| count.load(Ordering::Relaxed));
        format!("{again} calls had no answer, {repeated} of them were recorded all the same")
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.queue.is_closed.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What it failed with was asked for before.
            drop(thread.join());
        }
    }
}

impl Office {
    pub(super) fn new(
        system: SystemId,
        authority: RealSigner,
        applicants: Arc<[Applicant]>,
    ) -> Self {
        Self { system, authority: Arc::new(authority), applicants }
    }

    async fn work(&self, cluster: &Cluster, queue: &Queue) -> Result<(), String> {
        while !queue.is_closed.load(Ordering::Relaxed) {
            let order = locked(&queue.orders).pop_front();
            match order {
                Some(order) => {
                    self.submit(cluster, order, queue).await?;
                    queue.open.fetch_sub(1, Ordering::Relaxed);
                }
                None => tokio::time::sleep(IDLE).await,
            }
        }
        Ok(())
    }

    async fn submit(&self, cluster: &Cluster, order: Order, queue: &Queue) -> Result<(), String> {
        let operation = self.certificate(order, cluster.configuration().epoch());
        let own = Refusal::Replayed { highest: sequence(order) };
        let mut tries = 0;
        loop {
            match cluster.membership(&operation).await.map(|answered| answered.reply) {
                Ok(MembershipReply::Recorded(_)) => return Ok(()),
                Ok(MembershipReply::Refused(refusal)) if refusal == own => {
                    queue.repeated.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(other) => return Err(format!("{order:?}: {other:?}")),
                Err(error) if tries == TRIES => return Err(format!("{order:?}: {error}")),
                Err(error) => {
                    tell(&format!("{order:?} is tried again: {error}"));
                    queue.again.fetch_add(1, Ordering::Relaxed);
                    tries += 1;
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    fn certificate(&self, order: Order, present: Epoch) -> MembershipOperation {
        let last_epoch = Epoch::new(present.get() + EPOCHS);
        let validity = Validity { sequence: sequence(order), first_epoch: present, last_epoch };
        let (system, authority) = (self.system, &*self.authority);
        let (Order::Add(number) | Order::Remove(number)) = order;
        let Applicant { identity_key, server } = self.applicants[number as usize].clone();
        match order {
            Order::Add(_) => {
                let grant = AddGrant { system, identity_key, validity, server };
                MembershipOperation::Add(AddCertificate::issue(grant, authority))
            }
            Order::Remove(_) => {
                let may_exceed_cap = false;
                let grant = RemoveGrant { system, identity_key, validity, may_exceed_cap };
                MembershipOperation::Remove(RemoveCertificate::issue(grant, authority))
            }
        }
    }
}

/// Its number among the certificates about the server.
const fn sequence(order: Order) -> u64 {
    match order {
        Order::Add(_) => 1,
        Order::Remove(_) => 2,
    }
}
