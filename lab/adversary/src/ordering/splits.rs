//! How a villain divides the others between two stories.

use quorate_types::Peer;

use super::Context;

/// Who hears the second story.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Split {
    /// Half of the others.
    Halves,
    /// `f + 1` of them.
    WeakQuorum,
    /// `2f` of them: a quorum with the villain.
    AllButF,
    /// One.
    One,
}

impl Split {
    pub(super) const ALL: [Self; 4] = [Self::Halves, Self::WeakQuorum, Self::AllButF, Self::One];

    /// The others in two parts: those who hear the first story, and those who hear the second.
    pub(super) fn parts(self, context: &Context<'_>) -> (Vec<Peer>, Vec<Peer>) {
        let resilience = context.group().resilience;
        let second = match self {
            Self::Halves => context.others().len() / 2,
            Self::WeakQuorum => resilience.weak_quorum(),
            Self::AllButF => resilience.quorum() - 1,
            Self::One => 1,
        };
        let (left, right) = context.others().split_at(context.others().len() - second);
        (left.to_vec(), right.to_vec())
    }
}
