//! Servers over real sockets and disks: they make the key of their system, and serve.

mod founders;
mod founding;
mod serving;
