//! Which attributes are compared how, and with what (RFC 7644 section 3.4.2.2, table 3).

use serde_json::Number;

use super::fault::Fault;
use super::filter::{Filter, Literal, Operator};
use super::grammar::refuse;
use super::index::units;
use super::path::AttributePath;
use super::schema::Kind;
use crate::model::clock::Timestamp;

/// A value as it is written, before it is known what it is compared with.
pub(super) enum Raw {
    Text(String),
    Number(Number),
    Boolean(bool),
    Null,
}

/// A comparison, if attribute, operator and value go together.
pub(super) fn typed(path: AttributePath, operator: Operator, raw: Raw) -> Result<Filter, Fault> {
    let path = compared(path)?;
    let attribute = path.leaf();
    let mismatch = || refuse(format!("'{path}' is compared with {}", wanted(attribute.kind)));
    let value = match (attribute.kind, raw) {
        (_, Raw::Null) => Literal::Null,
        (Kind::Text | Kind::Reference | Kind::Binary, Raw::Text(text)) => Literal::Text(text),
        (Kind::Boolean, Raw::Boolean(value)) => Literal::Boolean(value),
        (Kind::Boolean, Raw::Text(text)) if text.eq_ignore_ascii_case("true") => Literal::Boolean(true),
        (Kind::Boolean, Raw::Text(text)) if text.eq_ignore_ascii_case("false") => Literal::Boolean(false),
        (Kind::DateTime, Raw::Text(text)) => {
            Literal::Time(text.parse::<Timestamp>().map_err(|wrong| refuse(wrong.to_string()))?.0)
        }
        (Kind::Integer | Kind::Decimal, Raw::Number(number)) => {
            Literal::Number(units(attribute, &number).ok_or_else(mismatch)?)
        }
        (_, Raw::Text(_) | Raw::Number(_) | Raw::Boolean(_)) => return Err(mismatch()),
    };
    if !go_together(operator, attribute.kind, &value) {
        return Err(refuse(format!("'{}' does not compare '{path}' with that", operator.as_str())));
    }
    Ok(Filter::Compare { path, operator, value })
}

/// What is compared when this is named: of a complex attribute, its `value`.
fn compared(path: AttributePath) -> Result<AttributePath, Fault> {
    if path.leaf().kind != Kind::Complex {
        return Ok(path);
    }
    match path.attribute.child("value") {
        Some(value) => Ok(AttributePath { child: Some(value), ..path }),
        None => Err(refuse(format!("'{path}' has no value of its own: compare one of its sub-attributes"))),
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Reference | Kind::Binary | Kind::Complex => "a text: write the value in double quotes",
        Kind::Boolean => "true or false",
        Kind::Integer => "a whole number",
        Kind::Decimal => "a number",
        Kind::DateTime => "an instant: write it in double quotes, such as \"2026-11-23T13:33:01Z\"",
    }
}

/// RFC 7644 section 3.4.2.2, table 3: parts are of texts, and neither booleans nor bytes have an order.
fn go_together(operator: Operator, kind: Kind, value: &Literal) -> bool {
    match operator {
        Operator::Equal | Operator::NotEqual => true,
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            matches!(kind, Kind::Text | Kind::Reference) && *value != Literal::Null
        }
        Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual => {
            !matches!(kind, Kind::Boolean | Kind::Binary) && *value != Literal::Null
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scim::fault::FaultKind;
    use crate::model::scim::schema::{Attribute, ResourceKind};

    /// The filter in its one form, or nothing if it is refused as one.
    fn read(text: &str) -> Option<String> {
        match Filter::parse(ResourceKind::User, text) {
            Ok(filter) => Some(filter.to_string()),
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::InvalidFilter);
                None
            }
        }
    }

    #[test]
    fn booleans_are_true_or_false_in_any_case_quoted_or_not() {
        for text in ["active eq true", "active eq TRUE", "active eq \"True\"", "active eq \"tRUE\""] {
            assert_eq!(read(text).as_deref(), Some("active eq true"), "{text}");
        }
        assert_eq!(read("emails[primary ne \"False\"]").as_deref(), Some("emails[primary ne false]"));
        for text in ["active eq \"yes\"", "active eq 1", "active gt true", "active le false", "active co \"true\""] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn instants_have_an_order_and_no_parts() {
        for operator in ["eq", "ne", "gt", "ge", "lt", "le"] {
            let text = format!("meta.created {operator} \"2026-11-23T13:33:01.5Z\"");
            assert_eq!(read(&text), Some(text));
        }
        for text in [
            "meta.created co \"2026-11-23T13:33:01Z\"",
            "meta.created eq \"2026\"",
            "meta.created sw \"2026-11\"",
            "meta.created gt 2026",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn texts_are_compared_with_texts() {
        for text in ["title eq 7", "title eq true", "title co null", "title gt null", "profileUrl eq 1.5"] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in ["title eq null", "title ne null", "profileUrl co \"acme\"", "title ge \"\""] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_complex_attribute_is_compared_by_its_value() {
        assert_eq!(read("emails co \"a\"").as_deref(), Some("emails.value co \"a\""));
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        assert_eq!(read(&format!("{manager} eq \"a\"")), Some(format!("{manager}.value eq \"a\"")));
        for text in ["name eq \"a\"", "addresses eq \"a\"", "meta eq \"a\"", "name eq null"] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in ["name pr", "addresses pr", "emails pr", "meta pr"] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn numbers_are_compared_with_numbers_of_their_kind() {
        static FLOOR: Attribute = Attribute::new("floor", Kind::Integer, "");
        static WEIGHT: Attribute = Attribute::new("weight", Kind::Decimal, "");
        let read = |attribute: &'static Attribute, raw: Raw| {
            let path = AttributePath { extension: None, attribute, child: None };
            typed(path, Operator::GreaterOrEqual, raw).map(|filter| filter.to_string()).ok()
        };
        assert_eq!(read(&FLOOR, Raw::Number(Number::from(7_u8))).as_deref(), Some("floor ge 7"));
        assert_eq!(read(&FLOOR, Raw::Number(Number::from_f64(7.5).unwrap())), None);
        assert_eq!(read(&FLOOR, Raw::Text("7".to_owned())), None);
        assert_eq!(read(&WEIGHT, Raw::Number(Number::from_f64(7.5).unwrap())).as_deref(), Some("weight ge 7.500000"));
    }
}
