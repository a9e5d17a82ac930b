//! Offboard keeps the people of a development platform, and ends everything that one of them holds, at once.
//!
//! A request goes down this line and its answer comes up; nobody calls upwards:
//!
//! ```text
//! cli → http → domain → access → store → model
//!        └──→ outbound (mail)
//! ```
//!
//! `ARCHITECTURE.md` is the map.

pub mod access;
pub mod cli;
pub mod domain;
pub mod http;
pub mod model;
pub mod outbound;
pub mod store;
