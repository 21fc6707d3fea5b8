//! Servers over real sockets and disks: they make the key of their system, and serve.

mod clocks;
mod dealt;
mod erasing;
mod files;
mod following;
mod founders;
mod founding;
mod losing;
mod search;
mod secrets;
mod serving;
mod strangers;
mod system;
