//! Bytes pass unchanged, and each fault does what it says.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Passage, Proxy};

/// A proxy, the caller's end of a connection over it, and the server's end.
fn connected() -> (Proxy, TcpStream, TcpStream) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap()).unwrap();
    let mut near = TcpStream::connect(proxy.address()).unwrap();
    let (mut far, _) = server.accept().unwrap();
    near.write_all(b"up").unwrap();
    assert_eq!(read(&mut far, 2), b"up");
    far.write_all(b"down").unwrap();
    assert_eq!(read(&mut near, 4), b"down");
    (proxy, near, far)
}

fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn await_count(counter: &AtomicU64) {
    while counter.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn megabytes_pass_unchanged() {
    let (_proxy, mut near, mut far) = connected();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_be_bytes()[2]).collect();
    let sent = bytes.clone();
    let sender = std::thread::spawn(move || near.write_all(&sent).unwrap());
    assert!(read(&mut far, bytes.len()) == bytes, "other bytes came than were sent");
    sender.join().unwrap();
}

#[test]
fn a_cut_ends_both_directions() {
    let (proxy, mut near, mut far) = connected();
    proxy.cut();
    for stream in [&mut near, &mut far] {
        assert!(
            stream.read(&mut [0]).is_ok_and(|count| count == 0) || stream.read(&mut [0]).is_err()
        );
    }
    await_count(&proxy.touched().cuts);
    assert_eq!(proxy.touched().cuts.load(Ordering::Relaxed), 1);
}

#[test]
fn a_half_close_ends_the_servers_word_and_lets_the_callers_pass() {
    let (proxy, mut near, mut far) = connected();
    proxy.half_close();
    assert_eq!(near.read(&mut [0]).unwrap(), 0);
    near.write_all(b"still").unwrap();
    assert_eq!(read(&mut far, 5), b"still");
    assert_eq!(proxy.touched().half_closes.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stall_holds_bytes_until_it_ends() {
    let (proxy, mut near, mut far) = connected();
    proxy.set(Passage::Stalled);
    near.write_all(b"held").unwrap();
    await_count(&proxy.touched().stalls);
    far.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let error = far.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    far.set_read_timeout(None).unwrap();
    proxy.set(Passage::Open);
    assert_eq!(read(&mut far, 4), b"held");
}

#[test]
fn a_delay_passes_everything_later() {
    let (proxy, mut near, mut far) = connected();
    proxy.set(Passage::Delayed(Duration::from_millis(5)));
    near.write_all(b"later").unwrap();
    assert_eq!(read(&mut far, 5), b"later");
    assert_eq!(proxy.touched().delays.load(Ordering::Relaxed), 1);
}

#[test]
fn a_server_that_is_down_ends_the_callers_connection() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap()).unwrap();
    drop(server);
    let mut near = TcpStream::connect(proxy.address()).unwrap();
    assert!(matches!(near.read(&mut [0]), Ok(0) | Err(_)));
}
