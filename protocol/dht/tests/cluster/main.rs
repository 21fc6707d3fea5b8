//! The DHT as a whole: clients and servers over a network with faults and liars.

mod contents;
mod epochs;
mod files;
mod hostile;
mod network;
mod registers;
mod repairs;
