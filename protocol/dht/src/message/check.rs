//! Which signatures a message of the DHT stands on, and what is wrong whatever they say.
//!
//! The signatures of a write are checked whatever its epoch: a machine that has moved on between
//! the check and the step refuses the epoch, but never meets an unchecked write.

use alloc::vec::Vec;

use quorate_crypto::{ClientCertificate, Domain, Rejected, SignatureCheck, Verifiable, hash_of};
use quorate_types::{PublicKey, SystemId};

use super::{Message, PutContent, Versioned, WriteAuthority, WriteStatement, WriteVersion};
use crate::object::{ObjectKey, Version};

/// What a checker of messages must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageContext {
    /// The system.
    pub system: SystemId,
    /// Key of the trusted authority.
    pub authority_key: PublicKey,
}

impl Verifiable for Message {
    type Context = MessageContext;

    /// # Errors
    /// [`Rejected::Inconsistent`] if bytes do not hash to their name, or a name is of the wrong
    /// kind; [`Rejected::WrongGroup`] if a certificate is of another system.
    fn checks(
        &self,
        context: &MessageContext,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        match self {
            Self::PutContent(put) => check_put(put, context, checks),
            Self::WriteVersion(write) => check_write(write, context, checks),
            Self::Versioned(reply) => check_versioned(reply, context, checks),
            Self::Scrub(scrub) => {
                check_system(&scrub.certificate, context)?;
                checks.extend(scrub.checks(context));
                Ok(())
            }
            Self::Introduce(introduce) => {
                check_system(&introduce.certificate, context)?;
                checks.push(introduce.certificate.check(context.authority_key));
                Ok(())
            }
            Self::GetContent(get) => check_names_content(&get.key),
            Self::StatContent(stat) => check_names_content(&stat.key),
            Self::ReadVersion(read) => match read.key {
                ObjectKey::Register(_) => Ok(()),
                ObjectKey::Chunk(_) | ObjectKey::Manifest(_) => Err(Rejected::Inconsistent),
            },
            // Whoever asked compares content with the name that it asked for.
            Self::Compare(_)
            | Self::ListNames(_)
            | Self::Compared(_)
            | Self::Names(_)
            | Self::Scrubbed(_)
            | Self::Stored(_)
            | Self::Content(_)
            | Self::Presence(_)
            | Self::Refused(_)
            | Self::WrongEpoch(_) => Ok(()),
        }
    }
}

fn check_system(certificate: &ClientCertificate, context: &MessageContext) -> Result<(), Rejected> {
    if certificate.grant.system != context.system {
        return Err(Rejected::WrongGroup);
    }
    Ok(())
}

fn check_names_content(key: &ObjectKey) -> Result<(), Rejected> {
    key.content_kind().map(|_| ()).ok_or(Rejected::Inconsistent)
}

fn check_put(
    put: &PutContent,
    context: &MessageContext,
    checks: &mut Vec<SignatureCheck>,
) -> Result<(), Rejected> {
    if !put.key.is_name_of(&put.body) {
        return Err(Rejected::Inconsistent);
    }
    let statement = WriteStatement {
        system: context.system,
        epoch: put.head.epoch,
        client: put.authority.certificate.grant.client,
        key: put.key,
        stamp: None,
        expires: put.authority.expires,
    };
    check_authority(&put.authority, &statement, context, checks)
}

fn check_write(
    write: &WriteVersion,
    context: &MessageContext,
    checks: &mut Vec<SignatureCheck>,
) -> Result<(), Rejected> {
    check_version(&write.version, context, checks)?;
    let statement = WriteStatement {
        system: context.system,
        epoch: write.head.epoch,
        client: write.authority.certificate.grant.client,
        key: write.version.key(),
        stamp: Some(write.version.stamp()),
        expires: write.authority.expires,
    };
    check_authority(&write.authority, &statement, context, checks)
}

fn check_version(
    version: &Version,
    context: &MessageContext,
    checks: &mut Vec<SignatureCheck>,
) -> Result<(), Rejected> {
    if !version.fits_its_stamp() {
        return Err(Rejected::Inconsistent);
    }
    checks.push(version.signed.check(context.system));
    Ok(())
}

fn check_authority(
    authority: &WriteAuthority,
    statement: &WriteStatement,
    context: &MessageContext,
    checks: &mut Vec<SignatureCheck>,
) -> Result<(), Rejected> {
    check_system(&authority.certificate, context)?;
    checks.push(authority.certificate.check(context.authority_key));
    checks.push(SignatureCheck {
        key: statement.client.public_key(),
        digest: hash_of(Domain::ObjectWrite, statement),
        signature: authority.signature,
    });
    Ok(())
}

fn check_versioned(
    reply: &Versioned,
    context: &MessageContext,
    checks: &mut Vec<SignatureCheck>,
) -> Result<(), Rejected> {
    let Some(signed) = &reply.signed else {
        return if reply.value.is_none() { Ok(()) } else { Err(Rejected::Inconsistent) };
    };
    if reply.value.as_ref().is_some_and(|value| value.digest() != signed.stamp.value) {
        return Err(Rejected::Inconsistent);
    }
    checks.push(signed.check(context.system));
    Ok(())
}
