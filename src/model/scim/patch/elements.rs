//! Changes to the values of a list (RFC 7644 section 3.5.2). Every list of a user holds objects.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::fault::{Fault, FaultKind};
use super::super::filter::{Filter, Literal, Operator};
use super::super::index::folded;
use super::super::normal::{self, Strictness, invalid};
use super::super::schema::Attribute;
use super::request::{Change, Op};

/// Which values of a list are meant, and which of their sub-attributes.
pub(super) struct Chosen<'f> {
    pub(super) attribute: &'static Attribute,
    /// Those for which it holds; all when there is none.
    pub(super) filter: Option<&'f Filter>,
    /// The whole values when there is none.
    pub(super) child: Option<&'static Attribute>,
}

impl Chosen<'_> {
    fn takes(&self, element: &Value) -> bool {
        self.filter.is_none_or(|filter| filter.matches_element(element))
    }

    fn no_target(&self) -> Fault {
        Fault::new(FaultKind::NoTarget, format!("there is no such value in '{}'", self.attribute.name))
    }
}

/// What a change makes of a list.
pub(super) fn change(
    chosen: &Chosen<'_>,
    present: Vec<Value>,
    change: Change,
    strictness: Strictness,
) -> Result<Vec<Value>, Fault> {
    let is_whole = chosen.filter.is_none() && chosen.child.is_none();
    let list = match change {
        Change::RemoveValues(sent) if is_whole => remove_values(chosen.attribute, present, sent, strictness)?,
        Change::Unassign(Op::Add) if chosen.child.is_none() => present,
        Change::Remove | Change::RemoveValues(_) | Change::Unassign(_) => remove(chosen, present, strictness)?,
        Change::Add(sent) if is_whole => append(chosen.attribute, present, sent, strictness)?,
        Change::Replace(sent) if is_whole => list(normal::value(chosen.attribute, sent, strictness)?),
        Change::Add(sent) => put(chosen, present, sent, false, strictness)?,
        Change::Replace(sent) => put(chosen, present, sent, true, strictness)?,
    };
    normal::check_count(chosen.attribute, list.len())?;
    Ok(list)
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list,
        single => single.into_iter().collect(),
    }
}

/// Values beside those that there are; one that is there already is not added again.
fn append(
    attribute: &'static Attribute,
    mut present: Vec<Value>,
    sent: Value,
    strictness: Strictness,
) -> Result<Vec<Value>, Fault> {
    let sent = list(normal::value(attribute, sent, strictness)?);
    let known: HashSet<&Value> = present.iter().collect();
    let new: Vec<Value> = sent.into_iter().filter(|element| !known.contains(element)).collect();
    let before = present.len();
    present.extend(new);
    if let Some(last) = present.iter().rposition(normal::is_primary)
        && last >= before
    {
        normal::only_primary(&mut present, last);
    }
    Ok(present)
}

/// Takes the chosen values, or their sub-attribute, away.
fn remove(chosen: &Chosen<'_>, mut present: Vec<Value>, strictness: Strictness) -> Result<Vec<Value>, Fault> {
    if chosen.filter.is_some()
        && strictness == Strictness::Strict
        && !present.iter().any(|element| chosen.takes(element))
    {
        return Err(chosen.no_target());
    }
    let Some(child) = chosen.child else {
        present.retain(|element| !chosen.takes(element));
        return Ok(present);
    };
    for element in &mut present {
        if chosen.takes(element)
            && let Some(members) = element.as_object_mut()
        {
            members.remove(child.name);
        }
    }
    present.retain(|element| element.as_object().is_none_or(|members| !members.is_empty()));
    Ok(present)
}

/// Takes the values away that were sent, and no others.
fn remove_values(
    attribute: &'static Attribute,
    mut present: Vec<Value>,
    sent: Value,
    strictness: Strictness,
) -> Result<Vec<Value>, Fault> {
    let sent = match sent {
        Value::Array(list) => list,
        single => vec![single],
    };
    let mut meant = HashSet::new();
    for element in sent {
        if let Some(element) = normal::one(attribute, element, strictness)? {
            meant.insert(identity(attribute, &element));
        }
    }
    present.retain(|element| !meant.contains(&identity(attribute, element)));
    Ok(present)
}

/// What tells a value from the others of its list: its `value`, or all of it when it has none.
fn identity(attribute: &Attribute, element: &Value) -> Value {
    match (attribute.child("value"), element.get("value").and_then(Value::as_str)) {
        (Some(child), Some(text)) => Value::String(folded(child, text)),
        _ => element.clone(),
    }
}

/// Gives the chosen values sub-attributes; those that are not sent stay. When no value is chosen one is made: Entra
/// writes to `emails[type eq "work"].value` whether there is such an address or not.
fn put(
    chosen: &Chosen<'_>,
    mut present: Vec<Value>,
    sent: Value,
    is_replaced: bool,
    strictness: Strictness,
) -> Result<Vec<Value>, Fault> {
    let Some(new) = members(chosen, sent, strictness)? else {
        return if is_replaced { remove(chosen, present, strictness) } else { Ok(present) };
    };
    let mut changed: Vec<usize> = Vec::new();
    for (place, element) in present.iter_mut().enumerate() {
        if !chosen.takes(element) {
            continue;
        }
        changed.push(place);
        if let Some(members) = element.as_object_mut() {
            members.extend(new.clone());
        }
    }
    if changed.is_empty() {
        if is_replaced && strictness == Strictness::Strict {
            return Err(chosen.no_target());
        }
        changed.push(present.len());
        present.push(made(chosen, new)?);
    }
    settle(chosen.attribute, &mut present, &changed, strictness)?;
    Ok(present)
}

/// The sub-attributes that are given; `None` when the value is none.
fn members(chosen: &Chosen<'_>, sent: Value, strictness: Strictness) -> Result<Option<Map<String, Value>>, Fault> {
    if let Some(child) = chosen.child {
        let value = normal::value(child, sent, strictness)?;
        return Ok(value.map(|value| Map::from_iter([(child.name.to_owned(), value)])));
    }
    let sent = normal::unwrapped(chosen.attribute, sent, strictness);
    match normal::one(chosen.attribute, sent, strictness)? {
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) => Err(invalid(format!("'{}' takes an object", chosen.attribute.name))),
        None => Ok(None),
    }
}

/// A new value that has these sub-attributes, and is such as the filter describes.
fn made(chosen: &Chosen<'_>, new: Map<String, Value>) -> Result<Value, Fault> {
    let mut element = match chosen.filter {
        Some(filter) => described(filter).ok_or_else(|| chosen.no_target())?,
        None => Map::new(),
    };
    element.extend(new);
    Ok(Value::Object(element))
}

/// The value that a filter describes, if it says what it is: `type eq "work" and primary eq true`.
fn described(filter: &Filter) -> Option<Map<String, Value>> {
    let mut element = Map::new();
    describe(filter, &mut element)?;
    let element = Value::Object(element);
    // Two terms may contradict each other.
    if !filter.matches_element(&element) {
        return None;
    }
    match element {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn describe(filter: &Filter, element: &mut Map<String, Value>) -> Option<()> {
    match filter {
        Filter::And(left, right) => {
            describe(left, element)?;
            describe(right, element)
        }
        Filter::Compare { path, operator: Operator::Equal, value } => {
            let value = match value {
                Literal::Text(text) => Value::String(text.clone()),
                Literal::Boolean(truth) => Value::Bool(*truth),
                // It has none, so nothing needs to be said.
                Literal::Null => return Some(()),
                Literal::Number(_) | Literal::Time(_) => return None,
            };
            let child = path.child?;
            let value = normal::value(child, value, Strictness::Strict).ok().flatten()?;
            element.insert(child.name.to_owned(), value);
            Some(())
        }
        Filter::Or(..) | Filter::Not(_) | Filter::Compare { .. } | Filter::Present(_) | Filter::Element { .. } => None,
    }
}

/// Lets the last of the changed values that is primary be the only one, and each value stand there once.
fn settle(
    attribute: &Attribute,
    present: &mut Vec<Value>,
    changed: &[usize],
    strictness: Strictness,
) -> Result<(), Fault> {
    let primaries: Vec<usize> =
        changed.iter().copied().filter(|place| present.get(*place).is_some_and(normal::is_primary)).collect();
    if primaries.len() > 1 && strictness == Strictness::Strict {
        return Err(invalid(format!("only one of '{}' can be primary", attribute.name)));
    }
    if let Some(last) = primaries.last() {
        normal::only_primary(present, *last);
    }
    let mut seen = HashSet::new();
    present.retain(|element| seen.insert(element.clone()));
    Ok(())
}
