//! The scheme as one injected object, and golden values: a change of format is an explicit act.

use std::string::String;
use std::vec::Vec;

use super::{Bls12381, ThresholdScheme};
use crate::domain::Domain;
use crate::public::Signature;
use crate::testing::{committee, deal_fresh, index, parameters};

/// Hexadecimal.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
}

#[test]
fn an_injected_scheme_signs_combines_and_verifies() {
    let scheme: &dyn ThresholdScheme = &Bls12381;
    let committee = committee(2, 4);
    let sign = |share| scheme.sign_partial(share, Domain::Group, b"message");
    let partials: Vec<_> = committee.shares.iter().map(sign).collect();
    let wrong = scheme.wrong_partials(&committee.group, Domain::Group, b"message", &partials);
    assert!(wrong.is_empty(), "{wrong:?}");
    let combined = scheme.combine(&committee.group, Domain::Group, b"message", &partials);
    let signature = combined.unwrap().signature;
    let key = committee.group.public_key();
    assert_eq!(scheme.verify(&key, Domain::Group, b"message", &signature), Ok(()));
    let wrong = *partials[0].signature();
    assert!(scheme.verify(&key, Domain::Group, b"message", &wrong).is_err());
    assert!(scheme.verify(&key, Domain::Group, b"message", &Signature::new([0; 96])).is_err());
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_every_version() {
    let dealt = deal_fresh(parameters(2, 4), 1);
    assert_eq!(
        text(&dealt.dealing.commitment().encode()),
        "8b9fb5a880e3439958dfdec3b03ecce1938ffa1c595dce04b85b812fed8cf4fdd497487536c8b7a4\
         f7cc067f0ce70d58a33aa44d59cf158072f0babb2f238a4a8f51d8b28001a619277e3dcb192ab4bc\
         995f2f270c838f870e0f492b17aa2439"
    );
    assert_eq!(
        text(dealt.subshares[2].encode().as_ref()),
        "00010003054b15fe6754c5337dc34701762518e4303770042eab3d380acce0ac6f07f276"
    );
    let committee = committee(2, 4);
    let partial = committee.shares[2].sign(Domain::Configuration, b"golden");
    assert_eq!(partial.index(), index(3));
    assert_eq!(
        text(&partial.encode()),
        "0003b7dd7b0a3747d319fb45d59bd5ff664a885a9bc8ec0d9708cb3c9438400724c969a851ac45f3\
         488828963cf7614cfb20077705ab69b636eb052867502a14489875322e0c8fddb33383e1b2a00582\
         7f22b32e08e33cc377cdd87d6ec37e1693c3"
    );
}
