//! A socket for datagrams: no link, no order, no memory of who was there.
//!
//! Whoever can send a datagram can name any source, so nothing that arrives here is believed, and
//! what is done about it has an [`crate::allowance::Allowance`].

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::limits::DATAGRAM_BYTES_MAX;

/// A datagram as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it says that it is from.
    pub from: SocketAddr,
}

/// What a look at the socket found.
#[derive(Clone, Copy, Debug)]
pub enum Received<'a> {
    /// A datagram.
    Datagram(Datagram<'a>),
    /// One that is longer than [`DATAGRAM_BYTES_MAX`]; what was read of it is forgotten.
    TooLong,
    /// Nothing, in the time that was waited.
    Nothing,
}

/// A socket with a buffer for one datagram.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    buffer: Box<[u8]>,
}

impl Datagrams {
    /// Opens a socket whose [`Datagrams::receive`] waits for at most `patience`, or not at all.
    ///
    /// # Errors
    /// What the operating system says, for example that the address is taken.
    pub fn bind(address: SocketAddr, patience: Option<Duration>) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        match patience {
            Some(patience) => socket.set_read_timeout(Some(patience))?,
            None => socket.set_nonblocking(true)?,
        }
        // One byte more, to see that a datagram is too long.
        Ok(Self { socket, buffer: vec![0; DATAGRAM_BYTES_MAX + 1].into_boxed_slice() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes the next datagram. A failed look is one that found nothing: whoever is at the other
    /// end cannot end the service for all others.
    pub fn receive(&mut self) -> Received<'_> {
        match self.socket.recv_from(&mut self.buffer) {
            Ok((length, _)) if length > DATAGRAM_BYTES_MAX => Received::TooLong,
            Ok((length, from)) => {
                Received::Datagram(Datagram { bytes: &self.buffer[..length], from })
            }
            Err(_) => Received::Nothing,
        }
    }

    /// Sends a datagram; false if the operating system did not take it, which is as if it were
    /// lost on the way.
    #[must_use]
    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> bool {
        debug_assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "what every path carries");
        self.socket.send_to(bytes, to).is_ok_and(|sent| sent == bytes.len())
    }
}

#[cfg(test)]
mod tests {
    //! What is sent arrives, and what is too long does not.
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use super::{Datagrams, Received};
    use crate::limits::DATAGRAM_BYTES_MAX;

    const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn pair() -> (Datagrams, Datagrams) {
        let open = || Datagrams::bind(LOOPBACK, Some(Duration::from_secs(10))).unwrap();
        (open(), open())
    }

    #[test]
    fn the_longest_datagram_arrives_with_its_source() {
        let (one, mut other) = pair();
        let bytes = vec![7; DATAGRAM_BYTES_MAX];
        assert!(one.send(&bytes, other.local_address().unwrap()));
        let Received::Datagram(datagram) = other.receive() else { panic!("nothing came") };
        assert_eq!(datagram.bytes, bytes);
        assert_eq!(datagram.from, one.local_address().unwrap());
    }

    #[test]
    fn one_byte_more_is_too_long() {
        let (one, mut other) = pair();
        let to = other.local_address().unwrap();
        one.socket.send_to(&vec![7; DATAGRAM_BYTES_MAX + 1], to).unwrap();
        assert!(matches!(other.receive(), Received::TooLong));
    }

    #[test]
    fn without_patience_a_look_at_an_empty_socket_finds_nothing() {
        let mut socket = Datagrams::bind(LOOPBACK, None).unwrap();
        assert!(matches!(socket.receive(), Received::Nothing));
    }
}
