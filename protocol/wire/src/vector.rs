//! Test vectors: encodings as people and other programs read them.

use alloc::string::String;
use core::fmt::Write;

use crate::codec::{Encode, encode};

/// A line of a file of test vectors: a name, and the encoding of a value in hexadecimal.
#[must_use]
pub fn vector<T: Encode>(name: &str, value: &T) -> String {
    let mut line = String::from(name);
    line.push(' ');
    for byte in encode(value) {
        write!(line, "{byte:02x}").expect("a string takes everything");
    }
    line.push('\n');
    line
}
