//! Which systems this release can serve and use, whoever founded them.
//!
//! `init` founds no other; a genesis from elsewhere may be validly signed and still be too much.

use std::fmt;

use quorate_bft::limits::GROUP_F_MAX;
use quorate_net::limits::PEERS_MAX;
use quorate_types::{Configuration, Resilience};

use crate::explanation::{Explanation, Kind};

/// Why a system is too much for this release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Excess {
    /// It has more servers than links are made for.
    Servers(usize),
    /// The messages of groups that tolerate so many bad servers would not fit a frame.
    Resilience {
        /// Which groups.
        of: &'static str,
        /// How many.
        f: usize,
    },
}

impl Excess {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Servers(_) => {
                "keep the system to fewer servers, or use a release that serves more"
            }
            Self::Resilience { .. } => {
                "found a system with a smaller f, or use a release that serves larger groups"
            }
        }
    }

    /// The failure in the form that all commands print.
    #[must_use]
    pub fn explain(&self, place: String) -> Explanation {
        let (kind, code, remedy) = (Kind::Configuration, "system-too-large", self.remedy());
        Explanation { kind, code, what: self.to_string(), place, remedy: String::from(remedy) }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(count) => {
                write!(f, "the system has {count} servers, this release serves at most {PEERS_MAX}")
            }
            Self::Resilience { of, f: bad } => write!(
                f,
                "{of} of the system would tolerate {bad} bad servers, this release serves at most \
                 {GROUP_F_MAX}"
            ),
        }
    }
}

/// Is a system within what this release serves, for a server that founds or joins it? Each server
/// is to have links to all others.
///
/// # Errors
/// [`Excess`] names what there is too much of.
pub fn check_whole(configuration: &Configuration) -> Result<(), Excess> {
    let count = configuration.members.len();
    if count > PEERS_MAX {
        return Err(Excess::Servers(count));
    }
    check(configuration)
}

/// Are the groups of a system within what this release serves? Of its servers there may be more
/// than there are links for: it has grown, and stays in use ([`crate::links::linked`]).
///
/// # Errors
/// [`Excess`] names what there is too much of.
pub fn check(configuration: &Configuration) -> Result<(), Excess> {
    check_resilience("storage groups", configuration.storage)?;
    check_resilience("the membership group", configuration.membership)
}

fn check_resilience(of: &'static str, resilience: Resilience) -> Result<(), Excess> {
    match resilience.f() <= usize::from(GROUP_F_MAX) {
        true => Ok(()),
        false => Err(Excess::Resilience { of, f: resilience.f() }),
    }
}

#[cfg(test)]
mod tests {
    //! The largest that is served, and one more.
    use quorate_types::Configuration;

    use super::{Excess, GROUP_F_MAX, PEERS_MAX, check, check_whole};
    use crate::testing;

    fn system(servers: usize, storage: u16, membership: u16) -> Configuration {
        testing::system((0..).map(testing::member).take(servers), (storage, membership))
    }

    #[test]
    fn the_largest_system_is_served_and_each_excess_is_named() {
        let f = GROUP_F_MAX;
        assert_eq!(check_whole(&system(PEERS_MAX, f, f)), Ok(()));
        let larger = system(PEERS_MAX + 1, f, f);
        assert_eq!(check_whole(&larger), Err(Excess::Servers(PEERS_MAX + 1)));
        assert_eq!(check(&larger), Ok(()), "it has grown");
        let too_many = usize::from(f) + 1;
        assert!(check_whole(&system(40, f + 1, f)).is_err());
        let storage = Excess::Resilience { of: "storage groups", f: too_many };
        assert_eq!(check(&system(40, f + 1, f)), Err(storage));
        let membership = Excess::Resilience { of: "the membership group", f: too_many };
        assert_eq!(check(&system(40, f, f + 1)), Err(membership));
        let told = membership.explain(String::from("genesis")).to_string();
        assert_eq!(
            told,
            "the membership group of the system would tolerate 9 bad servers, this release serves \
             at most 8: genesis: found a system with a smaller f, or use a release that serves \
             larger groups"
        );
    }
}
