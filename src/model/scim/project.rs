//! Which attributes an answer shows: `attributes` and `excludedAttributes` (RFC 7644 section 3.9).

use serde_json::{Map, Value};

use super::fault::Fault;
use super::normal::invalid;
use super::path::{AttributePath, Target};
use super::schema::{Attribute, ResourceKind, Returned, Schema};

/// The most names that one list may have.
const NAMES: usize = 200;

/// What a client wants to see of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// Only these; all when it is `None`.
    included: Option<Vec<Name>>,
    /// Not these.
    excluded: Vec<Name>,
}

/// What one name in such a list stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Extension(&'static Schema),
    Attribute(AttributePath),
}

impl Projection {
    /// Reads the two parameters, names with commas between. If both have names, `attributes` counts. Names that there
    /// are not are passed over.
    ///
    /// # Errors
    /// When a list has too many names.
    pub fn parse(
        kind: ResourceKind,
        attributes: Option<&str>,
        excluded_attributes: Option<&str>,
    ) -> Result<Self, Fault> {
        let is_given = |list: &&str| !list.trim().is_empty();
        let included = attributes.filter(is_given).map(|list| names(kind, list)).transpose()?;
        let excluded = match excluded_attributes {
            Some(list) if included.is_none() => names(kind, list)?,
            Some(_) | None => Vec::new(),
        };
        Ok(Self { included, excluded })
    }

    /// Whether anything of this attribute is shown. What is not need not be read.
    pub fn wants(&self, name: &str) -> bool {
        let is_it = |named: &Name| matches!(named, Name::Attribute(path) if is_core(path, name));
        let is_all_of_it =
            |named: &Name| matches!(named, Name::Attribute(path) if is_core(path, name) && path.child.is_none());
        match &self.included {
            Some(included) => included.iter().any(is_it),
            None => !self.excluded.iter().any(is_all_of_it),
        }
    }

    /// Whether this sub-attribute is asked for by its name: so are those asked that are returned on request alone.
    pub fn names(&self, name: &str, child: &str) -> bool {
        let is_it = |named: &Name| {
            matches!(named, Name::Attribute(path)
                if is_core(path, name) && path.child.is_some_and(|found| found.name.eq_ignore_ascii_case(child)))
        };
        self.included.as_ref().is_some_and(|included| included.iter().any(is_it))
    }

    /// Takes away from a resource what is not shown. What is always returned stays.
    pub fn apply(&self, kind: ResourceKind, resource: &mut Map<String, Value>) {
        if let Some(included) = &self.included {
            *resource = shown(kind, included, std::mem::take(resource));
        }
        for name in &self.excluded {
            hide(*name, resource);
        }
    }
}

fn names(kind: ResourceKind, list: &str) -> Result<Vec<Name>, Fault> {
    if list.split(',').count() > NAMES {
        return Err(invalid(format!("a list of attributes takes at most {NAMES} names")));
    }
    let known = list.split(',').filter_map(|name| Target::parse(kind, name).ok());
    let names = known.filter_map(|target| match target {
        Target::Extension(schema) => Some(Name::Extension(schema)),
        Target::Attribute(path) => Some(Name::Attribute(path)),
        Target::Elements { .. } => None,
    });
    Ok(names.collect())
}

fn is_core(path: &AttributePath, name: &str) -> bool {
    path.extension.is_none() && path.attribute.name.eq_ignore_ascii_case(name)
}

/// The included attributes of a resource, and those that are always returned.
fn shown(kind: ResourceKind, included: &[Name], resource: Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, value) in resource {
        let extension = kind.extensions().iter().copied().find(|schema| schema.id == name);
        let value = match (extension, kind.attribute(&name)) {
            (Some(schema), _) => shown_of_extension(schema, included, value),
            (None, Some(attribute)) => shown_of_attribute(None, attribute, included, value),
            (None, None) => None,
        };
        if let Some(value) = value {
            shown.insert(name, value);
        }
    }
    shown
}

fn shown_of_extension(schema: &'static Schema, included: &[Name], value: Value) -> Option<Value> {
    if included.iter().any(|name| matches!(name, Name::Extension(named) if named.id == schema.id)) {
        return Some(value);
    }
    let Value::Object(members) = value else { return None };
    let mut shown = Map::new();
    for (name, value) in members {
        if let Some(attribute) = schema.attribute(&name)
            && let Some(value) = shown_of_attribute(Some(schema), attribute, included, value)
        {
            shown.insert(name, value);
        }
    }
    (!shown.is_empty()).then_some(Value::Object(shown))
}

fn shown_of_attribute(
    extension: Option<&'static Schema>,
    attribute: &'static Attribute,
    included: &[Name],
    value: Value,
) -> Option<Value> {
    if attribute.returned == Returned::Always {
        return Some(value);
    }
    let urn = |schema: Option<&'static Schema>| schema.map(|schema| schema.id);
    let mut children = Vec::new();
    for name in included {
        match name {
            Name::Attribute(path) if path.attribute.name == attribute.name && urn(path.extension) == urn(extension) => {
                // Without a sub-attribute, all of it.
                let Some(child) = path.child else { return Some(value) };
                children.push(child.name);
            }
            Name::Attribute(_) | Name::Extension(_) => {}
        }
    }
    retain_children(value, &|name| children.contains(&name))
}

/// Takes one name away from a resource, unless it is always returned.
fn hide(name: Name, resource: &mut Map<String, Value>) {
    match name {
        Name::Extension(schema) => {
            resource.remove(schema.id);
        }
        Name::Attribute(path) => match path.extension {
            Some(schema) => hide_in_extension(schema, &path, resource),
            None => hide_member(&path, resource),
        },
    }
}

fn hide_in_extension(schema: &Schema, path: &AttributePath, resource: &mut Map<String, Value>) {
    if let Some(Value::Object(mut members)) = resource.remove(schema.id) {
        hide_member(path, &mut members);
        if !members.is_empty() {
            resource.insert(schema.id.to_owned(), Value::Object(members));
        }
    }
}

fn hide_member(path: &AttributePath, members: &mut Map<String, Value>) {
    if path.leaf().returned == Returned::Always || path.attribute.returned == Returned::Always {
        return;
    }
    let Some(value) = members.remove(path.attribute.name) else { return };
    if let Some(child) = path.child
        && let Some(rest) = retain_children(value, &|name| name != child.name)
    {
        members.insert(path.attribute.name.to_owned(), rest);
    }
}

/// A complex value, or a list of them, with these sub-attributes alone; `None` when nothing is left.
fn retain_children(value: Value, is_kept: &dyn Fn(&str) -> bool) -> Option<Value> {
    match value {
        Value::Object(mut members) => {
            members.retain(|name, _| is_kept(name));
            (!members.is_empty()).then_some(Value::Object(members))
        }
        Value::Array(list) => {
            let list: Vec<Value> = list.into_iter().filter_map(|element| retain_children(element, is_kept)).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fault::FaultKind;
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn ada() -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE], "id": "7",
            "userName": "ada", "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "emails": [{"value": "w@acme.example", "type": "work"}, {"type": "home"}],
            "meta": {"resourceType": "User", "version": "1"},
            ENTERPRISE: {"department": "Engines", "manager": {"value": "8", "displayName": "Babbage"}}
        })
    }

    fn seen(attributes: Option<&str>, excluded: Option<&str>) -> Value {
        let projection = Projection::parse(ResourceKind::User, attributes, excluded).unwrap();
        let mut resource = ada().as_object().unwrap().clone();
        projection.apply(ResourceKind::User, &mut resource);
        Value::Object(resource)
    }

    /// Ada's identifier and schemas, and these members.
    fn always_and(members: Value) -> Value {
        let mut expected = json!({"schemas": ada()["schemas"], "id": "7"});
        expected.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        expected
    }

    #[test]
    fn without_a_list_all_is_shown() {
        assert_eq!(seen(None, None), ada());
        assert_eq!(seen(Some(" "), Some("")), ada());
    }

    #[test]
    fn only_the_attributes_that_are_asked_for_are_shown() {
        for (attributes, members) in [
            ("userName", json!({"userName": "ada"})),
            ("USERNAME, name.givenname", json!({"userName": "ada", "name": {"givenName": "Ada"}})),
            ("emails.value", json!({"emails": [{"value": "w@acme.example"}]})),
            ("emails,emails.value", json!({"emails": ada()["emails"]})),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", json!({"userName": "ada"})),
            ("meta.version", json!({"meta": {"version": "1"}})),
            ("id,schemas", json!({})),
            ("nothing", json!({})),
            (ENTERPRISE, json!({ENTERPRISE: ada()[ENTERPRISE]})),
        ] {
            assert_eq!(seen(Some(attributes), None), always_and(members), "{attributes}");
        }
        let attributes = format!("{ENTERPRISE}:manager.value,{ENTERPRISE}:department");
        let members = json!({ENTERPRISE: {"department": "Engines", "manager": {"value": "8"}}});
        assert_eq!(seen(Some(&attributes), None), always_and(members));
    }

    #[test]
    fn excluded_attributes_are_left_out_and_what_is_always_returned_stays() {
        let excluded =
            format!("id,schemas,emails.type,NAME,meta,nothing,{ENTERPRISE}:manager,{ENTERPRISE}:department,userName");
        assert_eq!(seen(None, Some(&excluded)), always_and(json!({"emails": [{"value": "w@acme.example"}]})));
        let without = seen(None, Some(ENTERPRISE));
        assert!(without.get(ENTERPRISE).is_none() && without.get("name").is_some());
        let without = seen(None, Some(&format!("{ENTERPRISE}:manager.value")));
        assert_eq!(without[ENTERPRISE], json!({"department": "Engines", "manager": {"displayName": "Babbage"}}));
    }

    #[test]
    fn attributes_count_when_both_are_given() {
        assert_eq!(seen(Some("userName"), Some("userName")), always_and(json!({"userName": "ada"})));
    }

    #[test]
    fn a_list_has_a_most_of_names() {
        let parse = |count: usize| Projection::parse(ResourceKind::User, None, Some(&vec!["title"; count].join(",")));
        assert!(parse(NAMES).is_ok());
        assert_eq!(parse(NAMES + 1).unwrap_err().kind, FaultKind::InvalidValue);
    }

    #[test]
    fn what_is_not_wanted_need_not_be_read() {
        let wants = |attributes: Option<&str>, excluded: Option<&str>| {
            Projection::parse(ResourceKind::Group, attributes, excluded).unwrap().wants("members")
        };
        assert!(wants(None, None));
        assert!(wants(Some("members.value"), None));
        assert!(!wants(Some("displayName"), None));
        assert!(!wants(None, Some("displayName,Members")));
        assert!(wants(None, Some("members.display")));
    }
}
