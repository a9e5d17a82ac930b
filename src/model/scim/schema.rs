//! What a resource may hold (RFC 7643 sections 3, 4 and 7).

use serde_json::{Value, json};

pub(super) use super::attribute::named;
pub use super::attribute::{Attribute, Kind, Mutability, Returned, Uniqueness};
pub use super::tables::{COMMON, ENTERPRISE_USER, GROUP, USER};

/// A set of attributes under a URN.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What it holds.
    pub attributes: &'static [Attribute],
}

impl Schema {
    /// Its attribute of this name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        named(self.attributes, name)
    }
}

/// The kinds of resources that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// People.
    User,
    /// Groups of people.
    Group,
}

static USER_EXTENSIONS: &[&Schema] = &[&ENTERPRISE_USER];

impl ResourceKind {
    /// Every kind that there is.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// The name in `meta.resourceType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Where its resources are, below the base address.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// What every resource of the kind may hold, beside [`COMMON`].
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::User => &USER,
            Self::Group => &GROUP,
        }
    }

    /// What it may hold under a URN of its own.
    pub fn extensions(self) -> &'static [&'static Schema] {
        match self {
            Self::User => USER_EXTENSIONS,
            Self::Group => &[],
        }
    }

    /// The attribute of this name, in any case, common ones included and those of extensions not.
    pub fn attribute(self, name: &str) -> Option<&'static Attribute> {
        named(COMMON, name).or_else(|| self.schema().attribute(name))
    }
}

/// A schema as `GET /Schemas` shows it (RFC 7643 section 7), without the `meta.location` that only the server knows.
pub fn document(schema: &Schema) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": described(schema.attributes),
        "meta": { "resourceType": "Schema" },
    })
}

fn described(attributes: &[Attribute]) -> Vec<Value> {
    attributes.iter().map(describe).collect()
}

fn describe(attribute: &Attribute) -> Value {
    let mut shown = json!({
        "name": attribute.name,
        "type": attribute.kind.as_str(),
        "multiValued": attribute.multi_valued,
        "description": attribute.description,
        "required": attribute.required,
        "mutability": attribute.mutability.as_str(),
        "returned": attribute.returned.as_str(),
        "uniqueness": attribute.uniqueness.as_str(),
    });
    if attribute.kind.has_case() {
        shown["caseExact"] = json!(attribute.case_exact);
    }
    if !attribute.canonical.is_empty() {
        shown["canonicalValues"] = json!(attribute.canonical);
    }
    if !attribute.references.is_empty() {
        shown["referenceTypes"] = json!(attribute.references);
    }
    if !attribute.children.is_empty() {
        shown["subAttributes"] = json!(described(attribute.children));
    }
    shown
}
