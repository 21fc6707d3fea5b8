//! Named bounds of the key-value service.

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest value, in bytes: a swap of two of them fits into an operation of 64 KiB.
pub const VALUE_BYTES_MAX: usize = 30 * 1024;
/// Longest encoding of an operation, in bytes: a tag, a key, two optional values, their counts.
pub const KV_OPERATION_BYTES_MAX: usize = 1 + 4 + KEY_BYTES_MAX + 2 * (1 + 4 + VALUE_BYTES_MAX);

const _: () = assert!(KV_OPERATION_BYTES_MAX <= 64 * 1024, "the engine takes 64 KiB");
