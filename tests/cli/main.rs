//! The real binary from outside: commands, the running server, its ends and its bad days.

#![allow(unreachable_pub, missing_docs, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]
#![allow(clippy::format_collect, reason = "plain in a test")]

#[path = "../support/mod.rs"]
mod support;

mod companies;
mod config;
mod demo;
mod durability;
mod gateways;
mod groups;
mod harness;
mod http;
mod import;
mod legacy;
mod links;
mod logs;
mod outage;
mod requests;
mod scim_tokens;
mod serve;
mod server;
mod stalls;
mod start;
mod status;
mod stop;
mod tls;
mod together;
mod tokens;
mod trail;
mod usage;
mod users;
