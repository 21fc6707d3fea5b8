//! A Rust file cut into code, comments and texts, and its lines into production and test.
//!
//! A small scanner instead of a parser: the checks need to know only whether a word stands in code,
//! in a comment, in documentation or in a string, and whether the line is compiled for tests alone.

/// What a byte of the file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the compiler reads.
    Code,
    /// `//` and `/* */`.
    Comment,
    /// `///` and `//!`.
    Doc,
    /// String, byte string and character literals with their quotes.
    Text,
}

/// The scanned file.
#[derive(Debug)]
pub(crate) struct RustText<'a> {
    text: &'a str,
    kinds: Vec<Kind>,
}

impl<'a> RustText<'a> {
    /// Scans a file.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut scanner = Scanner { bytes: text.as_bytes(), kinds: Vec::with_capacity(text.len()) };
        scanner.scan();
        Self { text, kinds: scanner.kinds }
    }

    /// The file with everything but these kinds blanked; offsets and lines stay as they are.
    pub(crate) fn only(&self, wanted: &[Kind]) -> String {
        let mut result = String::with_capacity(self.text.len());
        for (index, letter) in self.text.char_indices() {
            if letter == '\n' || wanted.contains(&self.kinds[index]) {
                result.push(letter);
            } else {
                result.extend(std::iter::repeat_n(' ', letter.len_utf8()));
            }
        }
        result
    }

    /// For each line whether it is compiled for tests only.
    pub(crate) fn test_lines(&self) -> Vec<bool> {
        let code = self.only(&[Kind::Code]);
        let mut is_test = vec![false; self.text.lines().count()];
        for marker in ["#[cfg(test)]", "#[test]"] {
            for (start, _) in code.match_indices(marker) {
                let end = item_end(&code, start);
                let (first, last) = (line_of(&code, start), line_of(&code, end));
                is_test[first - 1..last].fill(true);
            }
        }
        is_test
    }
}

/// The number of the line, from one, that holds this offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// The offset of the last byte of the item that an attribute at `start` belongs to: its closing
/// brace, or its semicolon.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth: usize = 0;
    for (index, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index;
                }
            }
            b';' if depth == 0 => return index,
            _ => {}
        }
    }
    code.len().saturating_sub(1)
}

/// Walks the bytes and gives each its kind.
struct Scanner<'a> {
    bytes: &'a [u8],
    kinds: Vec<Kind>,
}

impl Scanner<'_> {
    fn scan(&mut self) {
        while self.kinds.len() < self.bytes.len() {
            let at = self.kinds.len();
            let rest = &self.bytes[at..];
            let (kind, length) = if rest.starts_with(b"//") {
                line_comment(rest)
            } else if rest.starts_with(b"/*") {
                (Kind::Comment, block_comment_length(rest))
            } else if let Some(length) = self.literal_length(at) {
                (Kind::Text, length)
            } else {
                (Kind::Code, 1)
            };
            let end = (at + length).min(self.bytes.len());
            self.kinds.resize(end, kind);
        }
    }

    /// The length of the string or character literal that begins here, if one does.
    fn literal_length(&self, at: usize) -> Option<usize> {
        let rest = &self.bytes[at..];
        match rest[0] {
            b'"' => Some(quoted_length(rest, b'"')),
            b'\'' => character_length(rest),
            b'r' if !self.continues_word(at) => raw_length(rest),
            _ => None,
        }
    }

    /// Whether the byte here is part of a longer name; `b` and `c` before a raw string are not.
    fn continues_word(&self, at: usize) -> bool {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match at.checked_sub(1).map(|before| self.bytes[before]) {
            Some(b'b' | b'c') => at >= 2 && is_word(self.bytes[at - 2]),
            Some(byte) => is_word(byte),
            None => false,
        }
    }
}

fn line_comment(rest: &[u8]) -> (Kind, usize) {
    let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let is_inner = rest.starts_with(b"//!");
    let is_outer = rest.starts_with(b"///") && !rest.starts_with(b"////");
    (if is_inner || is_outer { Kind::Doc } else { Kind::Comment }, length)
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut index) = (0_usize, 0);
    while index < rest.len() {
        if rest[index..].starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if rest[index..].starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    rest.len()
}

/// Length of a literal with escapes, from its opening quote to its closing one.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut index = 1;
    while index < rest.len() {
        match rest[index] {
            b'\\' => index += 2,
            byte if byte == quote => return index + 1,
            _ => index += 1,
        }
    }
    rest.len()
}

/// Length of a character literal, or nothing for a lifetime.
fn character_length(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(quoted_length(rest, b'\''));
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
    let valid = match &text {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&rest[1..=error.valid_up_to()]).ok()?,
    };
    let letter = valid.chars().next()?;
    let close = 1 + letter.len_utf8();
    (rest.get(close) == Some(&b'\'')).then_some(close + 1)
}

/// Length of `r"..."` or `r#"..."#`, or nothing for a name such as `r#type`.
fn raw_length(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let body = 2 + hashes;
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let found = rest[body..].windows(close.len()).position(|window| window == close);
    Some(found.map_or(rest.len(), |index| body + index + close.len()))
}

#[cfg(test)]
mod tests;
