//! What leaves the house.

pub mod mail;
