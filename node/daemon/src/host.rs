//! The machines of a server, each with the glue that the runtime drives it by. Channels are those
//! of `quorate_client::groups`.
//!
//! | channel | machine | file |
//! |---|---|---|
//! | `ORDERING` and the group | a replica of an ordered service | [`ordering`] |
//! | `STORAGE` | the storage server of the DHT | [`storage`] |
//! | `CONFIGURATION` | who serves the configuration and vouches that it is fresh | [`responder`] |
//!
//! Beside them, each with a socket for datagrams and a thread of its own: who answers probes
//! ([`answerer`]), and in members of the membership group who sends them ([`prober`]).

pub mod answerer;
pub mod dissemination;
pub mod handover;
pub mod ordering;
pub mod prober;
pub mod responder;
pub mod storage;
pub mod succession;
