//! What a program needs to read and write public-key objects, and to name any.

pub use quorate_crypto::Signer;
pub use quorate_crypto::real::RealSigner;
pub use quorate_dht::limits::VALUE_BYTES_MAX;
pub use quorate_dht::object::register_id;
pub use quorate_dht::{Body, ObjectKey, Value, Version};
