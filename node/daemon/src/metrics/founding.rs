//! The page and the health of a server that makes the key of its system with the others.

use std::convert::Infallible;
use std::net::SocketAddr;

use super::{Answer, answer_all, listen, put};
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
///
/// # Errors
/// [`ServerError::Metrics`] if the address cannot be listened on.
pub(crate) async fn serve(
    address: SocketAddr,
    waiting: &Waiting,
) -> Result<Infallible, ServerError> {
    let listener = listen(address).await?;
    Ok(answer_all(listener, |line: &[u8]| answer(line, waiting)).await)
}

fn answer(line: &[u8], waiting: &Waiting) -> Answer {
    match line {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => {
            let mut page = String::new();
            write(&mut page, Some(waiting));
            ("200 OK", page)
        }
        _ => ("503 Service Unavailable", format!("{waiting}\n")),
    }
}
