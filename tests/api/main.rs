//! The HTTP surface, over real sockets to the real router, on both engines. Time stands still unless a test moves it.

#![allow(unreachable_pub, missing_docs, reason = "a test binary exports nothing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unchecked_time_subtraction,
    reason = "a test that can't go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod admission;
mod browser;
mod checks;
mod console;
mod console_groups;
mod coverage;
mod deactivation;
mod faults;
mod harness;
mod identifiers;
mod legacy;
mod links;
mod mail;
mod nodes;
mod openapi;
mod promise;
mod rate_limit;
mod redis_server;
mod scim;
mod services;
mod sessions;
mod shared_limit;
mod sign_in;
mod surface;
