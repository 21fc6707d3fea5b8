//! The server's side: hands out the newest configuration, and vouches for its epoch if a member.
//!
//! Settled point 4. Runs on every server; only members of the epoch's group vouch.
//!
//! # Protocol
//! Upon `GetConfiguration(from)`: answer with the page of the newest configuration.
//! Upon `Challenge(nonce)`: while a member of the group, activated and not ended, answer with a
//! signed `Vouch`; otherwise with the first page, so that a client behind learns of what follows.
//! Upon `GetFounding`: answer with the first configuration that was signed, and the key.
//! Upon the node's `EndEpoch(e)`: never vouch for `e` or earlier again; make that durable, and only
//! then report `EpochEnded(e)`: the node signs for the start of the next epoch upon that.
//!
//! Invariants: MEM-3, MEM-6.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Signer;
use quorate_machine::{Class, Effects, Input, Machine, Plant, RecordNumber, planted};
use quorate_types::{Epoch, NodeId, Now, Peer};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::configuration::VerifiedConfiguration;
use crate::freshness::{Challenge, Subject, Vouch};
use crate::message::{Founding, GetFounding, Message};

/// A member's place in the group of an epoch.
#[derive(Clone, Debug)]
pub struct Member {
    /// The epoch.
    pub epoch: Epoch,
    /// The member's id.
    pub id: NodeId,
    /// Its key of the epoch.
    pub signer: Arc<dyn Signer>,
}

/// What must survive a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponderRecord {
    /// This epoch and all before it have ended here.
    Ended(Epoch),
}

/// What a responder's log holds.
pub type ResponderLog = Vec<(RecordNumber, ResponderRecord)>;

/// What the node asks of its responder.
#[derive(Clone, Debug)]
pub enum ResponderRequest {
    /// Serve this configuration, if it is newer.
    Adopt(VerifiedConfiguration),
    /// Begin to vouch: the member's group is active.
    Activate(Member),
    /// The log of the epoch has decided that it ends.
    EndEpoch(Epoch),
}

/// What a responder tells its node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponderOutput {
    /// No vouch for this epoch leaves any more, whatever happens.
    EpochEnded(Epoch),
}

/// The machine on every server.
#[derive(Debug)]
pub struct FreshnessResponder {
    configuration: VerifiedConfiguration,
    member: Option<Member>,
    ended: Option<Epoch>,
    record_last: RecordNumber,
    founding: Option<VerifiedConfiguration>,
}

impl FreshnessResponder {
    /// A responder that serves `configuration` and, if `member` says so, vouches; `records` are
    /// what its log holds.
    #[must_use]
    pub fn new(
        configuration: VerifiedConfiguration,
        member: Option<Member>,
        records: impl IntoIterator<Item = (RecordNumber, ResponderRecord)>,
    ) -> Self {
        let (mut ended, mut record_last) = (None, RecordNumber::ZERO);
        for (number, ResponderRecord::Ended(epoch)) in records {
            ended = ended.max(Some(epoch));
            record_last = record_last.max(number);
        }
        Self { configuration, member, ended, record_last, founding: None }
    }

    /// Tells who asks how the system was founded: the first configuration that was signed.
    #[must_use]
    pub fn with_founding(mut self, founding: VerifiedConfiguration) -> Self {
        self.founding = Some(founding);
        self
    }

    /// The newest configuration that it serves.
    #[must_use]
    pub const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    /// The member that may vouch now, if this server is one.
    fn voucher(&self) -> Option<&Member> {
        let member = self.member.as_ref()?;
        let may_vouch = member.epoch == self.configuration.epoch()
            && self.ended < Some(member.epoch)
            && self.configuration.group_member(member.id).is_some();
        may_vouch.then_some(member)
    }

    fn on_challenge(&self, from: Peer, challenge: Challenge, effects: &mut Effects<Self>) {
        let Some(member) = self.voucher() else {
            effects.mark("membership: challenge to a server that does not vouch");
            let page = self.configuration.page(NodeId::new([0; 32]));
            effects.send(from, Class::Bulk, Message::Configuration(Box::new(page)));
            return;
        };

        let subject = Subject::of(&self.configuration, challenge.nonce);
        assert!(self.ended < Some(subject.epoch), "MEM-6: a vouch for an epoch that has ended");

        let vouch = Vouch::sign(subject, member.id, &*member.signer);
        effects.send(from, Class::Control, Message::Vouch(vouch));
    }

    fn on_get_founding(&self, from: Peer, question: GetFounding, effects: &mut Effects<Self>) {
        let is_asked = |it: &&VerifiedConfiguration| it.configuration().system == question.system;
        let Some(founding) = self.founding.as_ref().filter(is_asked) else {
            return effects.mark("membership: asked for a founding that is not kept");
        };

        let system_key = *founding.header().system_key();
        let founding = Founding { system_key, configuration: founding.to_certified() };
        effects.send(from, Class::Bulk, Message::Founding(Box::new(founding)));
    }

    fn on_request(&mut self, request: ResponderRequest, effects: &mut Effects<Self>) {
        match request {
            ResponderRequest::Adopt(configuration) => self.adopt(configuration, effects),
            ResponderRequest::Activate(member) => self.member = Some(member),
            ResponderRequest::EndEpoch(epoch) => self.end_epoch(epoch, effects),
        }
    }

    fn adopt(&mut self, configuration: VerifiedConfiguration, effects: &mut Effects<Self>) {
        if configuration.epoch() <= self.configuration.epoch() {
            effects.mark("membership: configuration is not newer");
            return;
        }

        let (old, new) = (self.configuration.header(), configuration.header());
        assert!(old.system_key() == new.system_key(), "MEM-1: verified under the pinned key");

        // It vouches no more, and may never hear how its epoch ended.
        self.member.take_if(|member| member.epoch < configuration.epoch());
        self.configuration = configuration;
    }

    /// The epoch with whose key it could sign.
    #[must_use]
    pub fn holds_key_of(&self) -> Option<Epoch> {
        self.member.as_ref().map(|member| member.epoch)
    }

    fn end_epoch(&mut self, epoch: Epoch, effects: &mut Effects<Self>) {
        if self.ended < Some(epoch) {
            self.ended = Some(epoch);
            self.record_last = self.record_last.next();
            if !planted(Plant::EndNotKept) {
                effects.persist(ResponderRecord::Ended(epoch));
            }
            effects.release(self.record_last);
        }
        // MEM-6: what vouched for it is of no use any more.
        self.member.take_if(|member| self.ended >= Some(member.epoch));

        assert!(self.ended >= Some(epoch), "MEM-6: the end of an epoch is kept");
        effects.emit(ResponderOutput::EpochEnded(epoch));
    }
}

impl Machine for FreshnessResponder {
    type Inbound = Message;
    type Outbound = Message;
    type Record = ResponderRecord;
    type Timer = NoTimer;
    type Request = ResponderRequest;
    type Output = ResponderOutput;

    fn step(&mut self, _now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => {}
            Input::Deliver { from, message: Message::Challenge(challenge) } => {
                self.on_challenge(from, challenge, effects);
            }
            Input::Deliver { from, message: Message::GetConfiguration(request) } => {
                let page = Box::new(self.configuration.page(request.from));
                effects.send(from, Class::Bulk, Message::Configuration(page));
            }
            Input::Deliver { from, message: Message::GetFounding(question) } => {
                self.on_get_founding(from, question, effects);
            }
            Input::Deliver {
                message: Message::Configuration(_) | Message::Vouch(_) | Message::Founding(_),
                ..
            } => {
                effects.mark("membership: answer to a server that did not ask");
            }
            Input::Expired(timer) => match timer {},
            Input::Request(request) => self.on_request(request, effects),
        }
    }
}

/// A responder sets no alarm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NoTimer {}

impl Encode for ResponderRecord {
    fn encode(&self, writer: &mut Writer) {
        let Self::Ended(epoch) = self;
        writer.tag(1);
        epoch.encode(writer);
    }
}

impl Decode for ResponderRecord {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Decode::decode(reader).map(Self::Ended),
            tag => Err(DecodeError::UnknownTag { of: "ResponderRecord", tag }),
        }
    }
}

#[cfg(test)]
mod tests;
