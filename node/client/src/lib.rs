//! What a program needs to use a cluster.
