//! A configuration in pieces of bounded size, each with the signed header.
//!
//! Whoever collects pages checks the header of the first before it keeps any member, so what a
//! liar can make it keep is bounded by what the system signed.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::{MemberRecord, NodeId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::header::CertifiedHeader;
use crate::limits::PAGE_MEMBERS_MAX;

const MEMBERS: Limit = Limit::new("page members", PAGE_MEMBERS_MAX);

/// Some members of a certified configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigurationPage {
    /// The signed part, the same in every page.
    pub certified: CertifiedHeader,
    /// Where the page begins: no member below this id is in it, none above is left out.
    pub from: NodeId,
    /// Up to [`PAGE_MEMBERS_MAX`] members in ascending order of id.
    pub members: Vec<Arc<MemberRecord>>,
}

impl ConfigurationPage {
    pub(crate) fn cut(
        certified: &CertifiedHeader,
        members: &[Arc<MemberRecord>],
        from: NodeId,
    ) -> Self {
        let start = members.partition_point(|member| member.id < from);
        let members = members.iter().skip(start).take(PAGE_MEMBERS_MAX).cloned().collect();
        Self { certified: certified.clone(), from, members }
    }
}

/// The id behind this one, where the next page begins; stays at the last id.
#[must_use]
pub fn id_after(id: NodeId) -> NodeId {
    let mut bytes = *id.as_bytes();
    for byte in bytes.iter_mut().rev() {
        let (next, is_carried) = byte.overflowing_add(1);
        *byte = next;
        if !is_carried {
            return NodeId::new(bytes);
        }
    }
    id
}

impl Encode for ConfigurationPage {
    fn encode(&self, writer: &mut Writer) {
        self.certified.encode(writer);
        self.from.encode(writer);
        writer.sequence(&self.members);
    }
}

impl Decode for ConfigurationPage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            certified: Decode::decode(reader)?,
            from: Decode::decode(reader)?,
            members: reader.sequence(MEMBERS)?,
        })
    }
}
