//! Every secret of 32 bytes that a server ever had in a file, to be found where it must not be.

use crate::epochs::Name;
use crate::epochs::disk::Disks;
use crate::fast::FastMap;

/// Bytes of a seed, and of the number in a share.
const SECRET_BYTES: usize = 32;

/// Secrets, with whose they are or were; none is forgotten when its file is erased.
#[derive(Default, Debug)]
pub(in crate::epochs) struct Secrets(FastMap<[u8; SECRET_BYTES], (usize, Name)>);

impl Secrets {
    /// What the founders have from the beginning.
    pub(in crate::epochs) fn of_founders(disks: &Disks) -> Self {
        let mut secrets = Self::default();
        for (index, disk) in disks.borrow().iter().enumerate() {
            disk.files.iter().for_each(|(name, bytes)| secrets.note(index, *name, bytes));
        }
        secrets
    }

    /// Notes what a file of a server holds, if that is a secret. Trees are none: of what they hold
    /// nothing stands for itself.
    pub(in crate::epochs) fn note(&mut self, server: usize, name: Name, bytes: &[u8]) {
        if name.is_secret() && !name.is_tree() {
            let secret = bytes.last_chunk().expect("a secret has 32 bytes");
            self.0.insert(*secret, (server, name));
        }
    }

    /// Whose secret stands in a text, anywhere, and which file it is or was in.
    pub(in crate::epochs) fn find(&self, text: &[u8]) -> Option<(usize, Name)> {
        self.all(text).next()
    }

    /// Whose secrets stand in a text.
    pub(in crate::epochs) fn all(&self, text: &[u8]) -> impl Iterator<Item = (usize, Name)> {
        let places = text.windows(SECRET_BYTES);
        places.filter_map(|part| self.0.get::<[u8]>(part).copied())
    }
}

#[cfg(test)]
mod tests {
    //! What was noted is found for good, wherever it stands.
    use quorate_types::Epoch;

    use super::Secrets;
    use crate::epochs::Name;

    #[test]
    fn a_secret_is_found_anywhere_in_a_text_and_nothing_else_is() {
        let mut secrets = Secrets::default();
        let (key, share) = (Name::Signing(Epoch::new(3)), Name::Share(Epoch::new(4)));
        secrets.note(1, key, &[7; 32]);
        secrets.note(2, share, &[[9; 34].as_slice(), &[8; 32]].concat());
        secrets.note(2, Name::Certificate(Epoch::new(4)), &[6; 32]);
        secrets.note(2, Name::Identity(Epoch::new(4)), &[5; 32]);
        let around = |byte: u8| [&[1, 2, 3], &[byte; 32][..], &[4]].concat();
        assert_eq!(secrets.find(&around(7)), Some((1, key)));
        assert_eq!(secrets.find(&[[8; 32].as_slice(), &[4]].concat()), Some((2, share)));
        assert_eq!(secrets.find(&[[4].as_slice(), &[8; 32]].concat()), Some((2, share)));
        for other in [9, 6, 5] {
            assert_eq!(secrets.find(&around(other)), None, "no secret, or a tree");
        }
        assert_eq!(secrets.find(&[7; 31]), None, "not all of it");
    }
}
