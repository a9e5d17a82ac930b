//! The API document: kept as a snapshot, and true.

use offboard::http::document;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Platform;
use crate::support::database::Engine;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

#[test]
fn the_snapshot_in_docs_is_what_the_handlers_say() {
    let current = format!("{}\n", document().to_pretty_json().unwrap());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(SNAPSHOT, &current).unwrap();
    }
    let kept = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(kept == current, "docs/openapi.json is stale: UPDATE_SNAPSHOTS=1 cargo test --test api writes it anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_document_is_the_snapshot() {
    let platform = Platform::start(Engine::Sqlite).await;
    let served = platform.call(Method::GET, "/openapi.json").send().await.json();
    assert_eq!(served, serde_json::to_value(document()).unwrap());
}

#[test]
fn every_operation_has_a_summary_a_tag_its_credential_and_an_id_of_its_own() {
    let mut ids = std::collections::HashSet::new();
    let document = serde_json::to_value(document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{method} {path}");
            let security = operation["security"][0].as_object().unwrap();
            let known = ["MxToken", "Service", "MendixApiKey"];
            assert!(known.iter().any(|scheme| security.contains_key(*scheme)), "{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
        }
    }
    let scheme = &document["components"]["securitySchemes"]["MxToken"];
    assert_eq!(
        (&scheme["type"], &scheme["in"], &scheme["name"]),
        (&json!("apiKey"), &json!("header"), &json!("Authorization"))
    );
}

/// Every `$ref` in a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(reference) if name == "$ref" => vec![reference.to_owned()],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(document()).unwrap();
    let references = references(&document);
    assert!(references.len() > 10);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

/// The members of an object, and of the objects in it, without their values.
fn members(value: &Value) -> Value {
    match value {
        Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), members(value))).collect(),
        Value::Array(items) => items.iter().map(members).collect(),
        _ => Value::Null,
    }
}

fn example<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or_else(|| panic!("no example at {pointer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_are_real_answers() {
    let platform = Platform::start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let document = serde_json::to_value(document()).unwrap();

    let forbidden =
        platform.patch(&ada.token, "00000000-0000-4000-8000-000000000000", r#"{"active":false}"#).await.json();
    let pointer = "/paths/~1v1~1platform-users~1{uuid}/patch/responses/403/content/application~1json/example";
    let mut shown = example(&document, pointer).clone();
    shown["error"]["instance"] = forbidden["error"]["instance"].clone();
    assert_eq!(shown, forbidden);

    let question = json!({"emailAddresses": [{"emailAddress": lee.email}]}).to_string();
    let found = platform.call(Method::POST, "/v1/uuids").token(&ada.token).body(question).send().await.json();
    let pointer = "/paths/~1v1~1uuids/post/responses/200/content/application~1json/example";
    assert_eq!(members(example(&document, pointer)), members(&found));

    let pointer = "/paths/~1v1~1uuids/post/requestBody/content/application~1json/example";
    let asked = example(&document, pointer).to_string();
    assert_eq!(platform.call(Method::POST, "/v1/uuids").token(&ada.token).body(asked).send().await.status, 200);
    let pointer = "/paths/~1v1~1platform-users~1{uuid}/patch/requestBody/content/application~1json/example";
    let body = example(&document, pointer).to_string();
    assert_eq!(platform.patch(&ada.token, &lee.id.to_string(), &body).await.status, 204);
}
