//! What the rest of the system needs to know of a user resource.

use serde_json::{Map, Value, json};

use super::fault::{Fault, shown};
use super::normal::{self, invalid};
use crate::model::email::Email;
use crate::model::text::{NAME_LENGTH, one_line};

/// The most characters that an `externalId` may have: it stands in an index, and what fits into one has an end.
pub const EXTERNAL_ID_LENGTH: usize = 512;

/// The most bytes that all attributes of a user may take together, so that a page of users is an answer that can be
/// given.
pub const SIZE: usize = 32 * 1024;

/// A user as an identity provider describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name by which the client knows the user; no two of a company share it.
    pub user_name: String,
    /// The client's own identifier.
    pub external_id: Option<String>,
    /// Whether the user is to have access; `None` when nothing was said of that.
    pub active: Option<bool>,
    /// What the person is called: one line, never empty.
    pub name: String,
    /// The address by which the person is found, if there is one.
    pub email: Option<Email>,
    /// The rest of the resource, in the form of [`normal::resource`].
    pub attributes: Map<String, Value>,
}

impl Profile {
    /// Takes a resource in the form of [`normal::resource`].
    ///
    /// # Errors
    /// When it has no `userName`, is too large, or what is to be its e-mail address is none.
    pub fn read(resource: Map<String, Value>) -> Result<Self, Fault> {
        let mut attributes = resource;
        for name in ["schemas", "id", "meta", "groups"] {
            attributes.remove(name);
        }
        let Some(Value::String(user_name)) = attributes.remove("userName") else {
            return Err(invalid("'userName' is missing"));
        };
        // It is kept as it was sent: the client asks for it so.
        one_line("'userName'", &user_name, NAME_LENGTH).map_err(|wrong| invalid(wrong.to_string()))?;
        let external_id = match attributes.remove("externalId") {
            Some(Value::String(text)) => external_id(text)?,
            _ => None,
        };
        let active = attributes.remove("active").as_ref().and_then(Value::as_bool);
        if attributes.values().map(normal::size).sum::<usize>() > SIZE {
            return Err(invalid(format!("the user takes more than {SIZE} bytes")));
        }
        let name = name(&user_name, &attributes);
        let email = email(&user_name, &attributes)?;
        Ok(Self { user_name, external_id, active, name, email, attributes })
    }
}

/// The resource of a user whom no identity provider described.
pub fn base(name: &str, email: Option<&str>) -> Map<String, Value> {
    let mut resource = Map::from_iter([("displayName".to_owned(), Value::from(name))]);
    if let Some(email) = email {
        resource.insert("emails".to_owned(), json!([{"value": email, "type": "work", "primary": true}]));
    }
    resource
}

/// An `externalId` that can be kept; an empty one is none.
pub(super) fn external_id(text: String) -> Result<Option<String>, Fault> {
    if text.chars().count() > EXTERNAL_ID_LENGTH {
        return Err(invalid(format!("'externalId' is longer than {EXTERNAL_ID_LENGTH} characters")));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// The name that is shown, else the whole name, else its parts, else the user's name at the client.
fn name(user_name: &str, attributes: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let part = |part: &str| text(attributes.get("name").and_then(|name| name.get(part)));
    [
        text(attributes.get("displayName")),
        part("formatted"),
        format!("{} {}", part("givenName"), part("familyName")),
        user_name.to_owned(),
    ]
    .iter()
    .find_map(|candidate| one_line("name", &shortened(candidate), NAME_LENGTH).ok())
    .unwrap_or_else(|| user_name.trim().to_owned())
}

/// One line of at most [`NAME_LENGTH`] characters, whatever was sent.
fn shortened(text: &str) -> String {
    let breaks =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let line: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
    line.trim().chars().take(NAME_LENGTH).collect()
}

/// The primary address, else the one at work, else the first, else the `userName` if it is an address.
fn email(user_name: &str, attributes: &Map<String, Value>) -> Result<Option<Email>, Fault> {
    let listed: Vec<(&Value, &str)> = attributes
        .get("emails")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|element| Some((element, element.get("value")?.as_str()?)))
        .filter(|(_, address)| !address.trim().is_empty())
        .collect();
    let is_at_work = |element: &Value| {
        element.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
    };
    let chosen = listed
        .iter()
        .find(|(element, _)| normal::is_primary(element))
        .or_else(|| listed.iter().find(|(element, _)| is_at_work(element)))
        .or_else(|| listed.first());
    match chosen {
        Some((_, address)) => Email::parse(address)
            .map(Some)
            .map_err(|wrong| invalid(format!("'{}' is no e-mail address: {wrong}", shown(address)))),
        None => Ok(Email::parse(user_name).ok()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fault::FaultKind;
    use super::*;

    fn read(resource: Value) -> Result<Profile, Fault> {
        let Value::Object(resource) = resource else { return Err(invalid("not an object")) };
        Profile::read(resource)
    }

    fn named(resource: Value) -> String {
        read(resource).unwrap().name
    }

    fn address(emails: Value) -> Option<String> {
        let profile = read(json!({"userName": "ada", "emails": emails})).unwrap();
        profile.email.map(|email| email.to_string())
    }

    #[test]
    fn a_profile_takes_out_what_has_a_place_of_its_own() {
        let profile = read(json!({
            "schemas": ["x"], "id": "7", "meta": {}, "groups": [], "userName": "ada", "externalId": "e1",
            "active": false, "displayName": "Ada", "title": "Countess"
        }))
        .unwrap();
        assert_eq!(profile.user_name, "ada");
        assert_eq!(profile.external_id.as_deref(), Some("e1"));
        assert_eq!(profile.active, Some(false));
        assert_eq!(profile.email, None);
        assert_eq!(Value::Object(profile.attributes), json!({"displayName": "Ada", "title": "Countess"}));
    }

    #[test]
    fn active_is_neither_true_nor_false_when_nothing_was_said() {
        assert_eq!(read(json!({"userName": "ada"})).map(|profile| profile.active), Ok(None));
    }

    #[test]
    fn a_user_has_a_name_at_the_client() {
        for wrong in [json!({}), json!({"userName": ""}), json!({"userName": " "}), json!({"userName": "a\nb"})] {
            assert_eq!(read(wrong).unwrap_err().kind, FaultKind::InvalidValue);
        }
        assert_eq!(read(json!({"userName": "x".repeat(201)})).unwrap_err().kind, FaultKind::InvalidValue);
        assert_eq!(
            read(json!({"userName": "f2b0d7a6-8e1f-4f6e-9a55-e8b6b5b1c8cd"})).map(|profile| profile.email),
            Ok(None)
        );
    }

    #[test]
    fn an_external_identifier_has_a_bound() {
        assert_eq!(read(json!({"userName": "a", "externalId": ""})).map(|profile| profile.external_id), Ok(None));
        let long = "ü".repeat(EXTERNAL_ID_LENGTH + 1);
        assert_eq!(read(json!({"userName": "a", "externalId": long})).unwrap_err().kind, FaultKind::InvalidValue);
    }

    #[test]
    fn a_user_has_a_greatest_size() {
        let roles: Vec<Value> = (0..100).map(|_| json!({"value": "x".repeat(350)})).collect();
        let fault = read(json!({"userName": "ada", "roles": roles})).unwrap_err();
        assert_eq!(fault.kind, FaultKind::InvalidValue);
        assert!(read(json!({"userName": "ada", "roles": roles[..90]})).is_ok());
    }

    #[test]
    fn the_name_is_the_best_that_there_is() {
        let mut resource = json!({
            "userName": "ada@acme.example", "displayName": "Ada L.",
            "name": {"formatted": "Lady Ada", "givenName": "Ada", "familyName": "Lovelace"}
        });
        assert_eq!(named(resource.clone()), "Ada L.");
        resource["displayName"] = json!(" ");
        assert_eq!(named(resource.clone()), "Lady Ada");
        resource["name"]["formatted"] = json!("\u{200b}");
        assert_eq!(named(resource.clone()), "Ada Lovelace");
        resource["name"] = json!({"familyName": "Lovelace"});
        assert_eq!(named(resource.clone()), "Lovelace");
        resource["name"] = json!({});
        assert_eq!(named(resource), "ada@acme.example");
    }

    #[test]
    fn a_name_is_cut_and_never_refused() {
        assert_eq!(named(json!({"userName": "a", "displayName": "x".repeat(300)})), "x".repeat(NAME_LENGTH));
        assert_eq!(named(json!({"userName": "a", "displayName": "\u{feff}Ada\nLovelace\u{202e}"})), "Ada Lovelace");
    }

    #[test]
    fn the_address_is_the_primary_or_that_at_work_or_the_first() {
        let home = json!({"value": "h@acme.example", "type": "home"});
        let work = json!({"value": "w@acme.example", "type": "Work"});
        let primary = json!({"value": "p@acme.example", "type": "other", "primary": true});
        let empty = json!({"type": "work", "primary": true});
        assert_eq!(address(json!([home, work, primary])).as_deref(), Some("p@acme.example"));
        assert_eq!(address(json!([home, work])).as_deref(), Some("w@acme.example"));
        assert_eq!(address(json!([empty, home])).as_deref(), Some("h@acme.example"));
        assert_eq!(address(json!([empty])), None);
    }

    #[test]
    fn the_name_at_the_client_is_the_address_when_there_is_no_other() {
        let email = |resource: Value| read(resource).unwrap().email.map(|email| email.to_string());
        assert_eq!(email(json!({"userName": "Ada@acme.example"})).as_deref(), Some("Ada@acme.example"));
        assert_eq!(email(json!({"userName": "ada"})), None);
    }

    #[test]
    fn only_the_chosen_address_must_be_one() {
        let wrong = json!({"value": "not an address", "primary": true});
        let right = json!({"value": "w@acme.example"});
        let fault = read(json!({"userName": "ada", "emails": [right, wrong]})).unwrap_err();
        assert_eq!(fault.kind, FaultKind::InvalidValue);
        assert!(fault.detail.contains("not an address"), "{fault}");
        assert_eq!(address(json!([right, {"value": "not an address"}])).as_deref(), Some("w@acme.example"));
    }

    #[test]
    fn a_user_whom_nobody_described_has_a_name_and_an_address() {
        let resource = Value::Object(base("Ada", Some("ada@acme.example")));
        let emails = json!([{"value": "ada@acme.example", "type": "work", "primary": true}]);
        assert_eq!(resource, json!({"displayName": "Ada", "emails": emails}));
        assert_eq!(Value::Object(base("Ada", None)), json!({"displayName": "Ada"}));
    }

    proptest! {
        #[test]
        fn every_profile_has_a_name_of_one_line(
            display in "\\PC{0,260}",
            given in any::<String>(),
            user in "[a-z]{1,9}",
        ) {
            let name = named(json!({"userName": user, "displayName": display, "name": {"givenName": given}}));
            prop_assert_eq!(one_line("name", &name, NAME_LENGTH), Ok(name));
        }
    }
}
