//! What a PATCH asks for: its operations, and the steps that each of them is.

use serde_json::{Map, Value};

use super::super::fault::{Fault, FaultKind, shown};
use super::super::normal::{Strictness, invalid, named_once, syntax, take_member, unknown, urns, without_core_urn};
use super::super::path::Target;
use super::super::schema::ResourceKind;

/// The most operations that one request may have.
pub const OPERATIONS: usize = 1000;

/// The schema of a PATCH (RFC 7644 section 8.2).
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Gives a value beside those that there are.
    Add,
    /// Takes values away.
    Remove,
    /// Gives a value in place of those that there are.
    Replace,
}

/// One operation as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// To what; without one, its value names that.
    pub path: Option<String>,
    /// With what; `None` when there is no such member, a null when it is null.
    pub value: Option<Value>,
}

/// Reads the body of a PATCH (RFC 7644 section 3.5.2); names and `op` in any case.
///
/// # Errors
/// When the body is none of a PATCH, or holds no operation or too many.
pub fn parse(body: Value) -> Result<Vec<Operation>, Fault> {
    let Value::Object(mut body) = body else {
        return Err(syntax("the body is not a JSON object"));
    };
    named_once(&body)?;
    let schemas = take_member(&mut body, "schemas");
    if !urns(schemas.as_ref())?.iter().any(|urn| urn.eq_ignore_ascii_case(PATCH_SCHEMA)) {
        return Err(syntax(format!("'schemas' is to be [\"{PATCH_SCHEMA}\"]")));
    }
    operations(take_member(&mut body, "Operations").ok_or_else(|| syntax("'Operations' is missing"))?)
}

/// Reads the operations alone, as RFC 7644 section 3.7.3 has them as the data of a PATCH within a bulk request.
///
/// # Errors
/// When they are no list of operations, or there is none or too many.
pub fn operations(sent: Value) -> Result<Vec<Operation>, Fault> {
    let Value::Array(list) = sent else {
        return Err(syntax("'Operations' takes a list"));
    };
    if list.is_empty() {
        return Err(syntax("'Operations' is empty"));
    }
    if list.len() > OPERATIONS {
        return Err(invalid(format!("'Operations' takes at most {OPERATIONS} operations")));
    }
    list.into_iter().map(operation).collect()
}

fn operation(sent: Value) -> Result<Operation, Fault> {
    let Value::Object(mut sent) = sent else {
        return Err(syntax("an operation is a JSON object"));
    };
    named_once(&sent)?;
    let op = match take_member(&mut sent, "op") {
        Some(Value::String(name)) => op(&name)?,
        _ => return Err(syntax("an operation has an 'op': add, remove or replace")),
    };
    let path = match take_member(&mut sent, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.trim().is_empty() => {
            return Err(Fault::new(FaultKind::InvalidPath, "the path is empty"));
        }
        Some(Value::String(path)) => Some(path),
        Some(_) => return Err(syntax("a path is a text")),
    };
    Ok(Operation { op, path, value: take_member(&mut sent, "value") })
}

fn op(name: &str) -> Result<Op, Fault> {
    let known = [("add", Op::Add), ("remove", Op::Remove), ("replace", Op::Replace)];
    known
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, op)| op)
        .ok_or_else(|| syntax(format!("there is no operation '{}': only add, remove and replace", shown(name))))
}

/// One change at one place.
pub(in super::super) struct Step {
    pub(in super::super) target: Target,
    pub(in super::super) change: Change,
    /// Whether the target stands in a path. What only the server may change is refused there, and passed over as a
    /// member of a value: Okta sends a group's `id` along with its new name.
    pub(in super::super) is_named: bool,
}

/// What is done there.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Change {
    /// Values are given beside those that there are.
    Add(Value),
    /// Values are given in place of those that there are.
    Replace(Value),
    /// All of it goes.
    Remove,
    /// These values go, and others stay: Entra removes members of groups so.
    RemoveValues(Value),
    /// A null was given as the value: all of it goes (RFC 7643 section 2.5). Only a null that is added to a list is
    /// nothing that is added.
    Unassign(Op),
}

impl Change {
    fn of(op: Op, value: Option<&Value>) -> Result<Self, Fault> {
        match (op, value) {
            (Op::Remove, None | Some(Value::Null)) => Ok(Self::Remove),
            (Op::Remove, Some(value)) => Ok(Self::RemoveValues(value.clone())),
            (Op::Add | Op::Replace, Some(Value::Null)) => Ok(Self::Unassign(op)),
            (Op::Add, Some(value)) => Ok(Self::Add(value.clone())),
            (Op::Replace, Some(value)) => Ok(Self::Replace(value.clone())),
            (Op::Add | Op::Replace, None) => Err(invalid("an operation that adds or replaces has a value")),
        }
    }
}

/// The steps of an operation: one at its path; without a path, or at the URN of an extension, one for each member of
/// its value.
pub(in super::super) fn steps(
    kind: ResourceKind,
    operation: &Operation,
    strictness: Strictness,
) -> Result<Vec<Step>, Fault> {
    let (op, value) = (operation.op, operation.value.as_ref());
    let Some(path) = &operation.path else {
        return steps_without_path(kind, op, value, strictness);
    };
    match (Target::parse(kind, path)?, op, value) {
        (Target::Extension(schema), Op::Add | Op::Replace, Some(Value::Object(members))) => {
            some_steps(kind, op, members, &format!("{}:", schema.id), strictness)
        }
        (target, op, value) => Ok(vec![Step { target, change: Change::of(op, value)?, is_named: true }]),
    }
}

fn steps_without_path(
    kind: ResourceKind,
    op: Op,
    value: Option<&Value>,
    strictness: Strictness,
) -> Result<Vec<Step>, Fault> {
    if op == Op::Remove {
        return Err(Fault::new(FaultKind::NoTarget, "an operation that removes has a path"));
    }
    if strictness == Strictness::Strict {
        return Err(syntax("an operation has a path"));
    }
    let Some(Value::Object(members)) = value else {
        return Err(invalid("an operation without a path has an object as its value"));
    };
    some_steps(kind, op, members, "", strictness)
}

/// The steps of an object that names at least one attribute that there is: success would say that something was done.
fn some_steps(
    kind: ResourceKind,
    op: Op,
    members: &Map<String, Value>,
    prefix: &str,
    strictness: Strictness,
) -> Result<Vec<Step>, Fault> {
    let steps = steps_of_members(kind, op, members, prefix, strictness)?;
    if steps.is_empty() && !members.is_empty() {
        return Err(Fault::new(FaultKind::InvalidPath, "the value names no attribute that there is"));
    }
    Ok(steps)
}

/// One step for each member. Its name is a path: Entra sends `name.givenName` and URNs there.
fn steps_of_members(
    kind: ResourceKind,
    op: Op,
    members: &Map<String, Value>,
    prefix: &str,
    strictness: Strictness,
) -> Result<Vec<Step>, Fault> {
    named_once(members)?;
    let members = &without_core_urn(kind, members.clone());
    let mut steps = Vec::new();
    for (name, value) in members {
        match (Target::parse(kind, &format!("{prefix}{name}")), value) {
            (Ok(Target::Extension(schema)), Value::Object(inner)) if !inner.is_empty() => {
                steps.extend(steps_of_members(kind, op, inner, &format!("{}:", schema.id), strictness)?);
            }
            (Ok(target), value) => steps.push(Step { target, change: Change::of(op, Some(value))?, is_named: false }),
            (Err(fault), _) if fault.kind != FaultKind::InvalidPath => return Err(fault),
            (Err(_), _) if strictness == Strictness::Strict => return Err(unknown(name)),
            (Err(_), _) => {}
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: Value) -> FaultKind {
        parse(body).unwrap_err().kind
    }

    fn with(operations: Value) -> Value {
        json!({"schemas": [PATCH_SCHEMA], "Operations": operations})
    }

    #[test]
    fn operations_are_read_in_any_case() {
        let body = json!({
            "SCHEMAS": [PATCH_SCHEMA.to_uppercase()],
            "operations": [
                {"op": "Replace", "path": "active", "value": "False"},
                {"OP": "ADD", "Value": {"title": null}, "path": null},
                {"op": "remove", "path": "title", "value": null}
            ]
        });
        assert_eq!(
            parse(body).unwrap(),
            [
                Operation { op: Op::Replace, path: Some("active".to_owned()), value: Some(json!("False")) },
                Operation { op: Op::Add, path: None, value: Some(json!({"title": null})) },
                Operation { op: Op::Remove, path: Some("title".to_owned()), value: Some(Value::Null) },
            ]
        );
    }

    #[test]
    fn a_body_that_is_no_patch_is_refused() {
        let operation = json!({"op": "remove", "path": "title"});
        for wrong in [
            json!([]),
            json!({"Operations": [operation]}),
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "Operations": [operation]}),
            json!({"schemas": [PATCH_SCHEMA]}),
            json!({"schemas": [PATCH_SCHEMA], "Operations": [operation], "operations": [operation]}),
            with(json!({})),
            with(json!([])),
            with(json!(["remove"])),
            with(json!([{"path": "title"}])),
            with(json!([{"op": 7, "path": "title"}])),
            with(json!([{"op": "move", "path": "title"}])),
            with(json!([{"op": "remove", "path": 7}])),
            with(json!([{"op": "remove", "Op": "add", "path": "title"}])),
        ] {
            assert_eq!(refused(wrong.clone()), FaultKind::InvalidSyntax, "{wrong}");
        }
        assert_eq!(refused(with(json!([{"op": "remove", "path": " "}]))), FaultKind::InvalidPath);
    }

    #[test]
    fn there_is_a_most_of_operations() {
        let operation = json!({"op": "remove", "path": "title"});
        assert_eq!(parse(with(json!(vec![operation.clone(); OPERATIONS]))).unwrap().len(), OPERATIONS);
        assert_eq!(refused(with(json!(vec![operation; OPERATIONS + 1]))), FaultKind::InvalidValue);
    }
}
