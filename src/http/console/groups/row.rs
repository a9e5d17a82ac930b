//! A group as pages show it.

use crate::model::group::Group;
use crate::model::id::GroupId;
use crate::model::user::Role;

/// The page with the list; what stands before a group's identifier in an address.
pub(super) const PATH: &str = "/control-center/groups";

/// The page of a group.
pub(super) fn path(id: GroupId) -> String {
    format!("{PATH}/{id}")
}

/// A group that a page leads to.
pub(in crate::http::console) struct GroupLink {
    pub(in crate::http::console) href: String,
    pub(in crate::http::console) name: String,
}

impl GroupLink {
    pub(in crate::http::console) fn new(group: &Group) -> Self {
        Self { href: path(group.id), name: group.name.clone() }
    }
}

/// A group in a list, or on its own page.
pub(in crate::http::console) struct GroupRow {
    pub(in crate::http::console) id: String,
    pub(in crate::http::console) href: String,
    pub(in crate::http::console) name: String,
    pub(in crate::http::console) description: String,
    pub(in crate::http::console) locked: bool,
    pub(in crate::http::console) external_id: Option<String>,
    pub(in crate::http::console) role: Option<&'static str>,
    pub(in crate::http::console) scopes: Vec<&'static str>,
    pub(in crate::http::console) members: u64,
}

impl GroupRow {
    pub(in crate::http::console) fn new(group: &Group) -> Self {
        Self {
            id: group.id.to_string(),
            href: path(group.id),
            name: group.name.clone(),
            description: group.description.clone(),
            locked: group.locked,
            external_id: group.external_id.clone(),
            role: group.rights.role.map(Role::label),
            scopes: group.rights.scopes.names(),
            members: group.member_count,
        }
    }
}
