//! A socket that is read in large pieces for whoever asks for small ones, and that holds memory for
//! it only while there is something to read.
//!
//! TLS asks for 4 KiB at a time. A node has two connections with each of up to a thousand others,
//! and most of them are quiet most of the time: a buffer for each would be tens of megabytes.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::limits::READ_AHEAD_BYTES;

/// A TCP connection, read ahead.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    socket: TcpStream,
    /// What was read, without memory once all of it is taken.
    bytes: Vec<u8>,
    taken: usize,
}

impl ReadAhead {
    pub(crate) const fn new(socket: TcpStream) -> Self {
        Self { socket, bytes: Vec::new(), taken: 0 }
    }

    /// Reads what there is, once there is something or the other side has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket that has nothing gets no memory.
        ready!(self.socket.poll_read_ready(cx))?;
        let mut bytes = Vec::with_capacity(READ_AHEAD_BYTES);
        ready!(pin!(self.socket.read_buf(&mut bytes)).poll(cx))?;
        (self.bytes, self.taken) = (bytes, 0);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            ready!(self.poll_fill(cx))?;
        }
        let ahead = self.bytes.get(self.taken..).unwrap_or_default();
        let count = ahead.len().min(into.remaining());
        into.put_slice(ahead.get(..count).unwrap_or_default());
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.bytes = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    //! All that comes is read once and in order, and memory is held for it only meanwhile.
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::{READ_AHEAD_BYTES, ReadAhead};

    /// What the other side writes to, and what is read.
    async fn connected() -> (TcpStream, ReadAhead) {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(anywhere).await.unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        (other, ReadAhead::new(socket))
    }

    #[tokio::test]
    async fn what_is_taken_in_pieces_of_any_size_is_all_that_came() {
        const PIECES: [usize; 4] = [1, 5, 4_096, 2 * READ_AHEAD_BYTES];
        let (mut other, mut ahead) = connected().await;
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(5 * READ_AHEAD_BYTES + 3).collect();
        let said = sent.clone();
        let writing = async move {
            other.write_all(&said).await.unwrap();
            drop(other);
        };
        let reading = async {
            let (mut got, mut piece) = (Vec::new(), vec![0; 2 * READ_AHEAD_BYTES]);
            for size in PIECES.into_iter().cycle() {
                match ahead.read(&mut piece[..size]).await.unwrap() {
                    0 => break,
                    read => got.extend_from_slice(&piece[..read]),
                }
                assert_eq!(ahead.bytes.is_empty(), ahead.bytes.capacity() == 0);
            }
            got
        };
        let ((), got) = tokio::join!(writing, reading);
        assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
        assert_eq!(ahead.read(&mut [0; 1]).await.unwrap(), 0, "the end stays the end");
    }

    #[tokio::test]
    async fn memory_is_held_only_while_something_waits_to_be_taken() {
        let (mut other, mut ahead) = connected().await;
        let mut byte = [0; 1];
        let early = tokio::select! {
            biased;
            read = ahead.read(&mut byte) => Some(read),
            () = std::future::ready(()) => None,
        };
        assert!(early.is_none(), "nothing has come");
        assert_eq!(ahead.bytes.capacity(), 0);
        other.write_all(b"ab").await.unwrap();
        assert_eq!(ahead.read(&mut byte).await.unwrap(), 1);
        assert_eq!((byte, ahead.bytes.capacity() > 0), (*b"a", true), "one more waits");
        assert_eq!(ahead.read(&mut byte).await.unwrap(), 1);
        assert_eq!((byte, ahead.bytes.capacity()), (*b"b", 0));
    }
}
