//! As many files and sockets as the system lets a process have.
//!
//! Systems give a process 1,024 at first, since `select(2)` knows no more, and let it ask for many
//! more. A server has two sockets with each other one, and so has a client.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of this process to the most that it may have.
///
/// # Errors
/// What the system says: the limit is as it was.
pub fn raise_limit() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    //! The limit of this very process, of which each test has one.
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::raise_limit;

    #[test]
    fn a_process_has_as_many_as_it_may_have() {
        let most = getrlimit(Resource::Nofile).maximum;
        let few = Rlimit { current: Some(64), maximum: most };
        setrlimit(Resource::Nofile, few).unwrap();
        raise_limit().unwrap();
        assert_eq!(getrlimit(Resource::Nofile), Rlimit { current: most, maximum: most });
    }
}
