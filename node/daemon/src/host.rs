//! The machines of a server, each with the glue that the runtime drives it by. Channels are those
//! of `quorate_client::groups`.
//!
//! | channel | machine | file |
//! |---|---|---|
//! | `ORDERING` and the group | a replica of an ordered service | [`ordering`] |
//! | `STORAGE` | the storage server of the DHT | [`storage`] |
//! | `CONFIGURATION` | who serves the configuration and vouches that it is fresh | [`responder`] |

pub mod ordering;
pub mod responder;
pub mod storage;
