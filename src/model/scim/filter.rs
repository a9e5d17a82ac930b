//! Filters: which resources, or which values of an attribute, are meant (RFC 7644 section 3.4.2.2).

use std::cmp::Ordering;

use serde_json::Value;

use super::fault::Fault;
use super::grammar;
use super::index::{folded, units};
use super::path::AttributePath;
use super::schema::{Attribute, ResourceKind};
use crate::model::clock::Timestamp;

/// A question about a resource, whose answer is yes or no.
///
/// What has no value is equal to null alone, and nothing comes before it or after it. A list is compared value by
/// value: one that fits is enough. *Not equal* is the opposite of *equal*, of what has no value and of a list too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// At least one holds.
    Or(Box<Filter>, Box<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A value, compared. The path ends at an attribute that is not complex, and the value is of its type.
    Compare {
        /// What is compared.
        path: AttributePath,
        /// How.
        operator: Operator,
        /// With what.
        value: Literal,
    },
    /// There is a value, and it is not empty.
    Present(AttributePath),
    /// An element of a multi-valued (or the one value of a complex) attribute for which all of this holds.
    Element {
        /// The attribute; it has no child.
        path: AttributePath,
        /// What holds; its paths are children of the attribute, or the attribute itself when it is not complex.
        filter: Box<Filter>,
    },
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// They are the same.
    Equal,
    /// They are not the same.
    NotEqual,
    /// The attribute's has the other in it.
    Contains,
    /// The attribute's begins with the other.
    StartsWith,
    /// The attribute's ends with the other.
    EndsWith,
    /// The attribute's is greater, or later, or comes after the other.
    Greater,
    /// It is that, or the same.
    GreaterOrEqual,
    /// The attribute's is less, or earlier, or comes before the other.
    Less,
    /// It is that, or the same.
    LessOrEqual,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// For texts, references and binary values. As it was sent: compare what
    /// [`comparable`](super::index::comparable) makes of it.
    Text(String),
    /// For integers, as they are; for decimals, in millionths.
    Number(i64),
    /// For instants, in microseconds since 1970.
    Time(i64),
    /// For booleans.
    Boolean(bool),
    /// No value at all; it is only *equal* or *not equal*.
    Null,
}

impl Filter {
    /// Reads a filter about resources of this kind.
    ///
    /// # Errors
    /// [`FaultKind::InvalidFilter`](super::fault::FaultKind::InvalidFilter) when it breaks the grammar, names an
    /// attribute that there is not, compares what can't be compared, or is too long or too deep.
    pub fn parse(kind: ResourceKind, text: &str) -> Result<Self, Fault> {
        grammar::parse_filter(kind, text)
    }

    /// Whether it holds for one value of an attribute. For what stands in brackets: its paths are children of that
    /// attribute, and the value has its names in the case of the schema.
    pub fn matches_element(&self, element: &Value) -> bool {
        match self {
            Self::And(left, right) => left.matches_element(element) && right.matches_element(element),
            Self::Or(left, right) => left.matches_element(element) || right.matches_element(element),
            Self::Not(inner) => !inner.matches_element(element),
            Self::Compare { path, operator, value } => compare(path.leaf(), *operator, value, value_in(element, path)),
            Self::Present(path) => value_in(element, path).is_some_and(is_not_empty),
            Self::Element { filter, .. } => filter.matches_element(element),
        }
    }
}

impl Operator {
    /// Every operator that compares.
    pub const ALL: [Self; 9] = [
        Self::Equal,
        Self::NotEqual,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
    ];

    /// The name in a filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Contains => "co",
            Self::StartsWith => "sw",
            Self::EndsWith => "ew",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }

    /// Reads the name, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether it holds of two values that are in this order.
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Contains | Self::StartsWith | Self::EndsWith => false,
        }
    }

    /// Whether it holds of two texts, both folded where case does not count.
    fn holds_of_texts(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::Contains => found.contains(wanted),
            Self::StartsWith => found.starts_with(wanted),
            Self::EndsWith => found.ends_with(wanted),
            Self::Equal | Self::NotEqual | Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual => {
                self.holds(found.cmp(wanted))
            }
        }
    }
}

/// What an element has at the end of a path: a child, or the element itself.
fn value_in<'e>(element: &'e Value, path: &AttributePath) -> Option<&'e Value> {
    let found = match path.child {
        Some(child) => element.get(child.name)?,
        None => element,
    };
    (!found.is_null()).then_some(found)
}

/// RFC 7644 section 3.4.2.2, `pr`: what is empty is as good as absent.
fn is_not_empty(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_not_empty),
        Value::Object(members) => members.values().any(is_not_empty),
    }
}

fn compare(attribute: &Attribute, operator: Operator, wanted: &Literal, found: Option<&Value>) -> bool {
    if operator == Operator::NotEqual {
        return !compare(attribute, Operator::Equal, wanted, found);
    }
    match (wanted, found) {
        (Literal::Null, found) => found.is_none(),
        (Literal::Text(wanted), Some(Value::String(found))) => {
            operator.holds_of_texts(&folded(attribute, found), &folded(attribute, wanted))
        }
        (Literal::Number(wanted), Some(Value::Number(found))) => {
            units(attribute, found).is_some_and(|found| operator.holds(found.cmp(wanted)))
        }
        (Literal::Time(wanted), Some(Value::String(found))) => {
            found.parse::<Timestamp>().is_ok_and(|found| operator.holds(found.0.cmp(wanted)))
        }
        (Literal::Boolean(wanted), Some(Value::Bool(found))) => operator.holds(found.cmp(wanted)),
        (Literal::Text(_) | Literal::Number(_) | Literal::Time(_) | Literal::Boolean(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::scim::path::Target;

    /// Whether what stands in brackets behind `emails` holds for an address.
    fn holds(brackets: &str, element: &Value) -> bool {
        match Target::parse(ResourceKind::User, &format!("emails[{brackets}]")) {
            Ok(Target::Elements { filter, .. }) => filter.matches_element(element),
            other => panic!("{brackets}: {other:?}"),
        }
    }

    #[test]
    fn an_element_matches_by_its_values_in_any_case() {
        let email = json!({"value": "Ada@Acme.Example", "type": "work", "primary": true});
        for yes in [
            "type eq \"WORK\"",
            "value eq \"ada@acme.example\"",
            "value sw \"ADA\" and value ew \".example\" and value co \"@acme\"",
            "type eq \"home\" or primary eq true",
            "not (type eq \"home\")",
            "type ne \"home\"",
            "primary eq \"True\"",
            "primary ne false",
            "value gt \"ada\" and value lt \"b\" and type ge \"work\" and type le \"work\"",
            "value pr",
            "display eq null and value ne null",
        ] {
            assert!(holds(yes, &email), "{yes}");
        }
        for no in [
            "type eq \"home\"",
            "value sw \"acme\"",
            "value co \"\u{e4}\"",
            "primary eq false",
            "display pr",
            "value eq null",
            "value gt \"b\"",
            "not (value pr)",
        ] {
            assert!(!holds(no, &email), "{no}");
        }
    }

    #[test]
    fn what_has_no_value_is_only_not_equal() {
        let bare = json!({});
        for yes in ["type ne \"work\"", "not (type eq \"work\")", "type eq null", "primary ne true"] {
            assert!(holds(yes, &bare), "{yes}");
        }
        for no in ["type eq \"work\"", "type gt \"\"", "type le \"z\"", "type co \"\"", "type pr", "primary eq false"] {
            assert!(!holds(no, &bare), "{no}");
        }
    }

    #[test]
    fn empty_values_are_not_present() {
        for empty in [json!({"display": ""}), json!({"display": null})] {
            assert!(!holds("display pr", &empty), "{empty}");
        }
        assert!(holds("display eq \"\"", &json!({"display": ""})));
    }

    #[test]
    fn a_value_of_another_type_matches_nothing() {
        let odd = json!({"value": 7, "primary": "yes"});
        for no in ["value eq \"7\"", "value co \"7\"", "primary eq true", "primary eq false"] {
            assert!(!holds(no, &odd), "{no}");
        }
    }

    #[test]
    fn instants_are_compared_as_instants() {
        let Ok(Filter::Element { filter, .. }) =
            Filter::parse(ResourceKind::User, "meta[created ge \"2026-11-23T14:00:00+01:00\"]")
        else {
            panic!("this is a filter");
        };
        assert!(filter.matches_element(&json!({"created": "2026-11-23T13:00:00Z"})));
        assert!(!filter.matches_element(&json!({"created": "2026-11-23T12:59:59.999Z"})));
        assert!(!filter.matches_element(&json!({"created": "yesterday"})));
    }
}
