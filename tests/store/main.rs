//! The contract of the store: every operation, on both engines.

#![allow(unreachable_pub, missing_docs, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod credentials;
mod engine;
mod lists;
mod nodes;
mod operations;
mod schema;
mod transitions;
