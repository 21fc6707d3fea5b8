//! Which known key a misspelt one was meant to be.

/// Most letters that may differ.
const DISTANCE_MAX: usize = 3;

/// The known key that looks most like this one, if any looks like it.
pub(super) fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let distances = known.iter().map(|name| (distance(key, name), *name));
    let (distance, name) = distances.min()?;
    // A short key has few letters to begin with: half of them at most may differ.
    (distance <= DISTANCE_MAX.min(name.len() / 2)).then_some(name)
}

/// Letters to insert, remove or replace (Levenshtein); case and `-` for `_` count nothing.
fn distance(left: &str, right: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().map(|letter| letter.to_ascii_lowercase()).map(joined).collect()
    };
    let (left, right) = (letters(left), letters(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (index, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

const fn joined(letter: char) -> char {
    if letter == '-' { '_' } else { letter }
}

#[cfg(test)]
mod tests {
    //! The obvious meaning is found, and nothing is made up.
    use super::{distance, nearest};

    #[test]
    fn a_misspelt_key_is_recognised_and_a_foreign_one_is_not() {
        let known = ["listen", "metrics", "data", "identity_key", "epoch_key"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("Identity-Key", &known), Some("identity_key"));
        assert_eq!(nearest("dat", &known), Some("data"));
        assert_eq!(nearest("replication", &known), None);
        assert_eq!(nearest("x", &known), None);
        assert_eq!(nearest("x", &[]), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting")), (3, 3));
    }
}
