//! The contract of the store: every operation, on both engines.

#![allow(unreachable_pub, missing_docs, reason = "a test binary exports nothing")]

#[path = "../support/mod.rs"]
mod support;

mod engine;
mod operations;
mod schema;
