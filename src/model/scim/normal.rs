//! The one form in which a resource is kept, made from what a client sent (RFC 7643 section 2).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::fault::{Fault, FaultKind, shown};
use super::schema::{Attribute, Kind, Mutability, ResourceKind, Schema, named};
use crate::model::clock::Timestamp;

/// The most characters that one text may have.
pub const TEXT_LENGTH: usize = 4096;

/// The most values that one attribute of a user may have.
pub const ELEMENTS: usize = 200;

/// How far a client may stray from the standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// What identity providers really send is understood.
    Lenient,
    /// What the interoperability profile (draft-zollner-scim-interop-profile) refuses is refused.
    Strict,
}

/// A whole resource as it was sent: names in the schema's case, values in the schema's types; nulls, empty lists,
/// `schemas` and what only the server may change are left out.
///
/// # Errors
/// When the body is no such resource, or a value is not of its attribute's type.
pub fn resource(kind: ResourceKind, sent: Value, strictness: Strictness) -> Result<Map<String, Value>, Fault> {
    let Value::Object(sent) = sent else {
        return Err(syntax("the body is not a JSON object"));
    };
    let sent = without_core_urn(kind, sent);
    named_once(&sent)?;
    check_schemas(kind, member(&sent, "schemas"), strictness)?;
    let mut normal = Map::new();
    for (name, value) in sent {
        if let Some(schema) = extension(kind, &name) {
            if let Some(object) = extension_value(schema, value, strictness)? {
                normal.insert(schema.id.to_owned(), object);
            }
        } else if let Some(attribute) = kind.attribute(&name) {
            keep(&mut normal, attribute, value, strictness)?;
        } else if strictness == Strictness::Strict {
            return Err(unknown(&name));
        }
    }
    Ok(normal)
}

/// The same with the core schema's attributes under their names, where a client wrote its URN before them, or put them under
/// it.
pub(super) fn without_core_urn(kind: ResourceKind, sent: Map<String, Value>) -> Map<String, Value> {
    let mut plain = Map::new();
    for (name, value) in sent {
        let urn = kind.schema().id;
        let rest = name.split_at_checked(urn.len()).filter(|(begin, _)| begin.eq_ignore_ascii_case(urn));
        match (rest.map(|(_, rest)| rest), value) {
            (Some(""), Value::Object(members)) => plain.extend(members),
            (Some(rest), value) if rest.len() > 1 => {
                plain.insert(rest[1..].to_owned(), value);
            }
            (_, value) => {
                plain.insert(name, value);
            }
        }
    }
    plain
}

/// One value, or one list of values, in its attribute's form; `None` when it leaves the attribute unassigned.
///
/// # Errors
/// When the value is not of the attribute's type.
pub fn value(attribute: &'static Attribute, sent: Value, strictness: Strictness) -> Result<Option<Value>, Fault> {
    if !attribute.multi_valued {
        return one(attribute, unwrapped(attribute, sent, strictness), strictness);
    }
    let mut list = elements(attribute, sent, strictness)?;
    let primaries = list.iter().filter(|element| is_primary(element)).count();
    if primaries > 1 && strictness == Strictness::Strict {
        return Err(invalid(format!("only one of '{}' can be primary", attribute.name)));
    }
    if let Some(last) = list.iter().rposition(is_primary) {
        only_primary(&mut list, last);
    }
    Ok((!list.is_empty()).then_some(Value::Array(list)))
}

/// The values of a list, each once.
fn elements(attribute: &'static Attribute, sent: Value, strictness: Strictness) -> Result<Vec<Value>, Fault> {
    let sent = match sent {
        Value::Null => Vec::new(),
        Value::Array(list) => list,
        single if strictness == Strictness::Lenient => vec![single],
        _ => return Err(invalid(format!("'{}' takes a list of values", attribute.name))),
    };
    check_count(attribute, sent.len())?;
    let mut seen = HashSet::new();
    let mut list = Vec::new();
    for element in sent {
        if let Some(element) = one(attribute, element, strictness)?
            && seen.insert(element.clone())
        {
            list.push(element);
        }
    }
    Ok(list)
}

/// Refuses a list that is too long to be kept.
pub(super) fn check_count(attribute: &Attribute, count: usize) -> Result<(), Fault> {
    if count > ELEMENTS {
        return Err(invalid(format!("'{}' takes at most {ELEMENTS} values", attribute.name)));
    }
    Ok(())
}

/// One value, also one of a list.
pub(super) fn one(attribute: &'static Attribute, sent: Value, strictness: Strictness) -> Result<Option<Value>, Fault> {
    if sent.is_null() {
        return Ok(None);
    }
    let is_lenient = strictness == Strictness::Lenient;
    let wrong = || invalid(format!("'{}' takes a value of the type {}", attribute.name, attribute.kind.as_str()));
    let normal = match (attribute.kind, sent) {
        (Kind::Complex, sent) => {
            return object(attribute.children, members(attribute, sent, strictness)?, strictness);
        }
        (Kind::Boolean, Value::Bool(boolean)) => Value::Bool(boolean),
        (Kind::Boolean, Value::String(text)) if is_lenient => Value::Bool(truth(&text).ok_or_else(wrong)?),
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Value::Number(number),
        (Kind::Integer, Value::String(text)) if is_lenient => {
            Value::from(text.trim().parse::<i64>().map_err(|_| wrong())?)
        }
        (Kind::Decimal, Value::Number(number)) => Value::Number(number),
        (Kind::DateTime, Value::String(text)) if text.parse::<Timestamp>().is_ok() => Value::String(text),
        (Kind::Text | Kind::Binary | Kind::Reference, Value::String(text)) => checked(attribute, text)?,
        (Kind::Text | Kind::Reference, Value::Number(number)) if is_lenient => Value::String(number.to_string()),
        (Kind::Text, Value::Bool(boolean)) if is_lenient => Value::String(boolean.to_string()),
        _ => return Err(wrong()),
    };
    Ok(Some(normal))
}

/// Entra sends booleans as texts, `"True"` and `"False"`.
fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn checked(attribute: &Attribute, text: String) -> Result<Value, Fault> {
    if text.chars().count() > TEXT_LENGTH {
        return Err(invalid(format!("'{}' is longer than {TEXT_LENGTH} characters", attribute.name)));
    }
    // PostgreSQL keeps no text that holds it.
    if text.contains('\0') {
        return Err(invalid(format!("'{}' holds the character U+0000", attribute.name)));
    }
    Ok(Value::String(text))
}

/// A list of one where one value is meant, as Entra sends a manager, and the empty list, which means none.
pub(super) fn unwrapped(attribute: &Attribute, sent: Value, strictness: Strictness) -> Value {
    match sent {
        Value::Array(list) if list.is_empty() => Value::Null,
        Value::Array(mut list)
            if list.len() == 1 && attribute.kind == Kind::Complex && strictness == Strictness::Lenient =>
        {
            list.swap_remove(0)
        }
        other => other,
    }
}

/// The members that were sent for one complex value, none for null. A bare text or number stands for an object with
/// this `value`, as Entra sends managers and members.
pub(super) fn members(attribute: &Attribute, sent: Value, strictness: Strictness) -> Result<Map<String, Value>, Fault> {
    let takes_bare = strictness == Strictness::Lenient && attribute.child("value").is_some();
    match sent {
        Value::Null => Ok(Map::new()),
        Value::Object(members) => Ok(members),
        Value::String(text) if takes_bare && text.is_empty() => Ok(Map::new()),
        bare @ (Value::String(_) | Value::Number(_)) if takes_bare => Ok(Map::from_iter([("value".to_owned(), bare)])),
        _ => Err(invalid(format!("'{}' takes an object", attribute.name))),
    }
}

/// An object whose members are these attributes; `None` when nothing of it is left.
fn object(
    attributes: &'static [Attribute],
    sent: Map<String, Value>,
    strictness: Strictness,
) -> Result<Option<Value>, Fault> {
    named_once(&sent)?;
    let mut normal = Map::new();
    for (name, value) in sent {
        match named(attributes, &name) {
            Some(attribute) => keep(&mut normal, attribute, value, strictness)?,
            None if strictness == Strictness::Strict => return Err(unknown(&name)),
            None => {}
        }
    }
    Ok((!normal.is_empty()).then_some(Value::Object(normal)))
}

fn extension_value(schema: &'static Schema, sent: Value, strictness: Strictness) -> Result<Option<Value>, Fault> {
    match sent {
        Value::Null => Ok(None),
        Value::Object(sent) => object(schema.attributes, sent, strictness),
        _ => Err(invalid(format!("'{}' takes an object", schema.id))),
    }
}

fn keep(
    normal: &mut Map<String, Value>,
    attribute: &'static Attribute,
    sent: Value,
    strictness: Strictness,
) -> Result<(), Fault> {
    if is_settable(attribute)
        && let Some(value) = value(attribute, sent, strictness)?
    {
        normal.insert(attribute.name.to_owned(), value);
    }
    Ok(())
}

/// Whether what a client sends for it is kept. `schemas` follows from what else a resource holds.
pub(super) fn is_settable(attribute: &Attribute) -> bool {
    attribute.mutability != Mutability::ReadOnly && attribute.name != "schemas"
}

fn extension(kind: ResourceKind, urn: &str) -> Option<&'static Schema> {
    kind.extensions().iter().copied().find(|schema| schema.id.eq_ignore_ascii_case(urn))
}

/// `schemas` names the schemas that a body is of (RFC 7643 section 3). Lenient takes a body without it, and one that
/// names others too; a body that names others alone is meant for somebody else.
fn check_schemas(kind: ResourceKind, sent: Option<&Value>, strictness: Strictness) -> Result<(), Fault> {
    let urns = urns(sent)?;
    let is_core = |urn: &&str| urn.eq_ignore_ascii_case(kind.schema().id);
    let is_known = |urn: &&str| is_core(urn) || extension(kind, urn).is_some();
    let is_right = match strictness {
        Strictness::Lenient => urns.is_empty() || urns.iter().any(is_known),
        Strictness::Strict => urns.iter().any(is_core) && urns.iter().all(is_known),
    };
    if is_right { Ok(()) } else { Err(syntax(format!("'schemas' is to be [\"{}\"]", kind.schema().id))) }
}

/// The URNs in `schemas`; none when there is no such member.
pub(super) fn urns(sent: Option<&Value>) -> Result<Vec<&str>, Fault> {
    let wrong = || syntax("'schemas' takes a list of texts");
    match sent {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|urn| urn.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

/// The member of this name, in any case.
pub(super) fn member<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The same, out of the object.
pub(super) fn take_member(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    object.remove(&key)
}

/// Refuses two members whose names differ in case alone: which of them would count?
pub(super) fn named_once(object: &Map<String, Value>) -> Result<(), Fault> {
    let mut names = HashSet::new();
    match object.keys().find(|name| !names.insert(name.to_ascii_lowercase())) {
        Some(name) => Err(syntax(format!("'{}' stands there twice", shown(name)))),
        None => Ok(()),
    }
}

/// Whether it is the preferred one of its list (RFC 7643 section 2.4).
pub(super) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Lets all but one of a list be secondary.
pub(super) fn only_primary(list: &mut [Value], place: usize) {
    for (position, element) in list.iter_mut().enumerate() {
        if position != place
            && let Some(primary) = element.get_mut("primary")
        {
            *primary = Value::Bool(false);
        }
    }
}

/// Roughly how many bytes a value takes as JSON.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 6,
        Value::String(text) => text.len() + 2,
        Value::Array(list) => list.iter().map(|value| size(value) + 1).sum::<usize>() + 2,
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value) + 4).sum::<usize>() + 2,
    }
}

pub(super) fn syntax(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::InvalidSyntax, detail)
}

pub(super) fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::InvalidValue, detail)
}

pub(super) fn unknown(name: &str) -> Fault {
    syntax(format!("there is no attribute '{}'", shown(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn lenient(sent: Value) -> Value {
        Value::Object(resource(ResourceKind::User, sent, Strictness::Lenient).unwrap())
    }

    fn refused(sent: Value, strictness: Strictness) -> FaultKind {
        resource(ResourceKind::User, sent, strictness).unwrap_err().kind
    }

    #[test]
    fn names_are_taken_in_any_case() {
        assert_eq!(
            lenient(
                json!({"USERNAME": "ada", "Name": {"GIVENNAME": "Ada"}, ENTERPRISE.to_uppercase(): {"Department": "A"}})
            ),
            json!({"userName": "ada", "name": {"givenName": "Ada"}, ENTERPRISE: {"department": "A"}})
        );
    }

    #[test]
    fn a_create_by_okta_loses_password_and_groups() {
        let sent = json!({
            "schemas": [CORE], "userName": "ada@acme.example", "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "emails": [{"primary": true, "value": "ada@acme.example", "type": "work"}], "displayName": "Ada Lovelace",
            "locale": "en-US", "externalId": "00u1", "groups": [], "password": "1mz050nq", "active": true
        });
        assert_eq!(
            lenient(sent),
            json!({
                "userName": "ada@acme.example", "name": {"givenName": "Ada", "familyName": "Lovelace"},
                "emails": [{"primary": true, "value": "ada@acme.example", "type": "work"}],
                "displayName": "Ada Lovelace", "locale": "en-US", "externalId": "00u1", "active": true
            })
        );
    }

    #[test]
    fn a_create_by_entra_loses_meta_roles_and_nulls() {
        let sent = json!({
            "schemas": [CORE, ENTERPRISE], "externalId": "ada", "userName": "ada@acme.example", "active": "True",
            "addresses": null, "title": null, "name": {"formatted": null}, "roles": [],
            "meta": {"resourceType": "User"},
            ENTERPRISE: {"manager": [{"value": "7", "displayName": "x", "$ref": null}]}
        });
        assert_eq!(
            lenient(sent),
            json!({
                "externalId": "ada", "userName": "ada@acme.example", "active": true,
                ENTERPRISE: {"manager": {"value": "7"}}
            })
        );
    }

    #[test]
    fn a_manager_is_a_text_an_object_or_a_list_of_one() {
        for manager in [json!("7"), json!({"value": "7"}), json!([{"value": "7"}]), json!(["7"]), json!(7)] {
            assert_eq!(
                lenient(json!({ENTERPRISE: {"manager": manager}})),
                json!({ENTERPRISE: {"manager": {"value": "7"}}})
            );
        }
        for none in [json!(""), json!(null), json!([]), json!({}), json!({"value": null})] {
            assert_eq!(lenient(json!({ENTERPRISE: {"manager": none}})), json!({}));
        }
    }

    #[test]
    fn active_is_a_boolean_also_as_a_text_in_any_case() {
        for (sent, kept) in
            [(json!("False"), false), (json!("false"), false), (json!("TRUE"), true), (json!(true), true)]
        {
            assert_eq!(lenient(json!({"active": sent})), json!({"active": kept}));
        }
        for wrong in [json!("no"), json!(""), json!(0), json!({}), json!([false])] {
            assert_eq!(refused(json!({"active": wrong}), Strictness::Lenient), FaultKind::InvalidValue);
        }
        assert_eq!(lenient(json!({"active": null})), json!({}));
    }

    #[test]
    fn one_value_becomes_a_list_of_one() {
        for sent in [json!("a@b.example"), json!({"value": "a@b.example"}), json!([null, "a@b.example", "a@b.example"])]
        {
            assert_eq!(lenient(json!({"emails": sent})), json!({"emails": [{"value": "a@b.example"}]}));
        }
    }

    #[test]
    fn the_last_primary_is_the_primary() {
        let sent = json!([{"value": "a", "primary": true}, {"value": "b", "primary": "True"}, {"value": "c"}]);
        assert_eq!(
            lenient(json!({"emails": sent})),
            json!({"emails": [{"value": "a", "primary": false}, {"value": "b", "primary": true}, {"value": "c"}]})
        );
        let sent =
            json!({"schemas": [CORE], "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]});
        assert_eq!(refused(sent, Strictness::Strict), FaultKind::InvalidValue);
    }

    #[test]
    fn numbers_become_the_text_that_is_asked_for() {
        assert_eq!(lenient(json!({ENTERPRISE: {"employeeNumber": 7}})), json!({ENTERPRISE: {"employeeNumber": "7"}}));
    }

    #[test]
    fn an_empty_text_is_kept() {
        assert_eq!(lenient(json!({"title": ""})), json!({"title": ""}));
    }

    #[test]
    fn what_is_too_long_or_can_not_be_kept_is_refused() {
        let many: Vec<String> = (0..=ELEMENTS).map(|number| number.to_string()).collect();
        for wrong in [
            json!({"title": "x".repeat(TEXT_LENGTH + 1)}),
            json!({"title": "a\0b"}),
            json!({"title": {}}),
            json!({"name": "Ada"}),
            json!({"emails": many}),
            json!({"emails": [["a"]]}),
            json!({ENTERPRISE: "x"}),
        ] {
            assert_eq!(refused(wrong, Strictness::Lenient), FaultKind::InvalidValue);
        }
        assert_eq!(lenient(json!({"title": "ü".repeat(TEXT_LENGTH)})), json!({"title": "ü".repeat(TEXT_LENGTH)}));
    }

    #[test]
    fn a_body_has_the_right_structure() {
        for wrong in [
            json!([]),
            json!("ada"),
            json!({"active": true, "Active": false}),
            json!({"name": {"givenName": "a", "givenname": "b"}}),
            json!({"schemas": CORE}),
            json!({"schemas": [7]}),
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"]}),
        ] {
            assert_eq!(refused(wrong, Strictness::Lenient), FaultKind::InvalidSyntax);
        }
        for right in [json!({}), json!({"schemas": []}), json!({"schemas": [CORE.to_uppercase(), "urn:other"]})] {
            assert_eq!(lenient(right), json!({}));
        }
    }

    #[test]
    fn strict_refuses_what_the_profile_refuses() {
        for wrong in [
            json!({"userName": "ada"}),
            json!({"schemas": [ENTERPRISE]}),
            json!({"schemas": [CORE, "urn:other"]}),
            json!({"schemas": [CORE], "password": "x"}),
            json!({"schemas": [CORE], "name": {"nick": "x"}}),
            json!({"schemas": [CORE], "urn:other": {}}),
        ] {
            assert_eq!(refused(wrong, Strictness::Strict), FaultKind::InvalidSyntax);
        }
        for wrong in [json!({"active": "True"}), json!({"title": 7}), json!({"emails": {"value": "a"}})] {
            let mut sent = wrong;
            sent["schemas"] = json!([CORE]);
            assert_eq!(refused(sent, Strictness::Strict), FaultKind::InvalidValue);
        }
        let sent = json!({"schemas": [CORE], "id": "7", "userName": "ada"});
        assert_eq!(
            resource(ResourceKind::User, sent, Strictness::Strict).map(Value::Object),
            Ok(json!({"userName": "ada"}))
        );
    }
}
