//! The page and the health of a server that makes the key of its system with the others.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use super::{ACCEPT_PAUSE, REQUEST_TIMEOUT, put, read_line, respond};
use crate::error::ServerError;
use crate::making::Waiting;

/// Appends whether the server is still in the founding, and who is missing there.
pub(super) fn write(page: &mut String, waiting: Option<&Waiting>) {
    let missing = waiting.map_or(0, Waiting::missing);
    for (name, help, value) in [
        (
            "founding",
            "1 while this server makes the key of its system with the others.",
            usize::from(waiting.is_some()),
        ),
        ("founders_missing", "Servers of the founding that are not connected, during it.", missing),
    ] {
        put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} gauge\n"));
        put(page, format_args!("quorate_{name} {value}\n"));
    }
}

/// Answers, as long as it is awaited, for a server that is still being founded.
pub(crate) async fn serve(address: SocketAddr, waiting: &Waiting) -> ServerError {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(source) => return ServerError::Metrics { address, source },
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                drop(tokio::time::timeout(REQUEST_TIMEOUT, answer(stream, waiting)).await);
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn answer(mut stream: TcpStream, waiting: &Waiting) -> std::io::Result<()> {
    match &*read_line(&mut stream).await? {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => {
            let mut page = String::new();
            write(&mut page, Some(waiting));
            respond(stream, "200 OK", &page).await
        }
        _ => respond(stream, "503 Service Unavailable", &format!("{waiting}\n")).await,
    }
}
