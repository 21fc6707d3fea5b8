//! Clients that carry certificates of the authority to the log, each one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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

/// In how many epochs a certificate may be executed.
const EPOCHS: u64 = 1_000;
/// How often a certificate is carried to the log before the run fails.
const TRIES: u32 = 20;
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
struct Progress {
    next: AtomicUsize,
    again: AtomicU64,
    repeated: AtomicU64,
}

impl Office {
    pub(super) fn new(
        system: SystemId,
        authority: RealSigner,
        applicants: Arc<[Applicant]>,
    ) -> Self {
        Self { system, authority: Arc::new(authority), applicants }
    }

    /// Has all of this recorded; says how often something had to be tried again.
    pub(super) fn carry_out(
        &self,
        files: &[ClusterFile],
        (orders, present): (&[Order], Epoch),
    ) -> Result<String, String> {
        let progress = Progress::default();
        std::thread::scope(|scope| {
            let work = |file| {
                let progress = &progress;
                scope.spawn(move || {
                    session(file, async |cluster| {
                        self.work(&cluster, (orders, present), progress).await
                    })?
                })
            };
            let threads: Vec<_> = files.iter().map(work).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
                thread.join().unwrap_or_else(|_| Err(String::from("a client panicked")))
            };
            threads.into_iter().try_for_each(join)
        })?;
        let [again, repeated] =
            [&progress.again, &progress.repeated].map(|count| count.load(Ordering::Relaxed));
        Ok(format!("{again} had no answer at first, {repeated} were recorded before"))
    }

    async fn work(
        &self,
        cluster: &Cluster,
        (orders, present): (&[Order], Epoch),
        progress: &Progress,
    ) -> Result<(), String> {
        while let Some(order) = orders.get(progress.next.fetch_add(1, Ordering::Relaxed)) {
            self.submit(cluster, (*order, present), progress).await?;
        }
        Ok(())
    }

    async fn submit(
        &self,
        cluster: &Cluster,
        (order, present): (Order, Epoch),
        progress: &Progress,
    ) -> Result<(), String> {
        let operation = self.certificate(order, present);
        let own = Refusal::Replayed { highest: sequence(order) };
        let mut tries = 0;
        loop {
            match cluster.membership(&operation).await.map(|answered| answered.reply) {
                Ok(MembershipReply::Recorded(_)) => return Ok(()),
                Ok(MembershipReply::Refused(refusal)) if refusal == own => {
                    progress.repeated.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(other) => return Err(format!("{order:?}: {other:?}")),
                Err(error) if tries == TRIES => return Err(format!("{order:?}: {error}")),
                Err(error) => {
                    crate::telling::tell(&format!("{order:?} is tried again: {error}"));
                    progress.again.fetch_add(1, Ordering::Relaxed);
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
