//! Filters as text: what their grammar reads.

use std::fmt;

use serde_json::Value;

use super::filter::{Filter, Literal};
use super::path::AttributePath;
use super::schema::{Attribute, Kind};
use crate::model::clock::Timestamp;

impl Filter {
    /// Writes what [`Filter::parse`] reads; within brackets, paths are names of children.
    fn write(&self, f: &mut fmt::Formatter<'_>, in_brackets: bool) -> fmt::Result {
        match self {
            Self::And(left, right) => {
                left.write_operand(f, in_brackets, matches!(**left, Self::Or(..)))?;
                f.write_str(" and ")?;
                right.write_operand(f, in_brackets, matches!(**right, Self::And(..) | Self::Or(..)))
            }
            Self::Or(left, right) => {
                left.write(f, in_brackets)?;
                f.write_str(" or ")?;
                right.write_operand(f, in_brackets, matches!(**right, Self::Or(..)))
            }
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.write_operand(f, in_brackets, true)
            }
            Self::Compare { path, operator, value } => {
                write!(f, "{} {} ", written(path, in_brackets), operator.as_str())?;
                value.write(f, path.leaf())
            }
            Self::Present(path) => write!(f, "{} pr", written(path, in_brackets)),
            Self::Element { path, filter } => {
                write!(f, "{path}[")?;
                filter.write(f, true)?;
                f.write_str("]")
            }
        }
    }

    fn write_operand(&self, f: &mut fmt::Formatter<'_>, in_brackets: bool, grouped: bool) -> fmt::Result {
        if !grouped {
            return self.write(f, in_brackets);
        }
        f.write_str("(")?;
        self.write(f, in_brackets)?;
        f.write_str(")")
    }
}

/// The one way to write it: reading that gives the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

fn written(path: &AttributePath, in_brackets: bool) -> String {
    if in_brackets { path.child.map_or("value", |child| child.name).to_owned() } else { path.key() }
}

impl Literal {
    fn write(&self, f: &mut fmt::Formatter<'_>, attribute: &Attribute) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Self::Number(number) if attribute.kind == Kind::Decimal => {
                let sign = if *number < 0 { "-" } else { "" };
                let (whole, part) = (number.unsigned_abs() / 1_000_000, number.unsigned_abs() % 1_000_000);
                write!(f, "{sign}{whole}.{part:06}")
            }
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(micros) => write!(f, "\"{}\"", Timestamp(*micros)),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::model::scim::filter::Operator;
    use crate::model::scim::path::Target;
    use crate::model::scim::schema::ResourceKind;

    const TEXTS: &[&str] = &[
        "userName",
        "USERNAME",
        "externalId",
        "emails",
        "emails.value",
        "name.familyName",
        "profileUrl",
        "schemas",
        "urn:ietf:params:scim:schemas:core:2.0:User:nickName",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ];
    const OPERATORS: &[&str] = &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "Co"];
    const OTHERS: &[&str] = &[
        "active eq true",
        "active ne \"False\"",
        "title pr",
        "addresses pr",
        "title eq null",
        "meta.lastModified ge \"2026-11-23T14:00:00.123456789+01:00\"",
        "meta.created  ne \"1969-12-31T23:59:59.999999999Z\"",
        "schemas[value eq \"urn:x\"]",
        "emails[type eq \"work\" or primary eq true].value ew \"example\"",
    ];
    const TOKENS: &[&str] = &[
        "userName",
        "emails",
        "type",
        "value",
        "active",
        ".",
        "[",
        "]",
        "(",
        ")",
        " ",
        " eq ",
        " pr",
        " and ",
        " or ",
        "not ",
        "\"a\"",
        "\"",
        "\\",
        "\\u",
        "1",
        "-",
        "true",
        "null",
        ":",
        "urn:",
        "\u{e4}",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    ];

    fn comparisons(names: &'static [&'static str]) -> impl Strategy<Value = String> {
        (select(names), select(OPERATORS), "\\PC{0,12}")
            .prop_map(|(name, operator, text)| format!("{name} {operator} {}", Value::from(text)))
    }

    fn combined(leaves: impl Strategy<Value = String> + 'static, depth: u32) -> impl Strategy<Value = String> {
        leaves.prop_recursive(depth, 16, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} and {right}")),
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} OR {right}")),
                inner.clone().prop_map(|filter| format!("( {filter} )")),
                inner.prop_map(|filter| format!("not({filter})")),
            ]
        })
    }

    fn filters() -> impl Strategy<Value = String> {
        let within = combined(comparisons(&["type", "value", "Display"]), 2);
        let leaves = prop_oneof![
            comparisons(TEXTS),
            select(OTHERS).prop_map(str::to_owned),
            within.prop_map(|filter| format!("emails[{filter}]")),
        ];
        combined(leaves, 4)
    }

    fn read_whatever(text: &str) {
        for kind in ResourceKind::ALL {
            if let Ok(filter) = Filter::parse(kind, text) {
                assert_eq!(Filter::parse(kind, &filter.to_string()), Ok(filter));
            }
            let _ = Target::parse(kind, text);
        }
    }

    proptest! {
        #[test]
        fn a_filter_is_read_as_it_is_written(text in filters()) {
            let filter = Filter::parse(ResourceKind::User, &text).unwrap();
            prop_assert_eq!(Filter::parse(ResourceKind::User, &filter.to_string()), Ok(filter));
        }

        #[test]
        fn any_words_are_read_or_refused(tokens in proptest::collection::vec(select(TOKENS), 0..40)) {
            read_whatever(&tokens.concat());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            read_whatever(&String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_filter_has_one_way_to_be_written() {
        for (sent, written) in [
            ("USERNAME EQ \"a\"", "userName eq \"a\""),
            ("(title pr)", "title pr"),
            ("title pr and (nickName pr and locale pr)", "title pr and (nickName pr and locale pr)"),
            ("(title pr and nickName pr) and locale pr", "title pr and nickName pr and locale pr"),
            ("(title pr or nickName pr) and locale pr", "(title pr or nickName pr) and locale pr"),
            ("title pr or (nickName pr and locale pr)", "title pr or nickName pr and locale pr"),
            ("not(title pr)", "not (title pr)"),
            ("emails eq \"a\"", "emails.value eq \"a\""),
            ("Emails[Type eq \"work\"].Value pr", "emails[type eq \"work\" and value pr]"),
            ("active eq \"TRUE\"", "active eq true"),
            ("meta.created gt \"2026-11-23T14:00:00+01:00\"", "meta.created gt \"2026-11-23T13:00:00Z\""),
            ("urn:ietf:params:scim:schemas:core:2.0:user:title pr", "title pr"),
        ] {
            assert_eq!(
                Filter::parse(ResourceKind::User, sent).map(|filter| filter.to_string()),
                Ok(written.to_owned())
            );
        }
    }

    #[test]
    fn decimals_are_written_with_their_fraction() {
        static WEIGHT: Attribute = Attribute::new("weight", Kind::Decimal, "");
        for (millionths, written) in [(1_500_000, "1.500000"), (-1, "-0.000001"), (0, "0.000000")] {
            let path = AttributePath { extension: None, attribute: &WEIGHT, child: None };
            let value = Literal::Number(millionths);
            let filter = Filter::Compare { path, operator: Operator::Less, value };
            assert_eq!(filter.to_string(), format!("weight lt {written}"));
        }
    }
}
