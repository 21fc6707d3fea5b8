//! What a server checks and computes before it believes what follows its configuration.
//!
//! All of it is a function of public values. So a program that runs many servers at once may
//! compute each step once for all of them; that is what the trait is for.
//!
//! Invariants: MEM-1, MEM-63.

use alloc::sync::Arc;
use core::fmt;

use quorate_wire::DecodeError;

use crate::configuration::VerifiedConfiguration;
use crate::dissemination::chunk::EncodedDelta;
use crate::dissemination::trees::Trees;
use crate::rejected::Rejected;
use crate::schemes::Schemes;

/// A step from one epoch to the next that was checked.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The configuration of the new epoch.
    pub configuration: VerifiedConfiguration,
    /// Who passes it on to whom.
    pub trees: Arc<Trees>,
    /// What is passed on.
    pub delta: Arc<EncodedDelta>,
}

/// Why a delta that arrived in full leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeadsNowhere {
    /// The bytes are no delta.
    Malformed(DecodeError),
    /// It is not believed.
    Rejected(Rejected),
}

/// Checks a delta and computes what follows from it.
pub trait Follow: fmt::Debug + Send + Sync {
    /// The step from `base`, the same for the same arguments.
    ///
    /// # Errors
    /// [`LeadsNowhere`]: then whoever sent it lies.
    fn follow(
        &self,
        base: &VerifiedConfiguration,
        delta: EncodedDelta,
    ) -> Result<Followed, LeadsNowhere>;

    /// The trees of a step that this server knows already.
    fn trees(&self, old: &VerifiedConfiguration, new: &VerifiedConfiguration) -> Arc<Trees>;

    /// What a header is checked with, and members that are compared leaf by leaf.
    fn schemes(&self) -> &Schemes;
}

/// What production does.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The schemes of signatures.
    pub schemes: Schemes,
    /// To how many a server passes on in one tree.
    pub fan_out: usize,
}

impl Follow for Checked {
    fn follow(
        &self,
        base: &VerifiedConfiguration,
        delta: EncodedDelta,
    ) -> Result<Followed, LeadsNowhere> {
        let said = delta.decode().map_err(LeadsNowhere::Malformed)?;
        let configuration = said.apply(base, &self.schemes).map_err(LeadsNowhere::Rejected)?;
        let trees = self.trees(base, &configuration);
        Ok(Followed { configuration, trees, delta: Arc::new(delta) })
    }

    fn trees(&self, old: &VerifiedConfiguration, new: &VerifiedConfiguration) -> Arc<Trees> {
        Arc::new(Trees::of(old, new, self.fan_out))
    }

    fn schemes(&self) -> &Schemes {
        &self.schemes
    }
}
