//! Free ports on loopback, chosen once and then written down.
//!
//! They lie below those that systems give to outgoing connections (from 32768 on Linux, from 49152
//! elsewhere), so that no connection takes the port of a server that is down. Between the choice
//! and the moment at which its server listens, a port is nobody's: clusters that begin on one
//! machine [take turns](super::turn).

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;

use quorate_daemon::server::random_u64;

use crate::failure::Failure;

/// The lowest port that is chosen.
const FIRST: u16 = 20_000;
/// How many ports there are to choose from.
const COUNT: u16 = 12_000;

/// Distinct ports that nobody uses now, for TCP and for datagrams.
pub(crate) fn free(count: usize) -> Result<Vec<u16>, Failure> {
    let start = random_u64()? % u64::from(COUNT);
    let ports = (0..u64::from(COUNT)).map(|step| {
        let place = (start + step) % u64::from(COUNT);
        FIRST + u16::try_from(place).expect("below the count")
    });
    let free: Vec<u16> = ports.filter(|port| is_free(*port)).take(count).collect();
    if free.len() < count {
        let error = std::io::ErrorKind::AddrInUse.into();
        return Err(Failure::io("find free ports at", Path::new("127.0.0.1"), &error));
    }
    Ok(free)
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    //! Ports can be used, and are distinct.
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, TcpListener};

    use super::{COUNT, FIRST, free};

    #[test]
    fn free_ports_are_distinct_and_can_be_listened_on() {
        let ports = free(20).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
        assert!(ports.iter().all(|port| (FIRST..FIRST + COUNT).contains(port)));
        let listening: Vec<_> =
            ports.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port))).collect();
        assert!(listening.iter().all(Result::is_ok), "{listening:?}");
        let others = free(20).unwrap();
        assert!(others.iter().all(|port| !ports.contains(port)), "these are in use");
    }
}
