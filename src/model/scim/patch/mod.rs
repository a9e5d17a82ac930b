//! Changes to a user by PATCH (RFC 7644 section 3.5.2), on the form that [`super::normal`] makes.

mod effort;
mod elements;
mod request;

use serde_json::{Map, Value};

use super::fault::{Fault, FaultKind};
use super::normal::{self, Strictness, invalid};
use super::path::{AttributePath, Target};
use super::schema::{Attribute, ResourceKind};

pub(super) use request::{Change, Step, steps};
pub use request::{OPERATIONS, Op, Operation, PATCH_SCHEMA, operations, parse};

/// Makes these changes, one after the other, to a user in the form of [`normal::resource`]. When one of them fails,
/// those before it are made: the caller works on a copy and throws it away.
///
/// # Errors
/// What is wrong with the first operation that can't be done.
pub fn apply(resource: &mut Map<String, Value>, operations: &[Operation], strictness: Strictness) -> Result<(), Fault> {
    let mut effort = effort::Effort::default();
    for operation in operations {
        for step in steps(ResourceKind::User, operation, strictness)? {
            effort.add(resource, &step.target)?;
            apply_step(resource, step, strictness)?;
        }
    }
    Ok(())
}

fn apply_step(resource: &mut Map<String, Value>, step: Step, strictness: Strictness) -> Result<(), Fault> {
    let Step { target, change, is_named } = step;
    match target {
        Target::Extension(schema) => match change {
            Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => {
                resource.remove(schema.id);
                Ok(())
            }
            // An empty one: the members of others are steps of their own.
            Change::Add(Value::Object(_)) | Change::Replace(Value::Object(_)) => Ok(()),
            Change::Add(_) | Change::Replace(_) => Err(invalid(format!("'{}' takes an object", schema.id))),
        },
        Target::Attribute(path) => {
            if !is_permitted(path.attribute, path.child, &change, is_named)? {
                return Ok(());
            }
            edit(resource, &path, |present| {
                if path.attribute.multi_valued {
                    let chosen = elements::Chosen { attribute: path.attribute, filter: None, child: path.child };
                    in_list(present, |list| elements::change(&chosen, list, change, strictness))
                } else if let Some(child) = path.child {
                    change_child(child, present, change, strictness)
                } else if path.attribute.children.is_empty() {
                    change_simple(path.attribute, change, strictness)
                } else {
                    change_complex(path.attribute, present, change, strictness)
                }
            })
        }
        Target::Elements { attribute: path, filter, child } => {
            if !is_permitted(path.attribute, child, &change, is_named)? {
                return Ok(());
            }
            let chosen = elements::Chosen { attribute: path.attribute, filter: Some(&filter), child };
            edit(resource, &path, |present| {
                if path.attribute.multi_valued {
                    in_list(present, |list| elements::change(&chosen, list, change, strictness))
                } else {
                    let list = present.into_iter().collect();
                    Ok(elements::change(&chosen, list, change, strictness)?.pop())
                }
            })
        }
    }
}

/// Whether the step is to be made. A change that may not be is refused where a path names it, and passed over where
/// it came along with others.
fn is_permitted(
    attribute: &Attribute,
    child: Option<&Attribute>,
    change: &Change,
    is_named: bool,
) -> Result<bool, Fault> {
    let leaf = child.unwrap_or(attribute);
    if !normal::is_settable(attribute) || !normal::is_settable(leaf) {
        let fault = || Fault::new(FaultKind::Mutability, format!("'{}' can't be changed by a client", leaf.name));
        return if is_named { Err(fault()) } else { Ok(false) };
    }
    match change {
        Change::Remove | Change::RemoveValues(_) if must_stay(leaf) => {
            Err(Fault::new(FaultKind::Mutability, format!("'{}' can't be removed", leaf.name)))
        }
        Change::Unassign(_) if must_stay(leaf) => Err(needs_value(leaf)),
        Change::Add(_) | Change::Replace(_) | Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => {
            Ok(true)
        }
    }
}

/// Whether there must be a value. Without `active`, which is neither true nor false then, nobody could tell what was
/// meant.
fn must_stay(attribute: &Attribute) -> bool {
    attribute.required || attribute.name == "active"
}

fn needs_value(attribute: &Attribute) -> Fault {
    invalid(format!("'{}' needs a value", attribute.name))
}

/// Puts what `change` makes of an attribute's value into its place. An extension of which nothing is left goes.
fn edit(
    resource: &mut Map<String, Value>,
    path: &AttributePath,
    change: impl FnOnce(Option<Value>) -> Result<Option<Value>, Fault>,
) -> Result<(), Fault> {
    let Some(schema) = path.extension else {
        return edit_member(resource, path.attribute.name, change);
    };
    let mut extension = object(resource.remove(schema.id));
    edit_member(&mut extension, path.attribute.name, change)?;
    if !extension.is_empty() {
        resource.insert(schema.id.to_owned(), Value::Object(extension));
    }
    Ok(())
}

fn edit_member(
    members: &mut Map<String, Value>,
    name: &str,
    change: impl FnOnce(Option<Value>) -> Result<Option<Value>, Fault>,
) -> Result<(), Fault> {
    if let Some(value) = change(members.remove(name))? {
        members.insert(name.to_owned(), value);
    }
    Ok(())
}

fn in_list(
    present: Option<Value>,
    change: impl FnOnce(Vec<Value>) -> Result<Vec<Value>, Fault>,
) -> Result<Option<Value>, Fault> {
    let list = match present {
        Some(Value::Array(list)) => list,
        single => single.into_iter().collect(),
    };
    let list = change(list)?;
    Ok((!list.is_empty()).then_some(Value::Array(list)))
}

fn object(present: Option<Value>) -> Map<String, Value> {
    match present {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn unless_empty(members: Map<String, Value>) -> Option<Value> {
    (!members.is_empty()).then_some(Value::Object(members))
}

/// One value without sub-attributes.
fn change_simple(
    attribute: &'static Attribute,
    change: Change,
    strictness: Strictness,
) -> Result<Option<Value>, Fault> {
    match change {
        Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => Ok(None),
        Change::Add(sent) | Change::Replace(sent) => {
            let value = normal::value(attribute, sent, strictness)?;
            if value.is_none() && must_stay(attribute) { Err(needs_value(attribute)) } else { Ok(value) }
        }
    }
}

/// One sub-attribute of one complex value.
fn change_child(
    child: &'static Attribute,
    present: Option<Value>,
    change: Change,
    strictness: Strictness,
) -> Result<Option<Value>, Fault> {
    let mut members = object(present);
    edit_member(&mut members, child.name, |_| change_simple(child, change, strictness))?;
    Ok(unless_empty(members))
}

/// One complex value: the sub-attributes that are sent change, others stay (RFC 7644 section 3.5.2.3). A null takes
/// its sub-attribute away, an empty object in place of the value all of them.
fn change_complex(
    attribute: &'static Attribute,
    present: Option<Value>,
    change: Change,
    strictness: Strictness,
) -> Result<Option<Value>, Fault> {
    let (sent, is_replaced) = match change {
        Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => return Ok(None),
        Change::Add(sent) => (sent, false),
        Change::Replace(sent) => (sent, true),
    };
    let sent = normal::members(attribute, normal::unwrapped(attribute, sent, strictness), strictness)?;
    if sent.is_empty() {
        return Ok(present.filter(|_| !is_replaced));
    }
    normal::named_once(&sent)?;
    let mut members = object(present);
    for (name, value) in sent {
        match attribute.child(&name) {
            Some(child) if normal::is_settable(child) => {
                edit_member(&mut members, child.name, |_| normal::value(child, value, strictness))?;
            }
            None if strictness == Strictness::Strict => return Err(normal::unknown(&name)),
            Some(_) | None => {}
        }
    }
    Ok(unless_empty(members))
}

#[cfg(test)]
mod tests;
