//! Groups as they are sent. A group may have more members than memory should hold, so a PATCH becomes edits that the
//! store can make (RFC 7644 section 3.5.2).

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::fault::{Fault, FaultKind, shown};
use super::filter::{Filter, Literal, Operator};
use super::normal::{self, Strictness, invalid, syntax};
use super::patch::{Change, Op, Operation, Step, steps};
use super::path::Target;
use super::profile;
use super::schema::{Attribute, ResourceKind};
use crate::model::id::UserId;
use crate::model::text::{NAME_LENGTH, one_line};

/// The most members that one request may name.
pub const MEMBERS: usize = 200_000;

/// One change to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEdit {
    /// Gives it another name.
    Rename(String),
    /// Gives it another identifier of the client's, or none.
    SetExternalId(Option<String>),
    /// Adds these members.
    Add(Vec<UserId>),
    /// Takes these members away, if they are any.
    Remove(Vec<UserId>),
    /// Takes all members away.
    RemoveAll,
    /// Lets these be the members, and no others.
    Replace(Vec<UserId>),
}

/// A whole group as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentGroup {
    /// `displayName`.
    pub name: String,
    /// The client's own identifier.
    pub external_id: Option<String>,
    /// Who belongs to it; `None` when nothing was said of that.
    pub members: Option<Vec<UserId>>,
}

/// Reads the body of a POST or a PUT.
///
/// # Errors
/// When it is no group, has no name, or names members who can't be users.
pub fn group(sent: Value, strictness: Strictness) -> Result<SentGroup, Fault> {
    let Value::Object(mut sent) = sent else {
        return Err(syntax("the body is not a JSON object"));
    };
    normal::named_once(&sent)?;
    // Out before the rest is read: there may be very many.
    let listed = normal::take_member(&mut sent, "members");
    let mut rest = normal::resource(ResourceKind::Group, Value::Object(sent), strictness)?;
    let Some(Value::String(name)) = rest.remove("displayName") else {
        return Err(invalid("'displayName' is missing"));
    };
    let external_id = match rest.remove("externalId") {
        Some(Value::String(text)) => profile::external_id(text)?,
        _ => None,
    };
    Ok(SentGroup { name: group_name(&name)?, external_id, members: listed.as_ref().map(members).transpose()? })
}

/// What the operations of a PATCH change, in their order.
///
/// # Errors
/// What is wrong with the first operation that can't be done.
pub fn edits(operations: &[Operation], strictness: Strictness) -> Result<Vec<GroupEdit>, Fault> {
    let mut edits = Vec::new();
    let mut named = 0;
    for operation in operations {
        for step in steps(ResourceKind::Group, operation, strictness)? {
            let Some(edit) = edit(step, strictness)? else { continue };
            if let GroupEdit::Add(users) | GroupEdit::Remove(users) | GroupEdit::Replace(users) = &edit {
                named += users.len();
            }
            if named > MEMBERS {
                return Err(too_many());
            }
            append(&mut edits, edit);
        }
    }
    Ok(edits)
}

/// Members in a row become one edit: Entra sends an operation for each.
fn append(edits: &mut Vec<GroupEdit>, edit: GroupEdit) {
    match (edits.last_mut(), edit) {
        (Some(GroupEdit::Add(known)), GroupEdit::Add(more))
        | (Some(GroupEdit::Remove(known)), GroupEdit::Remove(more)) => known.extend(more),
        (_, edit) => edits.push(edit),
    }
}

fn edit(step: Step, strictness: Strictness) -> Result<Option<GroupEdit>, Fault> {
    let Step { target, change, is_named } = step;
    match target {
        Target::Attribute(path) => match (path.attribute.name, path.child.map(|child| child.name)) {
            ("displayName", _) => rename(path.attribute, change, strictness).map(Some),
            ("externalId", _) => set_external_id(path.attribute, change, strictness).map(Some),
            ("members", None | Some("value")) => change_members(change),
            (_, child) => unsettable(child.unwrap_or(path.attribute.name), is_named),
        },
        Target::Elements { attribute: path, filter, child } => match (path.attribute.name, child) {
            ("members", None) => change_chosen(&filter, &change).map(Some),
            ("members", Some(child)) if child.name == "value" && is_removal(&change) => {
                change_chosen(&filter, &change).map(Some)
            }
            (_, child) => unsettable(child.map_or(path.attribute.name, |child| child.name), is_named),
        },
        Target::Extension(schema) => unsettable(schema.id, is_named),
    }
}

fn unsettable(name: &str, is_named: bool) -> Result<Option<GroupEdit>, Fault> {
    if is_named {
        return Err(Fault::new(FaultKind::Mutability, format!("'{name}' can't be changed by a client")));
    }
    Ok(None)
}

fn is_removal(change: &Change) -> bool {
    match change {
        Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => true,
        Change::Add(_) | Change::Replace(_) => false,
    }
}

/// The one text that is sent for an attribute; `None` when it is to have no value.
fn text(attribute: &'static Attribute, change: Change, strictness: Strictness) -> Result<Option<String>, Fault> {
    match change {
        Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => Ok(None),
        Change::Add(sent) | Change::Replace(sent) => match normal::value(attribute, sent, strictness)? {
            Some(Value::String(text)) => Ok(Some(text)),
            _ => Ok(None),
        },
    }
}

fn rename(attribute: &'static Attribute, change: Change, strictness: Strictness) -> Result<GroupEdit, Fault> {
    if matches!(change, Change::Remove | Change::RemoveValues(_)) {
        return Err(Fault::new(FaultKind::Mutability, "'displayName' can't be removed"));
    }
    let name = text(attribute, change, strictness)?.ok_or_else(|| invalid("'displayName' needs a value"))?;
    group_name(&name).map(GroupEdit::Rename)
}

fn set_external_id(attribute: &'static Attribute, change: Change, strictness: Strictness) -> Result<GroupEdit, Fault> {
    let text = text(attribute, change, strictness)?;
    Ok(GroupEdit::SetExternalId(text.map(profile::external_id).transpose()?.flatten()))
}

fn group_name(text: &str) -> Result<String, Fault> {
    one_line("'displayName'", text, NAME_LENGTH).map_err(|wrong| invalid(wrong.to_string()))
}

fn change_members(change: Change) -> Result<Option<GroupEdit>, Fault> {
    match change {
        Change::Unassign(Op::Add) => Ok(None),
        Change::Remove | Change::Unassign(_) => Ok(Some(GroupEdit::RemoveAll)),
        Change::Replace(sent) => Ok(Some(GroupEdit::Replace(members(&sent)?))),
        Change::Add(sent) => Ok(some_users(members(&sent)?).map(GroupEdit::Add)),
        Change::RemoveValues(sent) => Ok(some_users(members(&sent)?).map(GroupEdit::Remove)),
    }
}

fn some_users(users: Vec<UserId>) -> Option<Vec<UserId>> {
    (!users.is_empty()).then_some(users)
}

/// A change to members whom a path chooses by their identifiers.
fn change_chosen(filter: &Filter, change: &Change) -> Result<GroupEdit, Fault> {
    let users = chosen(filter)?.into_iter().collect();
    match change {
        Change::Add(_) | Change::Unassign(Op::Add) => Ok(GroupEdit::Add(users)),
        Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => Ok(GroupEdit::Remove(users)),
        Change::Replace(_) => {
            Err(Fault::new(FaultKind::Mutability, "a member is added or removed, and never becomes another"))
        }
    }
}

/// The users whom a filter names. One that asks for anything but `value` would need all members to be looked through.
fn chosen(filter: &Filter) -> Result<BTreeSet<UserId>, Fault> {
    match filter {
        Filter::Or(left, right) => Ok(&chosen(left)? | &chosen(right)?),
        Filter::And(left, right) => Ok(&chosen(left)? & &chosen(right)?),
        Filter::Compare { path, operator: Operator::Equal, value: Literal::Text(text) }
            if path.leaf().name == "value" =>
        {
            Ok(BTreeSet::from([user(text)?]))
        }
        Filter::Not(_) | Filter::Compare { .. } | Filter::Present(_) | Filter::Element { .. } => Err(Fault::new(
            FaultKind::InvalidFilter,
            "members are chosen by [value eq \"…\"], with 'and' and 'or' between",
        )),
    }
}

/// The members that are named: a list of objects with a `value`, or of bare identifiers, or one of these. Each once.
///
/// # Errors
/// When something else stands there, or there are too many.
pub fn members(sent: &Value) -> Result<Vec<UserId>, Fault> {
    let listed: &[Value] = match sent {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    if listed.len() > MEMBERS {
        return Err(too_many());
    }
    let mut seen = HashSet::new();
    let mut users = Vec::new();
    for sent in listed {
        if let Some(user) = member(sent)?
            && seen.insert(user)
        {
            users.push(user);
        }
    }
    Ok(users)
}

/// One member; none for a null.
fn member(sent: &Value) -> Result<Option<UserId>, Fault> {
    match sent {
        Value::Null => Ok(None),
        Value::String(text) => user(text).map(Some),
        Value::Object(members) => member_object(members).map(Some),
        _ => Err(invalid("a member is an object with a 'value'")),
    }
}

fn member_object(sent: &Map<String, Value>) -> Result<UserId, Fault> {
    normal::named_once(sent)?;
    if normal::member(sent, "type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("Group")) {
        return Err(invalid("a member is a user: groups in groups are not kept"));
    }
    match normal::member(sent, "value") {
        Some(Value::String(text)) => user(text),
        _ => Err(invalid("a member has a 'value', the user's identifier")),
    }
}

fn user(text: &str) -> Result<UserId, Fault> {
    UserId::parse(text).map_err(|_| invalid(format!("there is no user '{}'", shown(text))))
}

fn too_many() -> Fault {
    invalid(format!("one request names at most {MEMBERS} members"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::patch::{PATCH_SCHEMA, parse};
    use super::*;

    const ADA: &str = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
    const BOB: &str = "2b4e28ba-2fa1-41d2-883f-0016d3cca427";

    fn users(identifiers: &[&str]) -> Vec<UserId> {
        identifiers.iter().map(|text| UserId::parse(text).unwrap()).collect()
    }

    fn patched(operations: Value, strictness: Strictness) -> Result<Vec<GroupEdit>, FaultKind> {
        let body = json!({"schemas": [PATCH_SCHEMA], "Operations": operations});
        let operations = parse(body).map_err(|fault| fault.kind)?;
        edits(&operations, strictness).map_err(|fault| fault.kind)
    }

    fn lenient(operations: Value) -> Vec<GroupEdit> {
        patched(operations, Strictness::Lenient).unwrap()
    }

    fn refused(operation: Value) -> FaultKind {
        patched(json!([operation]), Strictness::Lenient).unwrap_err()
    }

    #[test]
    fn okta_renames_without_a_path_and_sends_the_id_along() {
        let operation = json!({"op": "replace", "value": {"id": ADA, "displayName": "Engineers"}});
        assert_eq!(lenient(json!([operation])), [GroupEdit::Rename("Engineers".to_owned())]);
        assert_eq!(patched(json!([operation]), Strictness::Strict), Err(FaultKind::InvalidSyntax));
        assert!(lenient(json!([{"op": "replace", "value": {"id": ADA}}])).is_empty());
    }

    #[test]
    fn okta_removes_and_adds_members_in_one_request() {
        let operations = json!([
            {"op": "remove", "path": format!("members[value eq \"{ADA}\"]")},
            {"op": "add", "path": "members", "value": [{"value": BOB, "display": "bob@acme.example"}]}
        ]);
        for strictness in [Strictness::Lenient, Strictness::Strict] {
            assert_eq!(
                patched(operations.clone(), strictness),
                Ok(vec![GroupEdit::Remove(users(&[ADA])), GroupEdit::Add(users(&[BOB]))])
            );
        }
    }

    #[test]
    fn okta_pushes_the_whole_membership() {
        let operation =
            json!({"op": "replace", "path": "members", "value": [{"value": ADA}, {"value": BOB}, {"value": ADA}]});
        assert_eq!(lenient(json!([operation])), [GroupEdit::Replace(users(&[ADA, BOB]))]);
        let operation = json!({"op": "replace", "value": {"members": [], "displayName": "A"}});
        assert_eq!(lenient(json!([operation])), [GroupEdit::Rename("A".to_owned()), GroupEdit::Replace(Vec::new())]);
    }

    #[test]
    fn entra_adds_members_with_a_null_reference_or_as_a_bare_text() {
        for value in
            [json!([{"$ref": null, "value": ADA}]), json!(ADA), json!([ADA]), json!({"Value": ADA}), json!([null, ADA])]
        {
            for op in ["Add", "add"] {
                assert_eq!(
                    lenient(json!([{"op": op, "path": "members", "value": value}])),
                    [GroupEdit::Add(users(&[ADA]))]
                );
            }
        }
    }

    #[test]
    fn entra_removes_only_the_members_that_it_sends() {
        for value in [json!([{"value": ADA}]), json!(ADA)] {
            assert_eq!(
                lenient(json!([{"op": "Remove", "path": "members", "value": value}])),
                [GroupEdit::Remove(users(&[ADA]))]
            );
        }
        assert!(lenient(json!([{"op": "Remove", "path": "members", "value": []}])).is_empty());
    }

    #[test]
    fn a_remove_without_a_value_removes_all() {
        for operation in [
            json!({"op": "remove", "path": "members"}),
            json!({"op": "Remove", "path": "Members", "value": null}),
            json!({"op": "replace", "path": "members", "value": null}),
            json!({"op": "replace", "value": {"members": null}}),
        ] {
            assert_eq!(lenient(json!([operation])), [GroupEdit::RemoveAll]);
        }
        for nobody in [json!([]), json!(null), json!([null])] {
            assert!(lenient(json!([{"op": "add", "path": "members", "value": nobody}])).is_empty());
        }
    }

    #[test]
    fn members_in_a_row_become_one_edit() {
        let add = |user: &str| json!({"op": "Add", "path": "members", "value": [{"value": user}]});
        let remove = |user: &str| json!({"op": "Remove", "path": format!("members[value eq \"{user}\"]")});
        assert_eq!(
            lenient(json!([add(ADA), add(BOB), remove(ADA), remove(BOB), add(ADA)])),
            [GroupEdit::Add(users(&[ADA, BOB])), GroupEdit::Remove(users(&[ADA, BOB])), GroupEdit::Add(users(&[ADA]))]
        );
    }

    #[test]
    fn a_path_chooses_members_by_their_identifiers_alone() {
        let removed = |filter: String| patched(json!([{"op": "remove", "path": filter}]), Strictness::Lenient);
        assert_eq!(
            removed(format!("members[value eq \"{BOB}\" or value eq \"{ADA}\"]")),
            Ok(vec![GroupEdit::Remove(users(&[ADA, BOB]))])
        );
        assert_eq!(
            removed(format!("members[value eq \"{BOB}\" and value eq \"{ADA}\"]")),
            Ok(vec![GroupEdit::Remove(Vec::new())])
        );
        assert_eq!(removed(format!("members[value eq \"{ADA}\"].value")), Ok(vec![GroupEdit::Remove(users(&[ADA]))]));
        for filter in ["value ne \"x\"", "not (value eq \"x\")", "value pr", "display eq \"x\"", "value eq null"] {
            assert_eq!(removed(format!("members[{filter}]")), Err(FaultKind::InvalidFilter), "{filter}");
        }
        let path = format!("members[value eq \"{ADA}\"]");
        assert_eq!(
            lenient(json!([{"op": "add", "path": path, "value": {"value": ADA}}])),
            [GroupEdit::Add(users(&[ADA]))]
        );
        assert_eq!(refused(json!({"op": "replace", "path": path, "value": {"value": BOB}})), FaultKind::Mutability);
    }

    #[test]
    fn what_is_no_user_is_no_member() {
        for value in [
            json!("ada"),
            json!([{"value": "ada"}]),
            json!([{"value": ADA.to_uppercase()}]),
            json!([{"value": null}]),
            json!([{"display": "ada"}]),
            json!([{"value": ADA, "type": "group"}]),
            json!([{"value": 7}]),
            json!(true),
            json!([[ADA]]),
        ] {
            let operation = json!({"op": "add", "path": "members", "value": value});
            assert_eq!(refused(operation), FaultKind::InvalidValue, "{value}");
        }
        assert_eq!(refused(json!({"op": "remove", "path": "members[value eq \"x\"]"})), FaultKind::InvalidValue);
    }

    #[test]
    fn a_name_is_kept_and_an_external_identifier_may_go() {
        assert_eq!(refused(json!({"op": "remove", "path": "displayName"})), FaultKind::Mutability);
        for value in [json!(null), json!(""), json!(" "), json!([]), json!({}), json!("x".repeat(201))] {
            assert_eq!(
                refused(json!({"op": "replace", "path": "displayName", "value": value})),
                FaultKind::InvalidValue
            );
        }
        assert_eq!(
            lenient(json!([
                {"op": "add", "path": "externalId", "value": "e1"},
                {"op": "remove", "path": "externalId"},
                {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:displayName", "value": "B"}
            ])),
            [
                GroupEdit::SetExternalId(Some("e1".to_owned())),
                GroupEdit::SetExternalId(None),
                GroupEdit::Rename("B".to_owned())
            ]
        );
    }

    #[test]
    fn what_only_the_server_changes_is_refused_by_name() {
        let member = format!("members[value eq \"{ADA}\"].display");
        for path in ["id", "meta.created", "members.display", "members.type", &member] {
            assert_eq!(refused(json!({"op": "replace", "path": path, "value": "x"})), FaultKind::Mutability, "{path}");
        }
        assert_eq!(refused(json!({"op": "replace", "path": "name", "value": "x"})), FaultKind::InvalidPath);
        assert_eq!(refused(json!({"op": "replace", "value": {"name": "x"}})), FaultKind::InvalidPath);
        assert_eq!(refused(json!({"op": "remove", "value": {"members": ADA}})), FaultKind::NoTarget);
    }

    #[test]
    fn a_group_by_entra_carries_a_schema_of_its_own() {
        let sent = json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
            ],
            "externalId": "8aa1a0c0", "displayName": "Engineers", "meta": {"resourceType": "Group"}
        });
        let expected =
            SentGroup { name: "Engineers".to_owned(), external_id: Some("8aa1a0c0".to_owned()), members: None };
        assert_eq!(group(sent, Strictness::Lenient), Ok(expected));
    }

    #[test]
    fn a_group_by_okta_has_an_empty_membership() {
        let sent = json!({"DisplayName": "Engineers", "Members": []});
        let group = group(sent, Strictness::Lenient).unwrap();
        assert_eq!((group.name.as_str(), group.members), ("Engineers", Some(Vec::new())));
    }

    #[test]
    fn a_group_has_a_name_and_members_who_are_users() {
        for (wrong, kind) in [
            (json!({}), FaultKind::InvalidValue),
            (json!({"displayName": ""}), FaultKind::InvalidValue),
            (json!({"displayName": "A", "members": ["x"]}), FaultKind::InvalidValue),
            (json!({"displayName": "A", "members": [], "Members": []}), FaultKind::InvalidSyntax),
            (json!(["displayName"]), FaultKind::InvalidSyntax),
        ] {
            assert_eq!(group(wrong, Strictness::Lenient).unwrap_err().kind, kind);
        }
        let sent = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "A", "x": 1});
        assert_eq!(group(sent, Strictness::Strict).unwrap_err().kind, FaultKind::InvalidSyntax);
    }

    #[test]
    fn a_request_names_a_most_of_members() {
        assert_eq!(members(&json!(vec![ADA; MEMBERS])).unwrap(), users(&[ADA]));
        assert_eq!(members(&json!(vec![ADA; MEMBERS + 1])).unwrap_err().kind, FaultKind::InvalidValue);
    }
}
