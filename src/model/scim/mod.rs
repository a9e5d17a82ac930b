//! SCIM 2.0 as plain types and pure functions: schemas, paths, filters, resources and changes to them
//! (RFC 7643, RFC 7644).

mod attribute;
mod comparison;
pub mod fault;
pub mod filter;
mod grammar;
pub mod group_patch;
pub mod index;
pub mod normal;
pub mod patch;
pub mod path;
pub mod profile;
pub mod project;
pub mod schema;
mod tables;
mod written;
