//! The grammar of filters, read by descent (RFC 7644 section 3.4.2.2, figure 1).
//!
//! What binds tighter is read deeper: `or` reads `and`s, `and` reads factors, and a factor may be a group. How deep is
//! bounded, so no text exhausts the stack.

use super::comparison::{Raw, typed};
use super::fault::{Fault, FaultKind, shown};
use super::filter::{Filter, Operator};
use super::path::AttributePath;
use super::schema::{Kind, ResourceKind};

/// The most characters that a filter may have.
const LENGTH: usize = 8192;

/// How deep brackets may stand in brackets.
const DEPTH: usize = 32;

/// The most comparisons in one filter.
const COMPARISONS: usize = 20;

/// Reads a filter about resources.
pub(super) fn parse_filter(kind: ResourceKind, text: &str) -> Result<Filter, Fault> {
    check_length(text)?;
    let mut parser = Parser { rest: text, depth: 0, comparisons: 0 };
    parser.skip_spaces();
    if parser.rest.is_empty() {
        return Err(refuse("the filter is empty"));
    }
    let filter = parser.or(Scope::Resource(kind))?;
    parser.skip_spaces();
    if parser.rest.is_empty() { Ok(filter) } else { Err(parser.lacks("'and', 'or' or its end")) }
}

/// Reads a filter about an attribute's values, up to the bracket that closes it. Takes the text behind the opening
/// bracket; gives the filter and what stands behind the closing one.
pub(super) fn parse_brackets(attribute: AttributePath, text: &str) -> Result<(Filter, &str), Fault> {
    let mut parser = Parser { rest: text, depth: 0, comparisons: 0 };
    let filter = parser.nested(Scope::Element(attribute), ']')?;
    Ok((filter, parser.rest))
}

/// Refuses what is longer than a filter may be.
pub(super) fn check_length(text: &str) -> Result<(), Fault> {
    if text.chars().count() > LENGTH {
        return Err(refuse(format!("the filter is longer than {LENGTH} characters")));
    }
    Ok(())
}

/// What names mean where they stand.
#[derive(Clone, Copy)]
enum Scope {
    /// Attributes of a resource.
    Resource(ResourceKind),
    /// Within brackets: children of this attribute; `value` stands for an element that has no children.
    Element(AttributePath),
}

impl Scope {
    fn resolve(self, name: &str) -> Result<AttributePath, Fault> {
        let path = match self {
            Self::Resource(kind) => {
                return AttributePath::parse(kind, name).map_err(|fault| refuse(fault.detail));
            }
            Self::Element(path) => path,
        };
        let found = if path.attribute.kind == Kind::Complex {
            path.attribute.child(name).map(|child| AttributePath { child: Some(child), ..path })
        } else {
            name.eq_ignore_ascii_case("value").then_some(path)
        };
        found.ok_or_else(|| refuse(format!("'{path}' has no attribute '{}'", shown(name))))
    }
}

struct Parser<'t> {
    /// What has not been read yet.
    rest: &'t str,
    /// How many brackets are open.
    depth: usize,
    /// How many comparisons have been read.
    comparisons: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self, scope: Scope) -> Result<Filter, Fault> {
        let mut left = self.and(scope)?;
        while self.passes_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and(scope)?));
        }
        Ok(left)
    }

    fn and(&mut self, scope: Scope) -> Result<Filter, Fault> {
        let mut left = self.factor(scope)?;
        while self.passes_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.factor(scope)?));
        }
        Ok(left)
    }

    fn factor(&mut self, scope: Scope) -> Result<Filter, Fault> {
        self.skip_spaces();
        if self.passes('(') {
            return self.nested(scope, ')');
        }
        let word = self.word();
        if word.eq_ignore_ascii_case("not") {
            self.skip_spaces();
            if !self.passes('(') {
                return Err(self.lacks("an opening parenthesis after 'not'"));
            }
            return Ok(Filter::Not(Box::new(self.nested(scope, ')')?)));
        }
        if word.is_empty() {
            return Err(self.lacks("the name of an attribute"));
        }
        let path = scope.resolve(word)?;
        if self.passes('[') { self.elements(scope, path) } else { self.comparison(path) }
    }

    /// What stands in brackets, the closing one included.
    fn nested(&mut self, scope: Scope, end: char) -> Result<Filter, Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(refuse(format!("the filter has more than {DEPTH} brackets within each other")));
        }
        let filter = self.or(scope)?;
        self.skip_spaces();
        if !self.passes(end) {
            return Err(self.lacks(&format!("'and', 'or' or '{end}'")));
        }
        self.depth -= 1;
        Ok(filter)
    }

    /// `attr[…]`. Identity providers ask `attr[…].child eq "x"` too, which only the grammar of paths has: an element
    /// for which both hold.
    fn elements(&mut self, scope: Scope, path: AttributePath) -> Result<Filter, Fault> {
        if matches!(scope, Scope::Element(_)) || !path.has_elements() {
            return Err(refuse(format!("a filter in brackets can't choose among the values of '{path}'")));
        }
        let scope = Scope::Element(path);
        let mut filter = self.nested(scope, ']')?;
        if self.passes('.') {
            let child = scope.resolve(self.word())?;
            filter = Filter::And(Box::new(filter), Box::new(self.comparison(child)?));
        }
        Ok(Filter::Element { path, filter: Box::new(filter) })
    }

    fn comparison(&mut self, path: AttributePath) -> Result<Filter, Fault> {
        self.comparisons += 1;
        if self.comparisons > COMPARISONS {
            return Err(refuse(format!("the filter has more than {COMPARISONS} comparisons")));
        }
        self.skip_spaces();
        let word = self.word();
        if word.is_empty() {
            return Err(self.lacks("an operator"));
        }
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let operator = Operator::parse(word).ok_or_else(|| {
            let known = Operator::ALL.map(Operator::as_str).join(", ");
            refuse(format!("'{}' is no operator; there are: {known}, pr", shown(word)))
        })?;
        if !self.skip_spaces() {
            return Err(self.lacks("a space and a value"));
        }
        let raw = self.value()?;
        typed(path, operator, raw)
    }

    fn value(&mut self) -> Result<Raw, Fault> {
        if self.rest.starts_with('"') {
            return Ok(Raw::Text(self.string()?));
        }
        let word = self.word();
        match word.to_ascii_lowercase().as_str() {
            "" => Err(self.lacks("a value")),
            "true" => Ok(Raw::Boolean(true)),
            "false" => Ok(Raw::Boolean(false)),
            "null" => Ok(Raw::Null),
            _ => serde_json::from_str(word)
                .map(Raw::Number)
                .map_err(|_| refuse(format!("'{}' is no value: write the value in double quotes", shown(word)))),
        }
    }

    /// A JSON string.
    fn string(&mut self) -> Result<String, Fault> {
        let sent = self.rest;
        let mut escaped = false;
        let end = sent.char_indices().skip(1).find_map(|(at, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(at + 1)
        });
        let Some((quoted, rest)) = end.and_then(|end| sent.split_at_checked(end)) else {
            return Err(refuse(format!("{} lacks its closing double quote", shown(sent))));
        };
        let text = serde_json::from_str::<String>(quoted).map_err(|_| {
            refuse(format!("{} is not written as a JSON string: see to its backslashes", shown(quoted)))
        })?;
        self.rest = rest;
        if !rest.is_empty() && !rest.starts_with(|c: char| c.is_ascii_whitespace() || c == ')' || c == ']') {
            return Err(self.lacks("a space after the value"));
        }
        Ok(text)
    }

    /// Goes past all characters up to a space, a bracket or a quote, and gives them.
    fn word(&mut self) -> &'t str {
        let (word, rest) = split_word(self.rest);
        self.rest = rest;
        word
    }

    /// Goes past spaces and a keyword, in any case, if they come next; says whether they do.
    fn passes_word(&mut self, keyword: &str) -> bool {
        let (word, rest) = split_word(self.rest.trim_ascii_start());
        let comes = word.eq_ignore_ascii_case(keyword);
        if comes {
            self.rest = rest;
        }
        comes
    }

    /// Goes past a character if it comes next; says whether it does.
    fn passes(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Goes past spaces; says whether there is one.
    fn skip_spaces(&mut self) -> bool {
        let rest = self.rest.trim_ascii_start();
        let skipped = rest.len() < self.rest.len();
        self.rest = rest;
        skipped
    }

    fn lacks(&self, what: &str) -> Fault {
        if self.rest.is_empty() {
            refuse(format!("the filter lacks {what} at its end"))
        } else {
            refuse(format!("the filter lacks {what} before '{}'", shown(self.rest)))
        }
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"');
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// What is wrong with a filter.
pub(super) fn refuse(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::InvalidFilter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scim::filter::Literal;

    fn fault(text: &str) -> Fault {
        Filter::parse(ResourceKind::User, text).expect_err(text)
    }

    fn canonical(kind: ResourceKind, text: &str) -> String {
        Filter::parse(kind, text).expect(text).to_string()
    }

    #[test]
    fn what_the_rfc_shows_is_read() {
        for text in [
            "userName eq \"bjensen\"",
            "name.familyName co \"O'Malley\"",
            "userName sw \"J\"",
            "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\"",
            "title pr",
            "meta.lastModified gt \"2011-05-13T04:42:34Z\"",
            "meta.lastModified le \"2011-05-13T04:42:34Z\"",
            "title pr and userType eq \"Employee\"",
            "title pr or userType eq \"Intern\"",
            "schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"",
            "userType eq \"Employee\" and (emails co \"example.com\" or emails.value co \"example.org\")",
            "userType ne \"Employee\" and not (emails co \"example.com\" or emails.value co \"example.org\")",
            "userType eq \"Employee\" and (emails.type eq \"work\")",
            "userType eq \"Employee\" and emails[type eq \"work\" and value co \"@example.com\"]",
            "emails[type eq \"work\" and value co \"@a.com\"] or ims[type eq \"xmpp\" and value co \"@b.com\"]",
        ] {
            assert!(Filter::parse(ResourceKind::User, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn not_binds_tighter_than_and_and_that_tighter_than_or() {
        let or = Filter::parse(ResourceKind::User, "title pr or not (nickName pr) and locale pr");
        let Ok(Filter::Or(title, and)) = &or else { panic!("{or:?}") };
        assert_eq!(title.to_string(), "title pr");
        assert!(matches!(&**and, Filter::And(not, _) if matches!(**not, Filter::Not(_))));
        let group = Filter::parse(ResourceKind::User, "(title pr or nickName pr) and locale pr");
        assert!(matches!(&group, Ok(Filter::And(or, _)) if matches!(**or, Filter::Or(..))));
    }

    #[test]
    fn words_are_the_same_in_any_case_and_spaces_do_not_count() {
        let text = "  TITLE  PR   AND NOT  ( username   Eq  \"Ada\" )  oR ACTIVE EQ True ";
        let canonical = canonical(ResourceKind::User, text);
        assert_eq!(canonical, "title pr and not (userName eq \"Ada\") or active eq true");
    }

    #[test]
    fn what_entra_asks_of_an_address_is_asked_of_one_element() {
        let text = "emails[type eq \"work\"].value eq \"ada@acme.example\"";
        let wanted = "emails[type eq \"work\" and value eq \"ada@acme.example\"]";
        assert_eq!(canonical(ResourceKind::User, text), wanted);
        let text = "id eq \"7\" and members eq \"8\"";
        assert_eq!(canonical(ResourceKind::Group, text), "id eq \"7\" and members.value eq \"8\"");
    }

    #[test]
    fn values_are_json_strings() {
        let filter = Filter::parse(ResourceKind::User, r#"title eq "a\"b\\c\u00e4 \ud83d\ude00)""#);
        let Ok(Filter::Compare { value: Literal::Text(text), .. }) = &filter else { panic!("{filter:?}") };
        assert_eq!(text, "a\"b\\c\u{e4} \u{1f600})");
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "   ",
            "userName",
            "userName eq",
            "userName eq ",
            "userName eq\"a\"",
            "userName \"a\"",
            "userName is \"a\"",
            "userName eq a",
            "userName eq 'a'",
            "externalId eq 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "userName eq \"a",
            "userName eq \"a\\\"",
            "userName eq \"\\x\"",
            "userName eq \"\\ud800\"",
            "userName eq \"a\nb\"",
            "userName eq \"a\"and title pr",
            "userName eq \"a\" \"b\"",
            "userName eq \"a\" title pr",
            "userName eq \"a\" and",
            "and title pr",
            "title pr or or locale pr",
            "not title pr",
            "not",
            "not ()",
            "()",
            "(title pr",
            "title pr)",
            "emails[]",
            "emails[type eq \"work\"",
            "emails[type eq \"work\")",
            "emails[type eq \"work\"].",
            "emails[type eq \"work\"].value",
            "emails[type eq \"work\"].nothing eq \"a\"",
            "emails[type eq \"work\"] eq \"a\"",
            "emails[ims[type pr]]",
            "emails[emails.type pr]",
            "emails.value[type pr]",
            "userName[value pr]",
            "password eq \"a\"",
            "nothing eq \"a\"",
            "emails.nothing pr",
            "emails.value.value pr",
            "department pr",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
            "urn:nothing:User:title pr",
        ] {
            assert_eq!(fault(text).kind, FaultKind::InvalidFilter, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_would_be_right() {
        for (text, says) in [
            ("externalId eq 7f", "write the value in double quotes"),
            ("password eq \"a\"", "there is no attribute 'password'"),
            ("emails[kind pr]", "'emails' has no attribute 'kind'"),
            ("title is \"a\"", "there are: eq, ne, co, sw, ew, gt, ge, lt, le, pr"),
            ("title pr locale pr", "lacks 'and', 'or' or its end before 'locale pr'"),
            ("(title pr", "lacks 'and', 'or' or ')' at its end"),
            ("title eq \"a", "lacks its closing double quote"),
        ] {
            assert!(fault(text).detail.contains(says), "{text}: {}", fault(text));
        }
    }

    #[test]
    fn length_depth_and_number_are_bounded() {
        let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Filter::parse(ResourceKind::User, &nested(32)).is_ok());
        assert!(fault(&nested(33)).detail.contains("32"));
        assert!(fault(&"(".repeat(8192)).detail.contains("32"));
        assert!(fault(&"not (".repeat(1000)).detail.contains("32"));
        let many = |number: usize| vec!["title pr"; number].join(" or ");
        assert!(Filter::parse(ResourceKind::User, &many(20)).is_ok());
        assert!(fault(&many(21)).detail.contains("20"));
        let long = |length: usize| format!("title eq \"{}\"", "\u{e4}".repeat(length - 11));
        assert!(Filter::parse(ResourceKind::User, &long(8192)).is_ok());
        assert!(fault(&long(8193)).detail.contains("8192"));
    }
}
