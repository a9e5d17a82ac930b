//! What a provider says of a user: what is kept of it, what the rest of the system knows by it, and what is shown.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::users::{holds, whole};
use super::{
    ENTERPRISE, NOBODY, Provider, USER, activity, address, id_of, patch_of, person, resources, scene, text, with,
};
use crate::harness::Platform;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    what_is_unknown_read_only_or_null_is_left_aside,
    a_strict_server_takes_only_what_the_schemas_say,
    name_and_address_are_those_of_the_whole_system,
    every_published_attribute_is_given_back_as_it_was_sent,
    attributes_are_chosen_in_every_answer,
}

async fn what_is_unknown_read_only_or_null_is_left_aside(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let aside = json!({
        "SCHEMAS": [USER, "urn:example:of:somebody:else"],
        "password": "1-secret-that-nobody-needs",
        "favouriteColour": "green",
        "urn:example:of:somebody:else": {"x": 1},
        "id": NOBODY,
        "meta": {"resourceType": "User"},
        "groups": [],
        "title": null,
        "addresses": null,
        "phoneNumbers": [],
        "nickName": null,
        "DISPLAYNAME": "Lee V.",
        "ACTIVE": "True",
    });
    let mut sent = with(person(&address("lee")), aside);
    sent.as_object_mut().unwrap().remove("active");
    sent.as_object_mut().unwrap().remove("schemas");
    let made = provider.make(&sent).await;
    assert_eq!((&made["displayName"], &made["active"]), (&json!("Lee V."), &json!(true)));
    assert_eq!(made["schemas"], json!([USER]));
    assert_ne!(made["id"], NOBODY);
    for absent in ["password", "favouriteColour", "title", "addresses", "phoneNumbers", "nickName", "DISPLAYNAME"] {
        assert!(made.get(absent).is_none(), "{absent} in {made}");
    }
    assert!(!made.to_string().contains("secret") && !made.to_string().contains("somebody"), "{made}");
}

async fn a_strict_server_takes_only_what_the_schemas_say(engine: Engine) {
    let platform = Platform::start_with(engine, |settings| settings.scim_strict = true).await;
    let acme = platform.company("Acme").await;
    let provider = Provider::connected(&platform, &acme).await;
    let good = person(&address("lee"));
    let made = provider.make(&good).await;
    let other = person(&address("max"));
    for (changes, kind) in [
        (json!({"favouriteColour": "green"}), "invalidSyntax"),
        (json!({"schemas": [USER, "urn:example:else"], "urn:example:else": {"x": 1}}), "invalidSyntax"),
        (json!({"schemas": []}), "invalidSyntax"),
        (json!({"active": "True"}), "invalidValue"),
        (json!({"title": 5}), "invalidValue"),
    ] {
        let answer = provider.post("/Users", &with(other.clone(), changes.clone())).await;
        let (found, detail) = answer.scim_error(400);
        assert_eq!(found.as_deref(), Some(kind), "{changes}: {detail}");
    }
    let path = format!("/Users/{}", id_of(&made));
    for operations in [
        json!([{"op": "replace", "value": {"active": false}}]),
        json!([{"op": "replace", "path": "active", "value": "False"}]),
        json!([{"op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "1"}]),
    ] {
        assert_eq!(provider.patch(&path, &patch_of(operations.clone())).await.status, 400, "{operations}");
    }
    assert_eq!(provider.read(&path).await, made);
    assert_eq!(provider.set_active(&id_of(&made), false).await.scim(200)["active"], false);
}

async fn name_and_address_are_those_of_the_whole_system(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&json!({"schemas": [USER], "userName": address("lee")})).await;
    let (id, path) = (id_of(&made), format!("/Users/{}", id_of(&made)));
    let found = async || platform.directory.find_user(&id).await.unwrap();
    let known = found().await;
    assert_eq!((known.email.as_str(), known.name.as_str()), ("lee@acme.example", "lee@acme.example"));
    let home = json!({"value": "lee@home.example", "type": "home"});
    let work = json!({"value": "Lee.Ver@acme.example", "type": "work"});
    let preferred = json!({"value": "lv@acme.example", "type": "other", "primary": true});
    let described = |changes: Value| with(json!({"schemas": [USER], "userName": address("lee")}), changes);
    for (changes, name, email) in [
        (json!({"name": {"givenName": "Lee", "familyName": "Ver"}}), "Lee Ver", "lee@acme.example"),
        (json!({"name": {"formatted": "Dr. Ver", "givenName": "Lee"}}), "Dr. Ver", "lee@acme.example"),
        (json!({"displayName": "L. V.", "name": {"formatted": "Dr. Ver"}}), "L. V.", "lee@acme.example"),
        (json!({"displayName": "L. V.", "emails": [home]}), "L. V.", "lee@home.example"),
        (json!({"displayName": "L. V.", "emails": [home, work]}), "L. V.", "Lee.Ver@acme.example"),
        (json!({"displayName": "L. V.", "emails": [home, work, preferred]}), "L. V.", "lv@acme.example"),
    ] {
        provider.put(&path, &described(changes.clone())).await.scim(200);
        let known = found().await;
        assert_eq!((known.email.as_str(), known.name.as_str()), (email, name), "{changes}");
    }
    assert!(platform.directory.find_user("lee.ver@acme.example").await.is_err(), "an address before is free again");
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "Lee"},
        {"op": "replace", "path": "emails[type eq \"other\"].value", "value": "lee2@acme.example"},
    ]);
    provider.patch(&path, &patch_of(operations)).await.scim(200);
    let known = found().await;
    assert_eq!((known.email.as_str(), known.name.as_str()), ("lee2@acme.example", "Lee"));
}

/// A value that an attribute of a published schema takes; `None` for what clients do not write.
fn sample(attribute: &Value) -> Option<Value> {
    if attribute["mutability"] == "readOnly" {
        return None;
    }
    let canonical = attribute["canonicalValues"].get(0).cloned();
    let value = match text(&attribute["type"]) {
        "string" => canonical.unwrap_or_else(|| json!(format!("some {}", text(&attribute["name"])))),
        "boolean" => json!(true),
        "integer" => json!(7),
        "decimal" => json!(1.5),
        "dateTime" => json!("2026-01-02T03:04:05Z"),
        "reference" => json!("https://acme.example/somewhere"),
        "binary" => json!("aGVsbG8="),
        "complex" => samples(attribute["subAttributes"].as_array().unwrap()),
        other => panic!("a type of which nobody knows: {other}"),
    };
    Some(if attribute["multiValued"] == true { json!([value]) } else { value })
}

/// An object that has every one of these attributes.
fn samples(attributes: &[Value]) -> Value {
    let values =
        attributes.iter().filter_map(|attribute| Some((text(&attribute["name"]).to_owned(), sample(attribute)?)));
    Value::Object(values.collect())
}

async fn every_published_attribute_is_given_back_as_it_was_sent(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let published = async |urn: &str| {
        let schema = provider.read(&format!("/Schemas/{urn}")).await;
        samples(schema["attributes"].as_array().unwrap())
    };
    let mut sent = with(published(USER).await, json!({"userName": address("lee"), "schemas": [USER, ENTERPRISE]}));
    sent["emails"][0]["value"] = json!(address("lee"));
    sent[ENTERPRISE] = published(ENTERPRISE).await;
    let made = provider.make(&sent).await;
    holds(&made, &sent);
    let path = format!("/Users/{}", id_of(&made));
    holds(&provider.read(&path).await, &sent);
    holds(&provider.put(&path, &sent).await.scim(200), &sent);
    for (name, value) in sent.as_object().unwrap() {
        if ["schemas", "userName", "active"].contains(&name.as_str()) {
            continue;
        }
        let removed = provider.patch(&path, &patch_of(json!([{"op": "remove", "path": name}]))).await.scim(200);
        assert!(removed.get(name).is_none(), "{name} in {removed}");
        let added = provider.patch(&path, &patch_of(json!([{"op": "add", "path": name, "value": value}]))).await;
        assert_eq!(&added.scim(200)[name], value, "{name}");
    }
    holds(&provider.read(&path).await, &sent);
}

async fn attributes_are_chosen_in_every_answer(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let members = |resource: &Value| resource.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let few: BTreeSet<String> = ["schemas", "id", "userName", "name"].map(str::to_owned).into();
    let query = "?attributes=USERNAME,%20name.familyName";
    let made = provider.post(&format!("/Users{query}"), &whole(&address("lee"))).await.scim(201);
    assert_eq!((members(&made), &made["name"]), (few.clone(), &json!({"familyName": "Ver"})));
    let path = format!("/Users/{}", id_of(&made));
    for answer in [
        provider.get(&format!("{path}{query}")).await,
        provider.put(&format!("{path}{query}"), &whole(&address("lee"))).await,
        provider.patch(&format!("{path}{query}"), &activity(true)).await,
    ] {
        assert_eq!(members(&answer.scim(200)), few);
    }
    let list = provider.list("/Users", &[("attributes", "userName,name.familyName")]).await;
    assert_eq!(members(&resources(&list)[0]), few);
    let all = members(&provider.read(&path).await);
    let less = provider.read(&format!("{path}?excludedAttributes=emails,NAME,id,{ENTERPRISE}:manager")).await;
    let gone: BTreeSet<String> = ["emails", "name"].map(str::to_owned).into();
    assert_eq!(members(&less), &all - &gone, "identifiers are always told");
    assert_eq!(less[ENTERPRISE], json!({"employeeNumber": "701984", "department": "Tour Operations"}));
    let extension = provider.read(&format!("{path}?attributes={ENTERPRISE}:department")).await;
    assert_eq!(extension[ENTERPRISE], json!({"department": "Tour Operations"}));
    let unknown = provider.read(&format!("{path}?attributes=nonsense,title&unknownParameter=x")).await;
    assert_eq!(members(&unknown), BTreeSet::from(["schemas", "id", "title"].map(str::to_owned)));
}
