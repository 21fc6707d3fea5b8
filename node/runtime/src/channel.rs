//! Channels: how the frames of several machines share one pair of links.
//!
//! ```text
//! u8 tag | 32 bytes of the group, if the tag has groups | what the machine encodes
//! ```
//! Whether a tag has groups is fixed for the tag, so that nothing in a frame decides its format.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use quorate_types::GroupId;

/// Which machine of a node a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// The one machine of this tag.
    Single(u8),
    /// The machine of this tag that belongs to the group.
    Grouped(u8, GroupId),
}

impl Channel {
    /// The bytes in front of every frame of this channel.
    pub(crate) fn prefix(self) -> Vec<u8> {
        match self {
            Self::Single(tag) => vec![tag],
            Self::Grouped(tag, group) => [&[tag], &group.as_bytes()[..]].concat(),
        }
    }
}

#[derive(Debug)]
enum Route {
    Single(usize),
    Grouped(BTreeMap<GroupId, usize>),
}

/// From channels to the places of machines.
#[derive(Debug, Default)]
pub(crate) struct Routes(BTreeMap<u8, Route>);

impl Routes {
    /// Adds a machine; false if the channel is taken, or its tag is used the other way.
    pub(crate) fn add(&mut self, channel: Channel, place: usize) -> bool {
        match channel {
            Channel::Single(tag) => match self.0.entry(tag) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Route::Single(place));
                    true
                }
                Entry::Occupied(_) => false,
            },
            Channel::Grouped(tag, group) => {
                let route = self.0.entry(tag).or_insert_with(|| Route::Grouped(BTreeMap::new()));
                match route {
                    Route::Single(_) => false,
                    Route::Grouped(places) => match places.entry(group) {
                        Entry::Vacant(vacant) => {
                            vacant.insert(place);
                            true
                        }
                        Entry::Occupied(_) => false,
                    },
                }
            }
        }
    }

    /// Frees a channel.
    pub(crate) fn remove(&mut self, channel: Channel) {
        match channel {
            Channel::Single(tag) => drop(self.0.remove(&tag)),
            Channel::Grouped(tag, group) => {
                if let Some(Route::Grouped(places)) = self.0.get_mut(&tag) {
                    places.remove(&group);
                }
            }
        }
    }

    /// The place of the machine that this frame is for, and where its own bytes begin.
    pub(crate) fn find(&self, frame: &[u8]) -> Option<(usize, usize)> {
        let (tag, rest) = frame.split_first()?;
        match self.0.get(tag)? {
            Route::Single(place) => Some((*place, 1)),
            Route::Grouped(places) => {
                let group = GroupId::new(*rest.first_chunk::<{ GroupId::BYTES }>()?);
                Some((*places.get(&group)?, 1 + GroupId::BYTES))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! A frame finds its machine, or nobody.
    use quorate_types::GroupId;

    use super::{Channel, Routes};

    #[test]
    fn a_frame_finds_the_machine_of_its_channel_or_nobody() {
        let groups = [GroupId::new([1; 32]), GroupId::new([2; 32])];
        let channels =
            [Channel::Single(7), Channel::Grouped(8, groups[0]), Channel::Grouped(8, groups[1])];
        let mut routes = Routes::default();
        for (place, channel) in channels.into_iter().enumerate() {
            assert!(routes.add(channel, place));
            assert!(!routes.add(channel, 9), "a channel is given once");
        }
        assert!(!routes.add(Channel::Single(8), 9));
        assert!(!routes.add(Channel::Grouped(7, groups[0]), 9));

        for (place, channel) in channels.into_iter().enumerate() {
            let prefix = channel.prefix();
            assert_eq!(routes.find(&prefix), Some((place, prefix.len())));
        }
        let stranger = Channel::Grouped(8, GroupId::new([3; 32])).prefix();
        for nobody in [&[][..], &[9], &[8, 1, 1], &stranger] {
            assert_eq!(routes.find(nobody), None);
        }
        for channel in channels {
            routes.remove(channel);
            assert_eq!(routes.find(&channel.prefix()), None);
            assert!(routes.add(channel, 5), "a channel that was freed is given again");
        }
    }
}
