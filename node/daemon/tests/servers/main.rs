//! Servers over real sockets and disks: they make the key of their system, and serve.

mod erasing;
mod files;
mod following;
mod founders;
mod founding;
mod losing;
mod serving;
mod strangers;
mod system;
