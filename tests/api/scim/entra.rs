//! What Microsoft Entra sends, in its order and its words: it reads before it writes, begins operations with a capital
//! and, where nobody asked it for better, sends booleans as texts.

use offboard::model::scope::Scope;
use offboard::model::user::Status;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ENTERPRISE, GROUP, NOBODY, Provider, USER, id_of, member_ids, patch_of, resources, scene, sorted, user_id,
    with_query,
};
use crate::harness::Answer;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    the_connection_test_gets_an_empty_list,
    a_person_is_matched_made_changed_and_disabled,
    the_older_dialect_says_false_as_a_text,
    the_newer_dialect_sends_paths_as_members,
    a_manager_comes_in_three_forms,
    who_is_deleted_for_good_is_gone_and_may_come_anew,
    groups_are_matched_made_and_filled,
}

const MARA: &str = "mara.unger@entra.example";

async fn entra(provider: &Provider<'_>, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let call = provider.call(method, path).header("content-type", "application/scim+json; charset=utf-8");
    match body {
        Some(body) => call.body(body.to_string()).send().await,
        None => call.send().await,
    }
}

async fn change(provider: &Provider<'_>, path: &str, operations: Value) -> Value {
    entra(provider, Method::PATCH, path, Some(&patch_of(operations))).await.scim(200)
}

/// Who is found by a filter, asked in the way that Entra does.
async fn matched(provider: &Provider<'_>, path: &str, filter: &str) -> Value {
    let plus = entra(provider, Method::GET, &with_query(path, &[("filter", filter)]), None).await.scim(200);
    let percent = with_query(path, &[("filter", filter)]).replace('+', "%20");
    assert_eq!(entra(provider, Method::GET, &percent, None).await.scim(200), plus, "spaces in either form");
    plus
}

fn mara() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "mara.unger",
        "userName": MARA,
        "active": true,
        "displayName": "Mara Unger",
        "emails": [{"primary": true, "type": "work", "value": MARA}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Mara Unger", "familyName": "Unger", "givenName": "Mara"},
        "title": null,
        "addresses": null,
        "roles": [],
        ENTERPRISE: {},
    })
}

async fn the_connection_test_gets_an_empty_list(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    provider.user("lee").await;
    let list = matched(&provider, "/Users", &format!("userName eq \"{NOBODY}\"")).await;
    assert_eq!((&list["totalResults"], &list["Resources"]), (&json!(0), &json!([])));
    let flagged = format!("{}&aadOptscim062020", with_query("/Users", &[("filter", "userName eq \"x\"")]));
    assert_eq!(entra(&provider, Method::GET, &flagged, None).await.scim(200)["totalResults"], 0);
    let unquoted = with_query("/Users", &[("filter", &format!("externalId eq {NOBODY}"))]);
    entra(&provider, Method::GET, &unquoted, None).await.scim_fault(400, "invalidFilter");
    let schemas = entra(&provider, Method::GET, "/Schemas", None).await.scim(200);
    assert_eq!(resources(&schemas).len(), 3);
}

async fn a_person_is_matched_made_changed_and_disabled(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let by_name = format!("userName eq \"{MARA}\"");
    assert_eq!(matched(&provider, "/Users", &by_name).await["totalResults"], 0);
    let made = entra(&provider, Method::POST, "/Users", Some(&mara())).await.scim(201);
    assert!(made.get("title").is_none() && made.get("roles").is_none() && made.get(ENTERPRISE).is_none(), "{made}");
    for filter in [
        by_name.as_str(),
        "externalId eq \"mara.unger\"",
        &format!("emails[type eq \"work\"].value eq \"{MARA}\""),
        &format!("emails[type eq \"work\" and value eq \"{MARA}\"]"),
    ] {
        assert_eq!(matched(&provider, "/Users", filter).await["Resources"], json!([made]), "{filter}");
    }
    let path = format!("/Users/{}", id_of(&made));
    assert_eq!(entra(&provider, Method::GET, &path, None).await.scim(200), made);
    let (_, token) = platform.token(user_id(&id_of(&made)), &Scope::ALL).await;

    let changed = change(
        &provider,
        &path,
        json!([
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "mara.u@entra.example"},
            {"op": "Replace", "path": "name.familyName", "value": "Ulrich"},
            {"op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Billing"},
            {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 201 555 0101"},
            {"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Utrecht"},
        ]),
    )
    .await;
    assert_eq!(changed["emails"], json!([{"primary": true, "type": "work", "value": "mara.u@entra.example"}]));
    assert_eq!(
        (&changed["name"]["familyName"], &changed[ENTERPRISE]["department"]),
        (&json!("Ulrich"), &json!("Billing"))
    );
    assert_eq!(changed["phoneNumbers"], json!([{"type": "mobile", "value": "+1 201 555 0101"}]));
    assert_eq!(changed["addresses"], json!([{"type": "work", "locality": "Utrecht"}]));
    let renamed = json!([{"op": "Replace", "path": "userName", "value": "mara.u@entra.example"}]);
    assert_eq!(change(&provider, &path, renamed).await["userName"], "mara.u@entra.example");

    let disabled = change(&provider, &path, json!([{"op": "Replace", "path": "active", "value": false}])).await;
    assert_eq!(disabled["active"], false);
    assert_eq!(platform.me(&token).await, 401);
    let found = matched(&provider, "/Users", "externalId eq \"mara.unger\"").await;
    assert_eq!(found["Resources"], json!([disabled]), "who is disabled is found still");
}

async fn the_older_dialect_says_false_as_a_text(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let mut sent = mara();
    sent["active"] = json!("True");
    sent["emails"][0]["primary"] = json!("True");
    let made = entra(&provider, Method::POST, "/Users", Some(&sent)).await.scim(201);
    assert_eq!((&made["active"], &made["emails"][0]["primary"]), (&json!(true), &json!(true)));
    let (id, path) = (id_of(&made), format!("/Users/{}", id_of(&made)));
    for (value, active, status) in [
        ("False", false, Status::Deactivated),
        ("True", true, Status::Active),
        ("False", false, Status::Deactivated),
        ("False", false, Status::Deactivated),
    ] {
        let operations = json!([{"op": "Replace", "path": "active", "value": value}]);
        assert_eq!(change(&provider, &path, operations).await["active"], active);
        assert_eq!(provider.status(&id).await, status, "{value}");
    }
    let primary = json!([{"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "billing"}]);
    assert_eq!(change(&provider, &path, primary).await["roles"], json!([{"primary": true, "value": "billing"}]));
}

async fn the_newer_dialect_sends_paths_as_members(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = entra(&provider, Method::POST, "/Users", Some(&mara())).await.scim(201);
    let path = format!("/Users/{}", id_of(&made));
    let number = format!("{ENTERPRISE}:employeeNumber");
    let operations = json!([
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "mara.u@entra.example"},
        {"op": "replace", "value": {"displayName": "M. Ulrich", "name.familyName": "Ulrich", number: "4711"}},
    ]);
    let changed = change(&provider, &format!("{path}?aadOptscim062020"), operations).await;
    assert_eq!((&changed["displayName"], &changed["name"]["familyName"]), (&json!("M. Ulrich"), &json!("Ulrich")));
    assert_eq!(
        (&changed["name"]["givenName"], &changed[ENTERPRISE]),
        (&json!("Mara"), &json!({"employeeNumber": "4711"}))
    );
    let known = platform.directory.find_user("mara.u@entra.example").await.unwrap();
    assert_eq!((known.id, known.name.as_str()), (user_id(&id_of(&made)), "M. Ulrich"));
    let disabled = change(&provider, &path, json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(disabled["active"], false);
}

async fn a_manager_comes_in_three_forms(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = entra(&provider, Method::POST, "/Users", Some(&mara())).await.scim(201);
    let path = format!("/Users/{}", id_of(&made));
    let (lee, max, eve) = (provider.user("lee").await, provider.user("max").await, provider.user("eve").await);
    let manager = format!("{ENTERPRISE}:manager");
    let reference = format!("http://localhost/scim/v2/Users/{max}");
    for (value, id) in [
        (json!(lee), &lee),
        (json!([{"$ref": reference, "value": max}]), &max),
        (json!({"value": eve}), &eve),
        (json!([{"value": lee}]), &lee),
    ] {
        let operations = json!([{"op": "Add", "path": manager, "value": value}]);
        assert_eq!(change(&provider, &path, operations).await[ENTERPRISE]["manager"]["value"], *id, "{value}");
    }
    let none = json!([{"op": "Remove", "path": manager}]);
    assert!(change(&provider, &path, none).await.get(ENTERPRISE).is_none());
}

async fn who_is_deleted_for_good_is_gone_and_may_come_anew(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = entra(&provider, Method::POST, "/Users", Some(&mara())).await.scim(201);
    let path = format!("/Users/{}", id_of(&made));
    change(&provider, &path, json!([{"op": "Replace", "path": "active", "value": "False"}])).await;
    entra(&provider, Method::DELETE, &path, None).await.scim_nothing();
    entra(&provider, Method::GET, &path, None).await.scim_error(404);
    assert_eq!(matched(&provider, "/Users", "externalId eq \"mara.unger\"").await["totalResults"], 0);
    let again = entra(&provider, Method::POST, "/Users", Some(&mara())).await.scim(201);
    assert_ne!(again["id"], made["id"]);
}

async fn groups_are_matched_made_and_filled(engine: Engine) {
    const MICROSOFT: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let by_name = "/Groups?excludedAttributes=members&filter=displayName+eq+%22Billing%22";
    assert_eq!(entra(&provider, Method::GET, by_name, None).await.scim(200)["totalResults"], 0);
    let sent = json!({
        "schemas": [GROUP, MICROSOFT],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "Billing",
        "meta": {"resourceType": "Group"},
    });
    let made = entra(&provider, Method::POST, "/Groups", Some(&sent)).await.scim(201);
    assert_eq!(made["schemas"], json!([GROUP]));
    let (id, path) = (id_of(&made), format!("/Groups/{}", id_of(&made)));
    assert_eq!(entra(&provider, Method::GET, by_name, None).await.scim(200)["Resources"][0]["id"], id);
    let without = entra(&provider, Method::GET, &format!("{path}?excludedAttributes=members"), None).await.scim(200);
    assert_eq!(without, made);

    let both = json!([{"$ref": null, "value": lee}, {"$ref": null, "value": max}]);
    let filled = change(&provider, &path, json!([{"op": "Add", "path": "members", "value": both}])).await;
    assert_eq!(member_ids(&filled), sorted(&[&lee, &max]));
    for (member, count) in [(lee.as_str(), 1), (max.as_str(), 1), (NOBODY, 0)] {
        let filter = format!("id eq \"{id}\" and members eq \"{member}\"");
        assert_eq!(matched(&provider, "/Groups", &filter).await["totalResults"], count, "{member}");
    }
    let one = json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": lee}]}]);
    assert_eq!(member_ids(&change(&provider, &path, one.clone()).await), std::slice::from_ref(&max), "these alone");
    assert_eq!(member_ids(&change(&provider, &path, one).await), std::slice::from_ref(&max), "and again");
    let bare = json!([{"op": "Add", "path": "members", "value": lee}]);
    assert_eq!(member_ids(&change(&provider, &path, bare).await), sorted(&[&lee, &max]));
    let renamed = json!([{"op": "Replace", "path": "displayName", "value": "Invoices"}]);
    assert_eq!(change(&provider, &path, renamed).await["displayName"], "Invoices");
    entra(&provider, Method::DELETE, &path, None).await.scim_nothing();
}
