//! What the server tells of itself (RFC 7643 sections 5 to 7, RFC 7644 section 4).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{BASE, ENTERPRISE, GROUP, NOBODY, OUTSIDE, Provider, USER, resources, scene, text};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    the_configuration_tells_what_there_is,
    the_configuration_is_read_without_a_credential,
    every_schema_is_listed_and_found_by_its_urn,
    every_published_attribute_says_all_that_is_true_of_it,
    a_schema_offers_no_password_and_nothing_that_is_not_kept,
    every_resource_type_names_its_schemas,
    a_filter_on_what_is_fixed_is_403,
}

async fn the_configuration_tells_what_there_is(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let told = provider.read("/ServiceProviderConfig").await;
    assert_eq!(told["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
    for (part, expected) in [
        ("patch", json!({"supported": true})),
        ("bulk", json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576})),
        ("filter", json!({"supported": true, "maxResults": 1000})),
        ("changePassword", json!({"supported": false})),
        ("sort", json!({"supported": true})),
        ("etag", json!({"supported": true})),
    ] {
        assert_eq!(told[part], expected, "{part}");
    }
    let pagination = &told["pagination"];
    assert_eq!((&pagination["cursor"], &pagination["index"]), (&json!(true), &json!(true)));
    assert_eq!(pagination["defaultPaginationMethod"], "index");
    assert_eq!((&pagination["defaultPageSize"], &pagination["maxPageSize"]), (&json!(100), &json!(1000)));
    assert!(pagination["cursorTimeout"].is_u64(), "{pagination}");
    let [scheme] = told["authenticationSchemes"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(scheme["type"], "oauthbearertoken");
    assert!(scheme["name"].is_string() && scheme["description"].is_string(), "{scheme}");
    assert_eq!(told["meta"]["resourceType"], "ServiceProviderConfig");
    assert_eq!(told["meta"]["location"], format!("{OUTSIDE}/ServiceProviderConfig"));
}

async fn the_configuration_is_read_without_a_credential(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let path = format!("{BASE}/ServiceProviderConfig");
    let told = platform.call(Method::GET, &path).send().await.scim(200);
    assert_eq!(told, provider.read("/ServiceProviderConfig").await);
}

async fn every_schema_is_listed_and_found_by_its_urn(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let list = provider.list("/Schemas", &[]).await;
    let urns: BTreeSet<&str> = resources(&list).iter().map(|schema| text(&schema["id"])).collect();
    assert_eq!((urns, &list["totalResults"]), (BTreeSet::from([USER, ENTERPRISE, GROUP]), &json!(3)));
    for schema in resources(&list) {
        let urn = text(&schema["id"]);
        assert_eq!(schema["meta"]["resourceType"], "Schema", "{urn}");
        assert_eq!(schema["meta"]["location"], format!("{OUTSIDE}/Schemas/{urn}"));
        assert!(schema["name"].is_string() && schema["description"].is_string(), "{urn}");
        assert_eq!(provider.read(&format!("/Schemas/{urn}")).await, *schema);
    }
    for unknown in ["urn:ietf:params:scim:schemas:core:2.0:Device", NOBODY] {
        provider.get(&format!("/Schemas/{unknown}")).await.scim_error(404);
    }
}

/// Asserts it of these attributes and of those within them.
fn say_all(attributes: &[Value], of: &str) {
    let types = ["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"];
    for attribute in attributes {
        let path = format!("{of}.{}", text(&attribute["name"]));
        for member in ["multiValued", "required"] {
            assert!(attribute[member].is_boolean(), "{member} of {path}");
        }
        assert!(attribute["description"].is_string(), "{path}");
        for (member, known) in [
            ("type", &types[..]),
            ("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"][..]),
            ("returned", &["always", "never", "default", "request"][..]),
        ] {
            assert!(known.contains(&text(&attribute[member])), "{member} of {path}");
        }
        if ["string", "reference"].contains(&text(&attribute["type"])) {
            assert!(attribute["caseExact"].is_boolean(), "caseExact of {path}");
            assert!(["none", "server", "global"].contains(&text(&attribute["uniqueness"])), "uniqueness of {path}");
        }
        assert_eq!(attribute["type"] == "reference", attribute["referenceTypes"].is_array(), "{path}");
        match attribute["subAttributes"].as_array() {
            Some(children) => say_all(children, &path),
            None => assert_ne!(attribute["type"], "complex", "{path}"),
        }
    }
}

async fn every_published_attribute_says_all_that_is_true_of_it(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let list = provider.list("/Schemas", &[]).await;
    for schema in resources(&list) {
        say_all(schema["attributes"].as_array().unwrap(), text(&schema["name"]));
    }
    let user = provider.read(&format!("/Schemas/{USER}")).await;
    let attributes = user["attributes"].as_array().unwrap();
    let user_name = attributes.iter().find(|attribute| attribute["name"] == "userName").unwrap();
    assert_eq!((&user_name["required"], &user_name["caseExact"]), (&json!(true), &json!(false)));
    assert_eq!((&user_name["uniqueness"], &user_name["mutability"]), (&json!("server"), &json!("readWrite")));
    let groups = attributes.iter().find(|attribute| attribute["name"] == "groups").unwrap();
    assert_eq!(groups["mutability"], "readOnly", "membership is changed through the groups");
}

async fn a_schema_offers_no_password_and_nothing_that_is_not_kept(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    for urn in [USER, ENTERPRISE, GROUP] {
        let schema = provider.read(&format!("/Schemas/{urn}")).await;
        for attribute in schema["attributes"].as_array().unwrap() {
            let name = text(&attribute["name"]);
            assert!(!["password", "x509Certificates", "id", "meta", "schemas"].contains(&name), "{name} in {urn}");
        }
    }
}

async fn every_resource_type_names_its_schemas(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let list = provider.list("/ResourceTypes", &[]).await;
    assert_eq!(list["totalResults"], 2);
    for (name, endpoint, schema) in [("User", "/Users", USER), ("Group", "/Groups", GROUP)] {
        let told = provider.read(&format!("/ResourceTypes/{name}")).await;
        assert!(resources(&list).contains(&told), "{told} in {list}");
        assert_eq!((&told["id"], &told["name"]), (&json!(name), &json!(name)));
        assert_eq!((&told["endpoint"], &told["schema"]), (&json!(endpoint), &json!(schema)));
        assert_eq!(told["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ResourceType"]));
        assert_eq!(told["meta"]["location"], format!("{OUTSIDE}/ResourceTypes/{name}"));
        assert_eq!(told["meta"]["resourceType"], "ResourceType");
    }
    let user = provider.read("/ResourceTypes/User").await;
    assert_eq!(user["schemaExtensions"], json!([{"schema": ENTERPRISE, "required": false}]));
    provider.get("/ResourceTypes/Device").await.scim_error(404);
}

async fn a_filter_on_what_is_fixed_is_403(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
        provider.get(&format!("{path}?filter=id%20pr")).await.scim_error(403);
        provider.get(&format!("{path}?startIndex=1&count=100")).await.scim(200);
    }
}
