//! Nuisances do what their names say; what a server makes of it is shown in `lab/rounds`.

use quorate_bft::Message;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{ClientCertificate, ClientGrant, Signer};
use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::{
    EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySigner, Recognition, Unrecognised,
};
use quorate_types::{Epoch, GroupId, SystemId, UnixTime};

use super::impostor::own;
use super::{
    Act, FRAME_BYTES_MAX, FloodKind, Flooder, Guise, HalfOpen, Impostor, Nuisance, Oversizer,
    Pretence, Slowloris,
};

fn with_guise<T>(work: impl FnOnce(&Guise<'_>) -> T) -> T {
    let [signer, authority, epoch] = [1, 2, 6].map(|byte| RealSigner::from_seed(&[byte; 32]));
    let system = SystemId::new([3; 32]);
    let (name, expires) = (String::from("nuisance"), UnixTime::from_micros(1));
    let grant = ClientGrant { system, client: signer.public_key().client(), name, expires };
    let certificate = ClientCertificate::issue(grant, &authority);
    let group = GroupId::new([4; 32]);
    let identity = Identity::generate(Blake3Tree, Seed::new([5; 32]), Epoch::ZERO);
    let statement = EpochKeyStatement::founding(identity.identity_key(), epoch.public_key());
    let server = EpochKeyCertificate::issue(statement, &identity);
    work(&Guise { system, group, server: &server, signer: &signer, certificate: &certificate })
}

/// The bodies of the frames in these bytes.
fn bodies(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let (body, after) = rest.split_at(length as usize);
        bodies.push(body);
        bytes = after;
    }
    bodies
}

#[test]
fn every_request_of_a_flood_is_a_message_of_its_own() {
    for kind in [FloodKind::Valid, FloodKind::Invalid, FloodKind::Expensive] {
        let acts = with_guise(|guise| Flooder(kind).acts(guise, 0));
        let [Act::Tls, Act::Write(_), Act::Repeat(frames)] = &acts[..] else { panic!("{acts:?}") };
        let bodies = bodies(frames);
        assert_eq!(bodies.iter().collect::<std::collections::BTreeSet<_>>().len(), bodies.len());
        for body in bodies {
            let message: Result<Message, _> = quorate_wire::decode(&body[33..]);
            assert!(matches!(message, Ok(Message::Request(_))), "{message:?}");
        }
    }
}

#[test]
fn every_claim_is_over_its_limit_and_no_twisted_message_can_be_read() {
    with_guise(|guise| {
        for connection in 0..4 {
            let acts = Oversizer.acts(guise, connection);
            let Act::Write(frame) = &acts[2] else { panic!("{acts:?}") };
            assert!(u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) > FRAME_BYTES_MAX);
        }
        let acts = Oversizer.acts(guise, 5);
        let Act::Write(frames) = &acts[2] else { panic!("{acts:?}") };
        let bodies = bodies(frames);
        assert!(bodies.len() > 100);
        let messages = bodies.iter().map(|body| quorate_wire::decode::<Message>(&body[33..]));
        assert_eq!(messages.filter(Result::is_ok).count(), 0);
    });
}

#[test]
fn who_is_slow_writes_byte_by_byte_and_who_is_half_open_nothing() {
    with_guise(|guise| {
        for slow in [Slowloris::Handshake, Slowloris::Header, Slowloris::Body] {
            let acts = slow.acts(guise, 0);
            assert!(acts.iter().any(|act| matches!(act, Act::Trickle(..))), "{acts:?}");
        }
        assert_eq!(HalfOpen(3).acts(guise, 2), [Act::Hold]);
    });
}

#[test]
fn every_pretence_of_an_impostor_is_seen_through_for_a_reason_of_its_own() {
    // An epoch that is far away is believed by who has no configuration; servers have one.
    let expected = [
        Err(Unrecognised::OtherKey),
        Err(Unrecognised::Forged),
        Err(Unrecognised::Forged),
        Ok(own(Epoch::new(7)).identity_key()),
        Err(Unrecognised::OtherSystem),
        Err(Unrecognised::Malformed),
    ];
    with_guise(|guise| {
        let newcomer = Recognition::Newcomer(guise.system);
        for (connection, expected) in expected.into_iter().enumerate() {
            let acts = Impostor.acts(guise, connection);
            let [Act::Tls, Act::Write(greeting), Act::Hold] = &acts[..] else { panic!("{acts:?}") };
            let shown = &bodies(greeting)[0][8 + 4 + 32 + 2 + 8 + 2..];
            let verdict = newcomer.recognise(guise.signer.public_key(), shown, &RealVerifier);
            assert_eq!(verdict, expected, "{:?}", Pretence::ALL[connection]);
        }
    });
}
