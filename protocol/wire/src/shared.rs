//! Encodings of numbers and of the shared types.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use quorate_types::limits::{
    ADDRESS_BYTES_MAX, FAILURE_DOMAIN_BYTES_MAX, MEMBERS_MAX, REPLICAS_MAX,
};
use quorate_types::{
    ClientId, Configuration, Digest, Duration, Epoch, FailureDomain, GroupId, IdentityKey,
    IdentityRoot, LaneSeq, LaterRoot, MemberRecord, MemberStatus, NodeId, ObjectId, PublicKey,
    ReplicaId, ReplicaSet, RequestId, Resilience, Signature, Slot, SoftwareVersion, SystemId,
    UnixTime, View,
};

use crate::codec::{Decode, DecodeError, Encode, Limit, Reader, Writer};
use crate::fields;

macro_rules! number {
    ($($name:ty),*) => { $(
        impl Encode for $name {
            fn encode(&self, writer: &mut Writer) {
                writer.raw(&self.to_be_bytes());
            }
        }
        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(reader.array()?))
            }
        }
    )* };
}
number!(u8, u16, u32, u64);

macro_rules! counter {
    ($($name:ident),*) => { $(
        impl Encode for $name {
            fn encode(&self, writer: &mut Writer) {
                self.get().encode(writer);
            }
        }
        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Decode::decode(reader).map(Self::new)
            }
        }
    )* };
}
counter!(Epoch, View, Slot, LaneSeq, RequestId, ReplicaId);

macro_rules! byte_string {
    ($($name:ident),*) => { $(
        impl Encode for $name {
            fn encode(&self, writer: &mut Writer) {
                writer.raw(self.as_bytes());
            }
        }
        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.array().map(Self::new)
            }
        }
    )* };
}
byte_string!(
    Digest,
    PublicKey,
    Signature,
    IdentityKey,
    IdentityRoot,
    NodeId,
    ClientId,
    GroupId,
    SystemId,
    ObjectId
);

impl Encode for bool {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(u8::from(*self));
    }
}

impl Decode for bool {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(DecodeError::UnknownTag { of: "bool", tag }),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, writer: &mut Writer) {
        self.is_some().encode(writer);
        if let Some(value) = self {
            value.encode(writer);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        bool::decode(reader)?.then(|| T::decode(reader)).transpose()
    }
}

impl<T: Encode> Encode for Box<T> {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode(reader).map(Self::new)
    }
}

impl<T: Encode> Encode for Arc<T> {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for Arc<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode(reader).map(Self::new)
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
        self.1.encode(writer);
    }
}

impl<A: Decode, B: Decode> Decode for (A, B) {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((A::decode(reader)?, B::decode(reader)?))
    }
}

impl Encode for UnixTime {
    fn encode(&self, writer: &mut Writer) {
        self.as_micros().encode(writer);
    }
}

impl Decode for UnixTime {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u64::decode(reader).map(Self::from_micros)
    }
}

impl Encode for Duration {
    fn encode(&self, writer: &mut Writer) {
        self.as_micros().encode(writer);
    }
}

impl Decode for Duration {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u64::decode(reader).map(Self::from_micros)
    }
}

impl Encode for ReplicaSet {
    fn encode(&self, writer: &mut Writer) {
        self.bits().encode(writer);
    }
}

impl Decode for ReplicaSet {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u64::decode(reader).map(Self::from_bits)
    }
}

impl Encode for Resilience {
    fn encode(&self, writer: &mut Writer) {
        let f = u16::try_from(self.f()).expect("f is at most 21");
        f.encode(writer);
    }
}

impl Decode for Resilience {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(u16::decode(reader)?).or(Err(DecodeError::NotCanonical { of: "Resilience" }))
    }
}

fn text(reader: &mut Reader<'_>, limit: Limit) -> Result<String, DecodeError> {
    String::from_utf8(reader.bytes(limit)?).or(Err(DecodeError::NotCanonical { of: limit.name }))
}

const ADDRESS: Limit = Limit::new("address bytes", ADDRESS_BYTES_MAX);
const FAILURE_DOMAIN: Limit = Limit::new("failure domain bytes", FAILURE_DOMAIN_BYTES_MAX);
const MEMBERS: Limit = Limit::new("members", MEMBERS_MAX);
const GROUP: Limit = Limit::new("group members", REPLICAS_MAX);

impl Encode for FailureDomain {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(self.0.as_bytes());
    }
}

impl Decode for FailureDomain {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        text(reader, FAILURE_DOMAIN).map(Self)
    }
}

fields!(SoftwareVersion { major, minor, patch });

impl Encode for MemberStatus {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(match self {
            Self::Active => 1,
            Self::Inactive => 2,
            Self::Removed => 3,
        });
    }
}

impl Decode for MemberStatus {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Active),
            2 => Ok(Self::Inactive),
            3 => Ok(Self::Removed),
            tag => Err(DecodeError::UnknownTag { of: "MemberStatus", tag }),
        }
    }
}

fields!(LaterRoot { root, since });

impl Encode for MemberRecord {
    fn encode(&self, writer: &mut Writer) {
        self.id.encode(writer);
        self.identity_key.encode(writer);
        self.later_root.encode(writer);
        self.epoch_key.encode(writer);
        writer.bytes(self.address.as_bytes());
        self.probe_port.encode(writer);
        self.failure_domain.encode(writer);
        self.version.encode(writer);
        self.status.encode(writer);
        self.is_on_ring.encode(writer);
        self.is_in_pool.encode(writer);
    }
}

impl Decode for MemberRecord {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Decode::decode(reader)?,
            identity_key: Decode::decode(reader)?,
            later_root: Decode::decode(reader)?,
            epoch_key: Decode::decode(reader)?,
            address: text(reader, ADDRESS)?,
            probe_port: Decode::decode(reader)?,
            failure_domain: Decode::decode(reader)?,
            version: Decode::decode(reader)?,
            status: Decode::decode(reader)?,
            is_on_ring: Decode::decode(reader)?,
            is_in_pool: Decode::decode(reader)?,
        })
    }
}

impl Encode for Configuration {
    fn encode(&self, writer: &mut Writer) {
        self.system.encode(writer);
        self.epoch.encode(writer);
        self.ring_epoch.encode(writer);
        self.storage.encode(writer);
        self.membership.encode(writer);
        self.authority_key.encode(writer);
        writer.sequence(&self.membership_group);
        self.created.encode(writer);
        writer.sequence(&self.members);
    }
}

impl Decode for Configuration {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let configuration = Self {
            system: Decode::decode(reader)?,
            epoch: Decode::decode(reader)?,
            ring_epoch: Decode::decode(reader)?,
            storage: Decode::decode(reader)?,
            membership: Decode::decode(reader)?,
            authority_key: Decode::decode(reader)?,
            membership_group: reader.sequence(GROUP)?,
            created: Decode::decode(reader)?,
            members: reader.sequence(MEMBERS)?,
        };
        let members = configuration.members.iter();
        if !members.is_sorted_by(|left, right| left.id < right.id) {
            return Err(DecodeError::NotCanonical { of: "Configuration" });
        }
        Ok(configuration)
    }
}
