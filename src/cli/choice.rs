//! Arguments that are one of a few words.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::model::Invalid;
use crate::model::scope::{Scope, Scopes};
use crate::model::user::Role;

/// Reads one of these words; the help lists them, and any other is wrong usage.
pub(super) fn one_of<T: Clone + Send + Sync + 'static>(
    words: Vec<&'static str>,
    read: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    let unknown = |word: &str| Invalid::new(format!("there is no '{word}'"));
    PossibleValuesParser::new(words).try_map(move |word| read(&word).ok_or_else(|| unknown(&word)))
}

/// Reads the name of one of these roles.
pub(super) fn role(roles: &[Role]) -> impl TypedValueParser<Value = Role> + use<> {
    one_of(roles.iter().map(|role| role.as_str()).collect(), Role::parse)
}

/// Reads the names of scopes.
///
/// # Errors
/// Names the first that does not exist, and those that do.
pub(super) fn scopes(names: &[String]) -> Result<Scopes, Invalid> {
    names.iter().map(|name| Scope::parse(name)).collect()
}
