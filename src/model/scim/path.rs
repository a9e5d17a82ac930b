//! Names of attributes, in filters, in paths of changes and in lists of what to show (RFC 7644 section 3.10).

use std::fmt;

use super::fault::{Fault, FaultKind, shown};
use super::filter::Filter;
use super::grammar;
use super::schema::{Attribute, Kind, ResourceKind, Schema};

/// One attribute, or one of its sub-attributes, of a resource; found whatever the case (RFC 7643 section 2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AttributePath {
    /// The extension that it belongs to; none for the core schema and the common attributes.
    pub extension: Option<&'static Schema>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// Its sub-attribute, if one is named.
    pub child: Option<&'static Attribute>,
}

impl AttributePath {
    /// Reads `attribute` or `attribute.child`, each with a schema's URN and a colon before it, or without for the core
    /// schema.
    ///
    /// # Errors
    /// [`FaultKind::InvalidPath`] when there is no such attribute.
    pub fn parse(kind: ResourceKind, text: &str) -> Result<Self, Fault> {
        match split_urn(kind, text) {
            Some((_, "")) => Err(unknown(text)),
            Some((schema, name)) if schema.id == kind.schema().id => Self::find(None, kind, name, text),
            Some((schema, name)) => Self::find(Some(schema), kind, name, text),
            None => Self::find(None, kind, text, text),
        }
    }

    /// `name` without the URN; `text` as it was sent.
    fn find(extension: Option<&'static Schema>, kind: ResourceKind, name: &str, text: &str) -> Result<Self, Fault> {
        let (name, child) = match name.split_once('.') {
            Some((name, child)) => (name, Some(child)),
            None => (name, None),
        };
        let attribute = match extension {
            Some(schema) => schema.attribute(name),
            None => kind.attribute(name),
        };
        let attribute = attribute.ok_or_else(|| unknown(text))?;
        let child = match child {
            Some(child) => Some(attribute.child(child).ok_or_else(|| unknown(text))?),
            None => None,
        };
        Ok(Self { extension, attribute, child })
    }

    /// The name in full: `emails.value`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`.
    pub fn key(&self) -> String {
        match self.child {
            Some(child) => format!("{}.{}", self.attribute_key(), child.name),
            None => self.attribute_key(),
        }
    }

    /// The name in full without the sub-attribute.
    pub fn attribute_key(&self) -> String {
        match self.extension {
            Some(schema) => format!("{}:{}", schema.id, self.attribute.name),
            None => self.attribute.name.to_owned(),
        }
    }

    /// What the path ends at: the sub-attribute if one is named, else the attribute.
    pub fn leaf(&self) -> &'static Attribute {
        self.child.unwrap_or(self.attribute)
    }

    /// Whether a filter in brackets can choose among what it names: a list, or the attributes of one value.
    pub(super) fn has_elements(&self) -> bool {
        self.child.is_none() && (self.attribute.multi_valued || self.attribute.kind == Kind::Complex)
    }
}

/// The name in full.
impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

impl fmt::Debug for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttributePath({self})")
    }
}

/// The path of a PATCH operation: `attr`, `attr.sub`, `attr[filter]`, `attr[filter].sub`, each with an optional schema
/// URN before it, or the URN of a whole extension (RFC 7644 section 3.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Everything under an extension's URN.
    Extension(&'static Schema),
    /// An attribute or a sub-attribute.
    Attribute(AttributePath),
    /// Those values of an attribute for which a filter holds, or a sub-attribute of them.
    Elements {
        /// The attribute; it has no child.
        attribute: AttributePath,
        /// Which values; its paths are children of the attribute.
        filter: Filter,
        /// The sub-attribute, if one is named.
        child: Option<&'static Attribute>,
    },
}

impl Target {
    /// Reads a path.
    ///
    /// # Errors
    /// [`FaultKind::InvalidPath`] when there is no such attribute or the path is not written as above;
    /// [`FaultKind::InvalidFilter`] for what stands in the brackets.
    pub fn parse(kind: ResourceKind, text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if let Some((name, rest)) = text.split_once('[') {
            return Self::elements(kind, name, rest, text);
        }
        match split_urn(kind, text) {
            Some((schema, "")) if schema.id != kind.schema().id => Ok(Self::Extension(schema)),
            _ => Ok(Self::Attribute(AttributePath::parse(kind, text)?)),
        }
    }

    fn elements(kind: ResourceKind, name: &str, rest: &str, text: &str) -> Result<Self, Fault> {
        grammar::check_length(text)?;
        let attribute = AttributePath::parse(kind, name)?;
        if !attribute.has_elements() {
            return Err(Fault::new(
                FaultKind::InvalidPath,
                format!("'{attribute}' has no list of values, so a path can't choose among them"),
            ));
        }
        let (filter, rest) = grammar::parse_brackets(attribute, rest)?;
        let child = match rest.strip_prefix('.') {
            Some(name) => Some(attribute.attribute.child(name).ok_or_else(|| unknown(text))?),
            None if rest.is_empty() => None,
            None => return Err(unknown(text)),
        };
        Ok(Self::Elements { attribute, filter, child })
    }
}

/// The schema of this kind whose URN the text begins with, and what stands after the URN and a colon: nothing, or a
/// name. URNs hold dots, so they are known by their beginning. They are the same in any case.
fn split_urn(kind: ResourceKind, text: &str) -> Option<(&'static Schema, &str)> {
    let extensions = kind.extensions().iter().copied();
    std::iter::once(kind.schema()).chain(extensions).find_map(|schema| {
        let (urn, rest) = text.split_at_checked(schema.id.len())?;
        if !urn.eq_ignore_ascii_case(schema.id) {
            return None;
        }
        match rest.strip_prefix(':') {
            // A colon promises a name.
            Some("") => None,
            Some(name) => Some((schema, name)),
            None => rest.is_empty().then_some((schema, "")),
        }
    })
}

fn unknown(text: &str) -> Fault {
    Fault::new(FaultKind::InvalidPath, format!("there is no attribute '{}'", shown(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn key(kind: ResourceKind, text: &str) -> Option<String> {
        match AttributePath::parse(kind, text) {
            Ok(path) => Some(path.key()),
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::InvalidPath);
                None
            }
        }
    }

    #[test]
    fn attributes_are_found_in_any_case_with_and_without_their_urn() {
        for (text, wanted) in [
            ("userName", "userName"),
            ("USERNAME", "userName"),
            ("Id", "id"),
            ("meta.lastmodified", "meta.lastModified"),
            ("emails.VALUE", "emails.value"),
            ("groups.$REF", "groups.$ref"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "name.givenName"),
            ("URN:IETF:params:scim:schemas:CORE:2.0:user:NAME.GIVENNAME", "name.givenName"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:externalId", "externalId"),
        ] {
            assert_eq!(key(ResourceKind::User, text).as_deref(), Some(wanted), "{text}");
        }
        let manager = format!("{ENTERPRISE}:manager.value");
        assert_eq!(key(ResourceKind::User, &manager.to_uppercase()), Some(manager));
        assert_eq!(key(ResourceKind::Group, "MEMBERS.value").as_deref(), Some("members.value"));
    }

    #[test]
    fn what_there_is_not_is_refused() {
        let department = format!("{ENTERPRISE}:department");
        for text in [
            "",
            ".",
            "nothing",
            "password",
            "emails.",
            "emails.nothing",
            "emails.value.value",
            "userName.value",
            " userName",
            "department",
            ENTERPRISE,
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:User:",
            "urn:ietf:params:scim:schemas:core:2.0:User.userName",
            "urn:ietf:params:scim:schemas:core:2.0:Group:displayName",
            "urn:ietf:params:scim:schemas:core:2.0:User:department",
            "urn:ietf:params:scim:schemas:core:2.0:User\u{e4}",
            "urn:ietf:params:scim:schemas:core:2.0:Use\u{e4}",
        ] {
            assert_eq!(key(ResourceKind::User, text), None, "{text}");
        }
        assert_eq!(key(ResourceKind::Group, &department), None);
        assert_eq!(key(ResourceKind::Group, "userName"), None);
    }

    #[test]
    fn a_path_leads_to_its_leaf() {
        let path = AttributePath::parse(ResourceKind::User, &format!("{ENTERPRISE}:manager.$ref")).unwrap();
        assert_eq!(path.leaf().name, "$ref");
        assert_eq!(path.attribute_key(), format!("{ENTERPRISE}:manager"));
        assert_eq!(path.extension.map(|schema| schema.name), Some("EnterpriseUser"));
    }

    /// The attribute, the filter and the child of a path with brackets.
    fn elements(text: &str) -> (String, Filter, Option<&'static str>) {
        match Target::parse(ResourceKind::User, text) {
            Ok(Target::Elements { attribute, filter, child }) => {
                (attribute.key(), filter, child.map(|child| child.name))
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_change_aims_at_an_attribute_at_elements_or_at_an_extension() {
        let attribute = |text: &str| Target::parse(ResourceKind::User, text);
        let wanted = AttributePath::parse(ResourceKind::User, "name.familyName").map(Target::Attribute);
        assert_eq!(attribute(" Name.FamilyName "), wanted);
        assert!(matches!(attribute(ENTERPRISE), Ok(Target::Extension(schema)) if schema.id == ENTERPRISE));
        assert!(matches!(attribute(&format!("{ENTERPRISE}:department")), Ok(Target::Attribute(_))));

        let (name, filter, child) = elements("emails[type eq \"work\"].value");
        assert_eq!((name.as_str(), child), ("emails", Some("value")));
        assert!(filter.matches_element(&serde_json::json!({"type": "Work"})));
        let (name, _, child) = elements("urn:ietf:params:scim:schemas:core:2.0:User:Emails[value eq \"a]b\"]");
        assert_eq!((name.as_str(), child), ("emails", None));
        assert_eq!(elements("addresses[type eq \"work\" and primary eq \"True\"].postalCode").2, Some("postalCode"));
    }

    #[test]
    fn a_change_that_aims_at_nothing_is_refused() {
        for (text, kind) in [
            ("", FaultKind::InvalidPath),
            ("nothing", FaultKind::InvalidPath),
            ("urn:ietf:params:scim:schemas:core:2.0:User", FaultKind::InvalidPath),
            ("[type eq \"work\"]", FaultKind::InvalidPath),
            ("nothing[type eq \"work\"]", FaultKind::InvalidPath),
            ("userName[value eq \"work\"]", FaultKind::InvalidPath),
            ("emails.value[type eq \"work\"]", FaultKind::InvalidPath),
            ("emails[type eq \"work\"].nothing", FaultKind::InvalidPath),
            ("emails[type eq \"work\"]value", FaultKind::InvalidPath),
            ("emails[type eq \"work\"] .value", FaultKind::InvalidPath),
            ("emails[type eq \"work\"].value.value", FaultKind::InvalidPath),
            ("emails[type eq \"work\"][type eq \"work\"]", FaultKind::InvalidPath),
            ("emails[]", FaultKind::InvalidFilter),
            ("emails[type eq work]", FaultKind::InvalidFilter),
            ("emails[type eq \"work\"", FaultKind::InvalidFilter),
            ("emails[nothing eq \"work\"]", FaultKind::InvalidFilter),
        ] {
            let fault = Target::parse(ResourceKind::User, text).expect_err(text);
            assert_eq!(fault.kind, kind, "{text}");
        }
    }
}
