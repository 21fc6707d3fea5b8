//! Groups of replicas and a client in memory: stories of what goes right, and of what villains do.

mod certificates;
mod forge;
mod liars;
mod normal_case;
mod schedules;
mod stories;
mod support;
mod wire;
