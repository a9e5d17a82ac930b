//! Scopes as boxes to tick.

use crate::model::scope::Scope;

/// The scopes of one API.
pub(super) struct ScopeGroup {
    pub(super) api: &'static str,
    pub(super) scopes: Vec<ScopeChoice>,
}

/// A scope that can be ticked.
pub(super) struct ScopeChoice {
    pub(super) name: &'static str,
    pub(super) explained: &'static str,
    pub(super) checked: bool,
}

/// Those that are offered, by the API that asks for them.
pub(super) fn scope_groups(is_offered: impl Fn(Scope) -> bool, is_checked: impl Fn(Scope) -> bool) -> Vec<ScopeGroup> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for scope in Scope::ALL.into_iter().filter(|scope| is_offered(*scope)) {
        let choice = ScopeChoice { name: scope.as_str(), explained: scope.explained(), checked: is_checked(scope) };
        match groups.iter_mut().find(|group| group.api == scope.api()) {
            Some(group) => group.scopes.push(choice),
            None => groups.push(ScopeGroup { api: scope.api(), scopes: vec![choice] }),
        }
    }
    groups
}
