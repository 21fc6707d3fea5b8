//! Nothing is believed whose signature does not fit.

use std::vec;
use std::vec::Vec;

use quorate_types::Digest;

use super::{Pending, Rejected, Verifiable, settle, verify};
use crate::ideal::IdealRegistry;
use crate::signature::{SignatureCheck, Signer};

#[derive(Debug, Clone, PartialEq)]
struct Letter(Vec<SignatureCheck>);

impl Verifiable for Letter {
    type Context = usize;

    fn checks(&self, most: &usize, checks: &mut Vec<SignatureCheck>) -> Result<(), Rejected> {
        if self.0.len() > *most {
            return Err(Rejected::WrongLength);
        }
        checks.extend_from_slice(&self.0);
        Ok(())
    }
}

fn check(registry: &IdealRegistry, seed: u8) -> SignatureCheck {
    let signer = registry.signer(&[seed; 32]);
    let digest = Digest::new([seed; 32]);
    SignatureCheck { key: signer.public_key(), digest, signature: signer.sign(&digest) }
}

#[test]
fn a_message_is_believed_only_with_all_its_signatures() {
    let registry = IdealRegistry::new([0; 32]);
    let good = check(&registry, 1);
    let bad = SignatureCheck { digest: Digest::ZERO, ..good };
    assert!(verify(Letter(vec![good]), &2, &registry).is_ok(), "CRY-1");
    let refused = verify(Letter(vec![good, bad]), &2, &registry);
    assert_eq!(refused.unwrap_err(), Rejected::BadSignature, "CRY-1");
    let refused = verify(Letter(vec![good; 3]), &2, &registry);
    assert_eq!(refused.unwrap_err(), Rejected::WrongLength);
}

#[test]
fn a_bad_message_in_a_batch_spoils_no_other() {
    let registry = IdealRegistry::new([0; 32]);
    let good = check(&registry, 1);
    let bad = SignatureCheck { digest: Digest::ZERO, ..good };
    let batch = [good, bad, good].map(|one| Pending::new(Letter(vec![one]), &2).unwrap());
    let settled = settle(Vec::from(batch), &registry);
    let believed: Vec<bool> = settled.iter().map(Result::is_ok).collect();
    assert_eq!(believed, [true, false, true]);
}
