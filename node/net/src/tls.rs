//! TLS 1.3 with raw Ed25519 public keys on both sides, so that a channel names its peer's key.
//!
//! RFC 7250 (raw public keys), RFC 8410 (Ed25519 in SPKI). No X.509, no tickets, no resumption:
//! a full handshake costs about 0.7 ms of both sides together.
//!
//! Any Ed25519 key may finish TLS, on both sides: whose key it is shows in the hello.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::ring::{cipher_suite, default_provider, sign::any_eddsa_type};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, version,
};
use zeroize::Zeroizing;

use crate::identity::{LinkKey, Seed};

/// DER before the 32 bytes of an Ed25519 public key (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// DER before the 32 bytes of an Ed25519 seed in PKCS#8 version 1 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The TLS side of this process: its key and the settings derived from it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) key: LinkKey,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn from_seed(seed: &Seed) -> Self {
        let mut der = Zeroizing::new([0_u8; 48]);
        der[..16].copy_from_slice(&PKCS8_PREFIX);
        der[16..].copy_from_slice(seed.expose());
        let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(&der[..]))
            .expect("every 32 bytes are an Ed25519 seed and the DER around them is fixed");
        let spki = signing.public_key().expect("an Ed25519 key knows its public half");
        let key = key_of_spki(spki.as_ref()).expect("our own SPKI is Ed25519");
        let certificate = CertificateDer::from(spki.as_ref().to_vec());
        let certified = Arc::new(CertifiedKey::new(vec![certificate], signing));
        let provider = Arc::new(provider());
        let client = client_config(&provider, &certified);
        let server = server_config(&provider, &certified);
        Self { key, client, server }
    }

    /// Settings of a listener.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.server.clone()
    }

    /// Settings of a dial.
    pub(crate) fn client_config(&self) -> Arc<ClientConfig> {
        self.client.clone()
    }
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    certified: &Arc<CertifiedKey>,
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&version::TLS13])
        .expect("the provider has TLS 1.3 suites")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(provider)))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
            certified.clone(),
        )));
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Arc::new(config)
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    certified: &Arc<CertifiedKey>,
) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&version::TLS13])
        .expect("the provider has TLS 1.3 suites")
        .with_client_cert_verifier(Arc::new(Verifier::new(provider)))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified.clone())));
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// The public key that belongs to `seed`.
#[must_use]
pub fn link_key_of_seed(seed: &Seed) -> LinkKey {
    Identity::from_seed(seed).key
}

/// The key in an Ed25519 SPKI, or nothing if these bytes are something else.
pub(crate) fn key_of_spki(spki: &[u8]) -> Option<LinkKey> {
    let key = spki.strip_prefix(&SPKI_PREFIX)?;
    Some(LinkKey::new(key.try_into().ok()?))
}

/// The ring provider with AES-128-GCM first: the fastest suite on hardware with AES.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..default_provider()
    }
}

/// Accepts any Ed25519 raw key whose secret half signs the handshake.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(provider: &Arc<CryptoProvider>) -> Self {
        Self { provider: provider.clone() }
    }

    fn check_key(spki: &CertificateDer<'_>) -> Result<(), Error> {
        match key_of_spki(spki) {
            Some(_) => Ok(()),
            None => Err(CertificateError::BadEncoding.into()),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(spki.as_ref()),
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }
}

/// TLS 1.2 is not compiled into the settings; this is never reached.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken".into()))
}

/// What a verifier says about signatures, the same on both sides: TLS 1.3, Ed25519, raw keys.
macro_rules! signature_checks {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            no_tls12()
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.check_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check_key(end_entity).map(|()| ServerCertVerified::assertion())
    }

    signature_checks!();
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check_key(end_entity).map(|()| ClientCertVerified::assertion())
    }

    signature_checks!();
}
