//! Documents that people carry between machines: one line of text, so that it can be mailed.
//!
//! ```text
//! quorate-admission-1:00a1b2...
//! <--- label ---> <- lowercase hexadecimal digits of the canonical encoding
//! ```
//! Nothing in such a line is secret, and each document proves itself by the signatures in it.

use std::path::Path;

use quorate_wire::{Decode, Encode, decode, encode};

use crate::explanation::{Explanation, Kind};

/// Longest document that is read, in bytes of the file.
pub const CARRIED_BYTES_MAX: u64 = 64 * 1024;

/// What a server prints about itself.
pub const ADMISSION: &str = "quorate-admission-1";
/// What the authority gives to a client.
pub const CLIENT_CERTIFICATE: &str = "quorate-client-certificate-1";

/// What the authority says about a server, or about who signs for it, with the signatures so far.
pub const CHANGE: &str = "quorate-change-1";

/// The line of a document.
#[must_use]
pub fn to_line<T: Encode>(label: &str, document: &T) -> String {
    format!("{label}:{}", to_hex(&encode(document)))
}

/// Reads a document from the text of a file; white space around the line does not matter.
///
/// # Errors
/// What is wrong, for [`read`] to put a file to it.
pub fn from_text<T: Decode>(label: &str, text: &str) -> Result<T, String> {
    let Some((found, digits)) = text.trim().split_once(':') else {
        return Err(format!("the file does not begin with `{label}:`"));
    };
    if found != label {
        return Err(format!("the file does not begin with `{label}:`"));
    }
    let bytes = from_hex(digits).ok_or("the line is cut short, or not of hexadecimal digits")?;
    decode(&bytes).map_err(|error| format!("the line is damaged: {error}"))
}

/// Reads a document from a file.
///
/// # Errors
/// [`Explanation`] names the file and what it is instead.
pub fn read<T: Decode>(label: &str, path: &Path) -> Result<T, Explanation> {
    let text = read_text(path, CARRIED_BYTES_MAX)?;
    let remedy = "carry the file again, whole and unchanged";
    from_text(label, &text)
        .map_err(|what| Explanation::about(path, (Kind::Configuration, "carried"), what, remedy))
}

/// Reads documents of one kind from a file, one in each line; empty lines do not matter.
///
/// # Errors
/// [`Explanation`] names the file and what it is instead.
pub fn read_all<T: Decode>(label: &str, path: &Path) -> Result<Vec<T>, Explanation> {
    let text = read_text(path, CARRIED_BYTES_MAX)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let read: Result<Vec<T>, String> = lines.map(|line| from_text(label, line)).collect();
    let found = read.and_then(|all| match all.is_empty() {
        true => Err(format!("the file does not begin with `{label}:`")),
        false => Ok(all),
    });
    let remedy = "carry the file again, whole and unchanged";
    found.map_err(|what| Explanation::about(path, (Kind::Configuration, "carried"), what, remedy))
}

/// Writes a document as a file of one line that everybody may read.
///
/// # Errors
/// [`Explanation`] names the file and the reason given by the system.
pub fn write<T: Encode>(label: &str, path: &Path, document: &T) -> Result<(), Explanation> {
    let line = to_line(label, document) + "\n";
    std::fs::write(path, line).map_err(|error| Explanation::of_io("write", path, &error))
}

/// The text of a small file.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String, Explanation> {
    let fail = |error: std::io::Error| Explanation::of_io("read", path, &error);
    let length = std::fs::metadata(path).map_err(fail)?.len();
    if length > bytes_max {
        let what = format!("the file has {length} bytes, more than {bytes_max}");
        let about = (Kind::Configuration, "file-too-long");
        return Err(Explanation::about(path, about, what, "correct the path"));
    }
    let bytes = std::fs::read(path).map_err(fail)?;
    let about = (Kind::Configuration, "file-not-text");
    String::from_utf8(bytes).map_err(|error| {
        Explanation::about(path, about, format!("no text: {error}"), "correct the path")
    })
}

/// Lowercase hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

/// The bytes of lowercase hexadecimal digits.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some((nibble(pair[0])? << 4) | nibble(pair[1])?)).collect()
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
