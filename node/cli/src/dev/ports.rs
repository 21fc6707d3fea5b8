//! Free ports on loopback, chosen once and then written down.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;

use crate::failure::Failure;

/// Distinct ports that nobody uses now, for TCP and for datagrams.
///
/// All are held until all are found, so none is given twice. Another program may take one before
/// its server does: then that server says so when it starts.
pub(crate) fn free(count: usize) -> Result<Vec<u16>, Failure> {
    let mut held = Vec::new();
    let mut rejected = Vec::new();
    while held.len() < count {
        let listener = listen()?;
        let port = port_of(&listener)?;
        match UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(socket) => held.push((port, listener, socket)),
            // Kept, so that the system does not offer it again.
            Err(_) => rejected.push(listener),
        }
    }
    Ok(held.into_iter().map(|(port, ..)| port).collect())
}

fn listen() -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)
}

fn port_of(listener: &TcpListener) -> Result<u16, Failure> {
    Ok(listener.local_addr().map_err(failed)?.port())
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn failed(error: std::io::Error) -> Failure {
    Failure::io("find a free port at", Path::new("127.0.0.1"), &error)
}

#[cfg(test)]
mod tests {
    //! Ports can be used, and are distinct.
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, TcpListener};

    use super::free;

    #[test]
    fn free_ports_are_distinct_and_can_be_listened_on() {
        let ports = free(20).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
        let listening: Vec<_> =
            ports.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port))).collect();
        assert!(listening.iter().all(Result::is_ok), "{listening:?}");
    }
}
