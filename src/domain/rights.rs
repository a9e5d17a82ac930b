//! What groups make of their members: a role and scopes beside their own.

use crate::model::clock::Timestamp;
use crate::model::scope::Scopes;
use crate::model::user::{Role, User};
use crate::store::{self, Tx, groups, links, tokens, users};

/// Gives a user just what his own role, which was `before_own` and is `own`, and his groups give together; says with which
/// role he ends. What he loses he loses at once: links that he made as an admin end, and his tokens lose the scopes that a
/// group had let him give them.
pub(super) async fn settle(
    tx: &mut Tx<'_>,
    user: &User,
    (before_own, own): (Role, Role),
    now: Timestamp,
) -> store::Result<Role> {
    let before = users::find_granted(tx, user.id).await?;
    let given = groups::rights_of(tx, user.id).await?;
    let role = own.max(given.role.unwrap_or(Role::Member));
    if role == user.role && given.scopes == before {
        return Ok(role);
    }
    users::set_rights(tx, user.id, role, given.scopes).await?;
    if user.role.is_admin() && !role.is_admin() {
        links::end_all_made_by(tx, user.id, now).await?;
    }
    // What a role of his own let him give to a token stays there: each API looks at the role as well.
    let by_role = if user.role > before_own { Scopes::of_role(user.role) } else { Scopes::default() };
    let lost = before.and(by_role).without(given.scopes.and(Scopes::of_role(role)));
    if !lost.is_empty() {
        tokens::take_scopes(tx, user.id, lost).await?;
    }
    Ok(role)
}
