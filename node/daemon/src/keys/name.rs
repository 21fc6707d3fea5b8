//! The names of the files: what is in them, and of which epoch it is.

use std::fmt;

use quorate_types::Epoch;

/// A file of a server's keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Name {
    /// The identity, of which the leaf of this epoch is the next to sign.
    Identity(Epoch),
    /// Seed of the key that signs.
    Signing(Epoch),
    /// Seed of the key that decrypts.
    Decryption(Epoch),
    /// The identity's word on the key that signs.
    Certificate(Epoch),
    /// The share of the system's key, with the attempt in which it was made.
    Share(Epoch),
    /// Seed of the dealings with which the epoch ends.
    Dealing(Epoch),
    /// The tree that is to take the place of the identity's.
    Successor(Epoch),
    /// What shows that the server holds that tree.
    RootProof(Epoch),
}

impl Name {
    /// The epoch that the content is about.
    pub(super) const fn epoch(self) -> Epoch {
        match self {
            Self::Identity(epoch)
            | Self::Signing(epoch)
            | Self::Decryption(epoch)
            | Self::Certificate(epoch)
            | Self::Share(epoch)
            | Self::Dealing(epoch)
            | Self::Successor(epoch)
            | Self::RootProof(epoch) => epoch,
        }
    }

    /// Does it go with the epoch?
    pub(super) const fn is_of_epoch(self) -> bool {
        match self {
            Self::Identity(_) | Self::Successor(_) | Self::RootProof(_) => false,
            Self::Signing(_)
            | Self::Decryption(_)
            | Self::Certificate(_)
            | Self::Share(_)
            | Self::Dealing(_) => true,
        }
    }

    /// The name in this text, if it is one of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (stem, suffix) = text.split_once('.')?;
        let (kind, number) = stem.split_once('-')?;
        let epoch = Epoch::new(number.parse().ok()?);
        let name = match (kind, suffix) {
            ("identity", "key") => Self::Identity(epoch),
            ("epoch", "key") => Self::Signing(epoch),
            ("decryption", "key") => Self::Decryption(epoch),
            ("epoch", "certificate") => Self::Certificate(epoch),
            ("share", "key") => Self::Share(epoch),
            ("dealing", "key") => Self::Dealing(epoch),
            ("successor", "key") => Self::Successor(epoch),
            ("successor", "proof") => Self::RootProof(epoch),
            _ => return None,
        };
        // One spelling each: 01 is nobody's.
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, suffix) = match self {
            Self::Identity(_) => ("identity", "key"),
            Self::Signing(_) => ("epoch", "key"),
            Self::Decryption(_) => ("decryption", "key"),
            Self::Certificate(_) => ("epoch", "certificate"),
            Self::Share(_) => ("share", "key"),
            Self::Dealing(_) => ("dealing", "key"),
            Self::Successor(_) => ("successor", "key"),
            Self::RootProof(_) => ("successor", "proof"),
        };
        write!(f, "{kind}-{}.{suffix}", self.epoch().get())
    }
}

#[cfg(test)]
mod tests {
    //! Every name has one spelling, and what is not ours is left alone.
    use quorate_types::Epoch;

    use super::Name;

    #[test]
    fn a_name_comes_back_from_its_text_and_others_are_nobodys() {
        let epoch = Epoch::new(4095);
        for (name, text) in [
            (Name::Identity(epoch), "identity-4095.key"),
            (Name::Signing(epoch), "epoch-4095.key"),
            (Name::Decryption(epoch), "decryption-4095.key"),
            (Name::Certificate(epoch), "epoch-4095.certificate"),
            (Name::Share(epoch), "share-4095.key"),
            (Name::Dealing(epoch), "dealing-4095.key"),
            (Name::Successor(epoch), "successor-4095.key"),
            (Name::RootProof(epoch), "successor-4095.proof"),
        ] {
            assert_eq!((name.to_string().as_str(), Name::parse(text)), (text, Some(name)));
        }
        for text in ["served", "identity.key", "identity-01.key", "epoch--1.key", "epoch-1.key.tmp"]
        {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
