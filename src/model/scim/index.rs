//! What a user is found by: each value that a filter may ask for, in the form in which it is compared.

use serde_json::{Map, Number, Value};

use super::path::AttributePath;
use super::schema::{Attribute, Kind, ResourceKind};
use crate::model::clock::Timestamp;
use crate::model::text::fold;

/// The most values of one resource by which it is found.
pub const VALUES: usize = 1000;

/// The most characters of a text that are compared: what PostgreSQL puts into an index has an end.
const LENGTH: usize = 512;

/// What is found otherwise: it has a place of its own, or is derived.
const ELSEWHERE: [&str; 8] = ["active", "externalId", "groups", "id", "members", "meta", "schemas", "userName"];

/// One value of a resource. It has a text or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedValue {
    /// The attribute's name in full: `emails`.
    pub attribute: String,
    /// The name in full of what has the value: `emails.value`.
    pub path: String,
    /// The place of its element in a multi-valued attribute, from 0; 0 in others.
    pub element: i64,
    /// For texts, references and binary values: the [`comparable`] form. May be empty.
    pub text: Option<String>,
    /// For booleans 0 or 1, for integers themselves, for decimals millionths, for instants microseconds since 1970.
    pub number: Option<i64>,
}

/// What a resource is found by. Takes it with its names in the case of the schema; gives at most [`VALUES`].
pub fn index(kind: ResourceKind, resource: &Map<String, Value>) -> Vec<IndexedValue> {
    let mut found = Vec::new();
    for (name, value) in resource {
        if ELSEWHERE.contains(&name.as_str()) {
            continue;
        }
        if let Some(attribute) = kind.attribute(name) {
            add_attribute(AttributePath { extension: None, attribute, child: None }, value, &mut found);
        }
        let Some(schema) = kind.extensions().iter().copied().find(|schema| schema.id == name) else {
            continue;
        };
        for (name, value) in value.as_object().into_iter().flatten() {
            if let Some(attribute) = schema.attribute(name) {
                add_attribute(AttributePath { extension: Some(schema), attribute, child: None }, value, &mut found);
            }
        }
    }
    found
}

/// The comparable form of a text: as it is for attributes that are exact in case, folded for the others; cut to 512
/// characters. A NUL, which PostgreSQL can't keep, becomes the replacement character.
pub fn comparable(attribute: &Attribute, text: &str) -> String {
    let mut comparable = folded(attribute, text);
    if let Some((end, _)) = comparable.char_indices().nth(LENGTH) {
        comparable.truncate(end);
    }
    comparable
}

/// That in its full length.
pub(super) fn folded(attribute: &Attribute, text: &str) -> String {
    let text = text.replace('\0', "\u{fffd}");
    if attribute.case_exact { text } else { fold(&text) }
}

/// A number in the attribute's unit: whole ones are themselves, others are counted in millionths. Nothing when it is
/// none of those, or too great.
pub(super) fn units(attribute: &Attribute, number: &Number) -> Option<i64> {
    if attribute.kind == Kind::Integer {
        return number.as_i64();
    }
    let millionths = (number.as_f64()? * 1e6).round();
    if millionths.abs() > 9e18 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within the range")]
    let millionths = millionths as i64;
    Some(millionths)
}

fn add_attribute(path: AttributePath, value: &Value, found: &mut Vec<IndexedValue>) {
    match value {
        Value::Array(elements) => {
            for (element, value) in (0_i64..).zip(elements) {
                add_element(path, element, value, found);
            }
        }
        value => add_element(path, 0, value, found),
    }
}

fn add_element(path: AttributePath, element: i64, value: &Value, found: &mut Vec<IndexedValue>) {
    if path.attribute.kind != Kind::Complex {
        add_value(path, element, value, found);
        return;
    }
    for child in path.attribute.children {
        if let Some(value) = value.get(child.name) {
            add_value(AttributePath { child: Some(child), ..path }, element, value, found);
        }
    }
}

fn add_value(path: AttributePath, element: i64, value: &Value, found: &mut Vec<IndexedValue>) {
    let attribute = path.leaf();
    let (text, number) = match (attribute.kind, value) {
        (Kind::Text | Kind::Reference | Kind::Binary, Value::String(text)) => (Some(comparable(attribute, text)), None),
        (Kind::Boolean, Value::Bool(value)) => (None, Some(i64::from(*value))),
        (Kind::Integer | Kind::Decimal, Value::Number(number)) => (None, units(attribute, number)),
        (Kind::DateTime, Value::String(text)) => (None, text.parse::<Timestamp>().ok().map(|instant| instant.0)),
        _ => (None, None),
    };
    if found.len() < VALUES && (text.is_some() || number.is_some()) {
        found.push(IndexedValue { attribute: path.attribute_key(), path: path.key(), element, text, number });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::scim::schema::{COMMON, USER};

    fn indexed(resource: Value) -> Vec<(String, i64, Option<String>, Option<i64>)> {
        let resource = resource.as_object().cloned().unwrap_or_default();
        let found = index(ResourceKind::User, &resource);
        found.into_iter().map(|value| (value.path, value.element, value.text, value.number)).collect()
    }

    fn text(path: &str, element: i64, text: &str) -> (String, i64, Option<String>, Option<i64>) {
        (path.to_owned(), element, Some(text.to_owned()), None)
    }

    #[test]
    fn each_value_is_found_by_its_path_and_place() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let found = indexed(json!({
            "emails": [
                {"value": "Ada@Acme.Example", "type": "work", "primary": true},
                {"value": "ada@home.example", "primary": false},
            ],
            "name": {"familyName": "Lovelace"},
            "nickName": "",
            "profileUrl": "https://Acme.Example/Ada",
            urn: {"department": "R&D", "manager": {"value": "7"}},
        }));
        assert_eq!(
            found,
            [
                text("emails.value", 0, "ada@acme.example"),
                text("emails.type", 0, "work"),
                ("emails.primary".to_owned(), 0, None, Some(1)),
                text("emails.value", 1, "ada@home.example"),
                ("emails.primary".to_owned(), 1, None, Some(0)),
                text("name.familyName", 0, "lovelace"),
                text("nickName", 0, ""),
                text("profileUrl", 0, "https://Acme.Example/Ada"),
                text(&format!("{urn}:department"), 0, "r&d"),
                text(&format!("{urn}:manager.value"), 0, "7"),
            ]
        );
    }

    #[test]
    fn the_attribute_is_the_path_without_the_child() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let resource = json!({"emails": [{"value": "a"}], urn: {"manager": {"value": "7"}}});
        let found = index(ResourceKind::User, resource.as_object().unwrap());
        let attributes: Vec<&str> = found.iter().map(|value| value.attribute.as_str()).collect();
        assert_eq!(attributes, ["emails", format!("{urn}:manager").as_str()]);
    }

    #[test]
    fn what_has_a_place_of_its_own_or_is_unknown_is_left_out() {
        let found = indexed(json!({
            "active": true, "externalId": "7", "groups": [{"value": "7"}], "id": "7", "members": [{"value": "7"}],
            "meta": {"created": "2026-11-23T13:33:01Z"}, "schemas": ["urn:x"], "userName": "ada",
            "unknown": "7", "title": 7, "urn:unknown": {"title": "7"}, "ims": "7", "locale": null,
        }));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn numbers_and_instants_are_numbers() {
        static FLOOR: Attribute = Attribute::new("floor", Kind::Integer, "");
        static WEIGHT: Attribute = Attribute::new("weight", Kind::Decimal, "");
        static SINCE: Attribute = Attribute::new("since", Kind::DateTime, "");
        let mut found = Vec::new();
        for (attribute, value) in [
            (&FLOOR, json!(7)),
            (&FLOOR, json!(7.5)),
            (&WEIGHT, json!(-7.5)),
            (&WEIGHT, json!(1e300)),
            (&SINCE, json!("1970-01-01T00:00:01Z")),
            (&SINCE, json!("yesterday")),
        ] {
            add_attribute(AttributePath { extension: None, attribute, child: None }, &value, &mut found);
        }
        let numbers: Vec<Option<i64>> = found.iter().map(|value| value.number).collect();
        assert_eq!(numbers, [Some(7), Some(-7_500_000), Some(1_000_000)]);
    }

    #[test]
    fn a_resource_is_found_by_a_bounded_number_of_values() {
        let emails: Vec<Value> = (0..2000).map(|number| json!({"value": number.to_string(), "type": "work"})).collect();
        assert_eq!(indexed(json!({"emails": emails})).len(), VALUES);
    }

    #[test]
    fn texts_are_folded_unless_their_case_counts() {
        let title = USER.attribute("title").unwrap();
        let external = COMMON.iter().find(|attribute| attribute.name == "externalId").unwrap();
        assert_eq!(comparable(title, "STRASSE"), comparable(title, "stra\u{df}e"));
        assert_eq!(comparable(title, "jose\u{301}"), comparable(title, "JOS\u{c9}"));
        assert_eq!(comparable(external, "ABC"), "ABC");
        assert_eq!(comparable(external, "a\0b"), "a\u{fffd}b");
        assert_eq!(comparable(title, &"\u{e4}".repeat(600)), "\u{e4}".repeat(512));
    }

    proptest! {
        #[test]
        fn comparing_again_changes_nothing(text in "\\PC{0,40}") {
            let title = USER.attribute("title").unwrap();
            let once = comparable(title, &text);
            prop_assert_eq!(comparable(title, &once), once);
        }
    }
}
