//! Reads a server's page of metrics and its health, over plain HTTP on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time for one answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The body of an answer, if there is one.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// The sum of all whole-numbered values whose line contains each of these texts.
#[must_use]
pub fn sum(page: &str, texts: &[&str]) -> u64 {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let fitting = lines.filter(|line| texts.iter().all(|text| line.contains(text)));
    fitting.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    //! Values are found by name and label.

    #[test]
    fn lines_that_contain_all_texts_are_added_up() {
        let page = "# HELP a b\na{x=\"liar.lied\"} 3\na{x=\"liar.doubled\"} 4\na{x=\"other\"} 9\n";
        assert_eq!(super::sum(page, &["a{", "liar."]), 7);
        assert_eq!(super::sum(page, &["b{"]), 0);
    }
}
