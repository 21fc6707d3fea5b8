//! The four steps that found a system and give it clients; each is one command.

mod authority;
mod client;
mod server;
mod system;

pub use authority::{AUTHORITY_KEY, NewAuthority, new_authority};
pub use client::{CLIENT_KEY, CLUSTER_FILE, ClientRequest, NewClient, new_client};
pub use quorate_bft::limits::GROUP_F_MAX;
pub use server::{ADMISSION_FILE, Joining, NewServer, ServerRequest, new_server};
pub use system::{NewGenesis, SystemRequest, new_cluster_file, new_genesis};

const _: () = {
    let of_members = quorate_membership::limits::MEMBERSHIP_F_MAX;
    assert!(of_members == GROUP_F_MAX, "a membership group is a group of the engine");
};
