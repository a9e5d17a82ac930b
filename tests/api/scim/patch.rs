//! Changes to a part of a user (RFC 7644 section 3.5.2), as clients really send them.

use offboard::model::user::Status;
use serde_json::{Value, json};

use super::{ENTERPRISE, NOBODY, PATCH_OP, Provider, USER, address, id_of, patch_of, scene, text, user_id, with};
use crate::harness::Platform;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    single_values_are_set_and_removed,
    lists_are_appended_replaced_and_chosen_from,
    what_a_filter_does_not_find_is_made,
    an_extension_is_changed_by_its_urn,
    without_a_path_each_member_is_a_change,
    one_value_of_a_list_is_the_preferred_one,
    a_patch_with_a_fault_changes_nothing,
    a_body_that_is_no_patch_is_refused,
    a_patch_that_changes_nothing_leaves_no_trace,
    a_strict_server_makes_nothing_that_was_not_found,
}

const WORK: &str = "+1-201-555-0123";
const MOBILE: &str = "+1-201-555-0124";

fn start(name: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": address(name),
        "name": {"givenName": "Lee", "familyName": "Ver"},
        "title": "Clerk",
        "emails": [
            {"value": address(name), "type": "work", "primary": true},
            {"value": "lee@home.example", "type": "home"},
        ],
        "phoneNumbers": [{"value": WORK, "type": "work"}, {"value": MOBILE, "type": "mobile"}],
        "active": true,
        ENTERPRISE: {"department": "Sales", "costCenter": "4130", "manager": {"value": "26118915"}},
    })
}

/// Operations, and what they make of some of the attributes; null where one is gone.
type Case = (Value, Value);

/// Asserts of each case that it does just that, to a new user each.
async fn come_to(engine: Engine, cases: Vec<Case>) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::unguarded(&platform, &acme).await;
    for (number, (operations, expected)) in cases.into_iter().enumerate() {
        let made = provider.make(&start(&format!("lee{number}"))).await;
        let path = format!("/Users/{}", id_of(&made));
        let patched = provider.patch(&path, &patch_of(operations.clone())).await.scim(200);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&patched[name], value, "{name} after {operations}");
        }
        // What the case does not name is as it was.
        for (name, value) in made.as_object().unwrap().iter().filter(|(name, _)| *name != "meta") {
            assert!(expected.get(name).is_some() || patched[name] == *value, "{name} after {operations}: {patched}");
        }
        assert_eq!(provider.read(&path).await, patched, "{operations}");
    }
}

async fn single_values_are_set_and_removed(engine: Engine) {
    let boss = json!({"title": "Boss"});
    let none = json!({"title": null});
    let family = json!({"name": {"givenName": "Lee", "familyName": "Vera"}});
    let core = |name: &str| format!("{USER}:{name}");
    come_to(
        engine,
        vec![
            (json!([{"op": "add", "path": "title", "value": "Boss"}]), boss.clone()),
            (json!([{"op": "replace", "path": "title", "value": "Boss"}]), boss.clone()),
            (json!([{"op": "REPLACE", "path": "TITLE", "value": "Boss"}]), boss.clone()),
            (json!([{"op": "Add", "path": core("title"), "value": "Boss"}]), boss.clone()),
            (json!([{"op": "Add", "path": core("title").to_uppercase(), "value": "Boss"}]), boss),
            (json!([{"op": "add", "path": "title", "value": 7}]), json!({"title": "7"})),
            (json!([{"op": "remove", "path": "title"}]), none.clone()),
            (json!([{"op": "Remove", "path": "Title", "value": "whatever"}]), none.clone()),
            (json!([{"op": "replace", "path": "title", "value": null}]), none.clone()),
            (json!([{"op": "remove", "path": "nickName"}]), json!({"nickName": null})),
            (json!([{"op": "add", "path": "nickName", "value": "Lee"}]), json!({"nickName": "Lee"})),
            (json!([{"op": "replace", "path": "name.familyName", "value": "Vera"}]), family.clone()),
            (json!([{"op": "add", "path": "name", "value": {"familyName": "Vera"}}]), family.clone()),
            (json!([{"op": "add", "path": core("name.familyName"), "value": "Vera"}]), family),
            (json!([{"op": "remove", "path": "name.givenName"}]), json!({"name": {"familyName": "Ver"}})),
            (json!([{"op": "remove", "path": "name"}]), json!({"name": null})),
            (
                json!([
                    {"op": "replace", "path": "title", "value": "Boss"},
                    {"op": "replace", "path": "userType", "value": "Employee"},
                    {"op": "remove", "path": "title"},
                ]),
                json!({"title": null, "userType": "Employee"}),
            ),
            (json!([{"op": "replace", "path": "externalId", "value": "A-1"}]), json!({"externalId": "A-1"})),
            (
                json!([{"op": "replace", "path": "userName", "value": "somebody else"}]),
                json!({"userName": "somebody else"}),
            ),
        ],
    )
    .await;
}

async fn lists_are_appended_replaced_and_chosen_from(engine: Engine) {
    let (work, mobile) = (json!({"value": WORK, "type": "work"}), json!({"value": MOBILE, "type": "mobile"}));
    let fax = json!({"value": "+1-201-555-0199", "type": "fax"});
    let phones = |numbers: &[&Value]| json!({"phoneNumbers": numbers});
    let changed = json!({"value": "+1-201-555-0155", "type": "mobile"});
    let shown = json!({"value": MOBILE, "type": "mobile", "display": "Mobile"});
    come_to(
        engine,
        vec![
            (json!([{"op": "add", "path": "phoneNumbers", "value": [fax]}]), phones(&[&work, &mobile, &fax])),
            (json!([{"op": "add", "path": "phoneNumbers", "value": fax}]), phones(&[&work, &mobile, &fax])),
            (json!([{"op": "add", "path": "phoneNumbers", "value": [mobile, fax]}]), phones(&[&work, &mobile, &fax])),
            (json!([{"op": "add", "path": "phoneNumbers", "value": [work]}]), phones(&[&work, &mobile])),
            (json!([{"op": "replace", "path": "phoneNumbers", "value": [fax]}]), phones(&[&fax])),
            (json!([{"op": "replace", "path": "phoneNumbers", "value": []}]), json!({"phoneNumbers": null})),
            (json!([{"op": "remove", "path": "phoneNumbers"}]), json!({"phoneNumbers": null})),
            (json!([{"op": "remove", "path": "phoneNumbers[type eq \"mobile\"]"}]), phones(&[&work])),
            (json!([{"op": "remove", "path": "phoneNumbers[value co \"201\"]"}]), json!({"phoneNumbers": null})),
            (json!([{"op": "remove", "path": "phoneNumbers[not (type eq \"mobile\")]"}]), phones(&[&mobile])),
            (json!([{"op": "remove", "path": "phoneNumbers[type eq \"pager\"]"}]), phones(&[&work, &mobile])),
            (json!([{"op": "remove", "path": "phoneNumbers", "value": [{"value": WORK}]}]), phones(&[&mobile])),
            (
                json!([{"op": "replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": changed["value"]}]),
                phones(&[&work, &changed]),
            ),
            (
                json!([{"op": "add", "path": "phoneNumbers[TYPE EQ \"Mobile\"].Value", "value": changed["value"]}]),
                phones(&[&work, &changed]),
            ),
            (
                json!([{"op": "replace", "path": "phoneNumbers[type eq \"mobile\"]", "value": {"display": "Mobile"}}]),
                phones(&[&work, &shown]),
            ),
            (
                json!([
                    {"op": "remove", "path": "phoneNumbers[type eq \"work\"]"},
                    {"op": "add", "path": "phoneNumbers", "value": [fax]},
                    {"op": "remove", "path": "phoneNumbers[type eq \"mobile\"]"},
                ]),
                phones(&[&fax]),
            ),
        ],
    )
    .await;
}

async fn what_a_filter_does_not_find_is_made(engine: Engine) {
    let (work, mobile) = (json!({"value": WORK, "type": "work"}), json!({"value": MOBILE, "type": "mobile"}));
    let fax = json!({"value": "+1-201-555-0199", "type": "fax"});
    let phones = json!({"phoneNumbers": [work, mobile, fax]});
    let located = json!({"addresses": [{"type": "work", "locality": "Delft"}]});
    come_to(
        engine,
        vec![
            (
                json!([{"op": "Add", "path": "phoneNumbers[type eq \"fax\"].value", "value": fax["value"]}]),
                phones.clone(),
            ),
            (json!([{"op": "Replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": fax["value"]}]), phones),
            (json!([{"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Delft"}]), located.clone()),
            (json!([{"op": "Add", "path": "addresses[type eq \"work\"]", "value": {"locality": "Delft"}}]), located),
            (
                json!([
                    {"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Delft"},
                    {"op": "Add", "path": "addresses[type eq \"work\"].country", "value": "NL"},
                ]),
                json!({"addresses": [{"type": "work", "locality": "Delft", "country": "NL"}]}),
            ),
            (
                json!([{"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "clerk"}]),
                json!({"roles": [{"primary": true, "value": "clerk"}]}),
            ),
        ],
    )
    .await;
}

async fn an_extension_is_changed_by_its_urn(engine: Engine) {
    let manager = json!({"value": "26118915"});
    let extension = |changes: Value| {
        let start = json!({"department": "Sales", "costCenter": "4130", "manager": manager});
        json!({ENTERPRISE: with(start, changes)})
    };
    let at = |name: &str| format!("{ENTERPRISE}:{name}");
    let other = json!({"manager": {"value": NOBODY}});
    come_to(
        engine,
        vec![
            (
                json!([{"op": "Replace", "path": at("department"), "value": "Engines"}]),
                extension(json!({"department": "Engines"})),
            ),
            (
                json!([{"op": "add", "path": ENTERPRISE, "value": {"division": "North"}}]),
                extension(json!({"division": "North"})),
            ),
            (
                json!([{"op": "remove", "path": at("manager")}]),
                json!({ENTERPRISE: {"department": "Sales", "costCenter": "4130"}}),
            ),
            (json!([{"op": "Add", "path": at("manager"), "value": NOBODY}]), extension(other.clone())),
            (json!([{"op": "Add", "path": at("manager"), "value": {"value": NOBODY}}]), extension(other.clone())),
            (json!([{"op": "Add", "path": at("manager"), "value": [{"value": NOBODY}]}]), extension(other.clone())),
            (json!([{"op": "replace", "path": at("manager.value"), "value": NOBODY}]), extension(other)),
            (json!([{"op": "remove", "path": ENTERPRISE}]), json!({ENTERPRISE: null, "schemas": [USER]})),
        ],
    )
    .await;
}

async fn without_a_path_each_member_is_a_change(engine: Engine) {
    let department = format!("{ENTERPRISE}:department");
    let name = json!({"givenName": "Leo", "familyName": "Ver"});
    let engines = json!({"department": "Engines", "costCenter": "4130", "manager": {"value": "26118915"}});
    come_to(
        engine,
        vec![
            (json!([{"op": "replace", "value": {"title": "Boss"}}]), json!({"title": "Boss"})),
            (
                json!([{"op": "add", "value": {"TITLE": "Boss", "nickName": "B"}}]),
                json!({"title": "Boss", "nickName": "B"}),
            ),
            (json!([{"op": "replace", "value": {"name.givenName": "Leo"}}]), json!({"name": name})),
            (json!([{"op": "add", "value": {"name": {"givenName": "Leo"}}}]), json!({"name": name})),
            (json!([{"op": "replace", "value": {department: "Engines"}}]), json!({ENTERPRISE: engines})),
            (json!([{"op": "add", "value": {ENTERPRISE: {"department": "Engines"}}}]), json!({ENTERPRISE: engines})),
            (
                json!([{"op": "replace", "value": {
                    "id": NOBODY, "schemas": [USER], "meta": {"resourceType": "User"}, "groups": [],
                    "favouriteColour": "green", "title": "Boss",
                }}]),
                json!({"title": "Boss"}),
            ),
            (json!([{"op": "replace", "value": {"title": null}}]), json!({"title": null})),
        ],
    )
    .await;
}

async fn one_value_of_a_list_is_the_preferred_one(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let preferred = |user: &Value| {
        let emails = user["emails"].as_array().unwrap();
        let preferred: Vec<&str> =
            emails.iter().filter(|email| email["primary"] == true).map(|email| text(&email["value"])).collect();
        preferred.join(" ")
    };
    let third = json!({"value": "third@home.example", "type": "other", "primary": true});
    for (number, (operations, expected)) in [
        (json!([{"op": "add", "path": "emails", "value": [third]}]), "third@home.example"),
        (json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}]), "lee@home.example"),
        (json!([{"op": "Add", "path": "emails[type eq \"home\"].primary", "value": "True"}]), "lee@home.example"),
        (
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"primary": true}}]),
            "lee@home.example",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        // An address is one person's: whoever has it gives it up first.
        let made = provider.make(&start(&format!("lee{number}"))).await;
        let path = format!("/Users/{}", id_of(&made));
        let patched = provider.patch(&path, &patch_of(operations.clone())).await.scim(200);
        assert_eq!(preferred(&patched), expected, "{operations}");
        assert_eq!(platform.directory.find_user(expected).await.unwrap().id, user_id(&id_of(&made)));
        provider.delete(&path).await.scim_nothing();
        platform.clock.advance(std::time::Duration::from_hours(2));
    }
}

async fn a_patch_with_a_fault_changes_nothing(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&start("lee")).await;
    let path = format!("/Users/{}", id_of(&made));
    let before = platform.trail().await.len();
    for (operation, kind) in [
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "remove", "path": "userName"}), "mutability"),
        (json!({"op": "replace", "path": "id", "value": NOBODY}), "mutability"),
        (json!({"op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z"}), "mutability"),
        (json!({"op": "add", "path": "groups", "value": [{"value": NOBODY}]}), "mutability"),
        (json!({"op": "remove", "path": "groups"}), "mutability"),
        (json!({"op": "replace", "path": "favouriteColour", "value": "green"}), "invalidPath"),
        (json!({"op": "replace", "path": "title.length", "value": "7"}), "invalidPath"),
        (json!({"op": "replace", "path": "members", "value": []}), "invalidPath"),
        (json!({"op": "replace", "path": "title"}), "invalidValue"),
        (json!({"op": "add", "path": "active", "value": "maybe"}), "invalidValue"),
        (json!({"op": "replace", "path": "userName", "value": null}), "invalidValue"),
        (json!({"op": "replace", "path": "userName", "value": ""}), "invalidValue"),
        (json!({"op": "replace", "path": "name", "value": "Lee"}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": {"x": 1}}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": "x".repeat(5000)}), "invalidValue"),
        (json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "no address"}), "invalidValue"),
        (json!({"op": "add", "path": "phoneNumbers[type eq \"a\" or type eq \"b\"].value", "value": "1"}), "noTarget"),
        (json!({"op": "move", "path": "title", "value": "Boss"}), "invalidSyntax"),
        (json!({"path": "title", "value": "Boss"}), "invalidSyntax"),
    ] {
        // A good one comes first, and takes access away: it is undone too.
        let operations = json!([{"op": "replace", "path": "active", "value": false}, operation]);
        let answer = provider.patch(&path, &patch_of(operations)).await;
        let (found, detail) = answer.scim_error(400);
        assert_eq!(found.as_deref(), Some(kind), "{operation}: {detail}");
        assert_eq!(provider.read(&path).await, made, "{operation}");
    }
    assert_eq!(provider.status(&id_of(&made)).await, Status::Active);
    assert!(platform.trail().await.split_off(before).iter().all(|entry| entry.refusal.is_some()));
}

async fn a_body_that_is_no_patch_is_refused(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&start("lee")).await;
    let path = format!("/Users/{}", id_of(&made));
    let operations = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    for body in [
        json!({}),
        json!([]),
        json!({"active": false}),
        json!({"schemas": [USER], "Operations": operations}),
        json!({"Operations": operations}),
        json!({"schemas": [PATCH_OP]}),
        json!({"schemas": [PATCH_OP], "Operations": []}),
        json!({"schemas": [PATCH_OP], "Operations": {"op": "replace"}}),
        json!({"schemas": [PATCH_OP], "Operations": ["replace"]}),
    ] {
        provider.patch(&path, &body).await.scim_fault(400, "invalidSyntax");
        assert_eq!(provider.read(&path).await, made, "{body}");
    }
    let many = vec![operations[0].clone(); 1001];
    assert_eq!(provider.patch(&path, &patch_of(json!(many))).await.status, 400);
    assert_eq!(provider.read(&path).await, made);
    let odd = json!({"SCHEMAS": [PATCH_OP.to_uppercase()], "operations": operations});
    assert_eq!(provider.patch(&path, &odd).await.scim(200)["title"], "Boss", "names in any case");
}

async fn a_patch_that_changes_nothing_leaves_no_trace(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&start("lee")).await;
    let path = format!("/Users/{}", id_of(&made));
    let before = platform.trail().await.len();
    platform.clock.advance(std::time::Duration::from_secs(5));
    for operations in [
        json!([{"op": "replace", "path": "title", "value": "Clerk"}]),
        json!([{"op": "add", "path": "phoneNumbers", "value": [{"value": WORK, "type": "work"}]}]),
        json!([{"op": "replace", "path": "active", "value": true}]),
        json!([{"op": "remove", "path": "nickName"}]),
        json!([{"op": "add", "path": "title", "value": "x"}, {"op": "replace", "path": "title", "value": "Clerk"}]),
    ] {
        let answer = provider.patch(&path, &patch_of(operations.clone())).await;
        assert_eq!((answer.scim(200), answer.header("etag")), (made.clone(), text(&made["meta"]["version"])));
        assert_eq!(platform.trail().await.len(), before, "{operations}");
    }
    assert_eq!(provider.put(&path, &start("lee")).await.scim(200), made, "nor does the same by PUT");
    assert_eq!(platform.trail().await.len(), before);
}

async fn a_strict_server_makes_nothing_that_was_not_found(engine: Engine) {
    let platform = Platform::start_with(engine, |settings| settings.scim_strict = true).await;
    let acme = platform.company("Acme").await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&start("lee")).await;
    let path = format!("/Users/{}", id_of(&made));
    for (operation, kind) in [
        (json!({"op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "1"}), "noTarget"),
        (json!({"op": "remove", "path": "phoneNumbers[type eq \"fax\"]"}), "noTarget"),
        (json!({"op": "replace", "value": {"title": "Boss"}}), "invalidSyntax"),
        (json!({"op": "replace", "path": "active", "value": "False"}), "invalidValue"),
    ] {
        let answer = provider.patch(&path, &patch_of(json!([operation]))).await;
        let (found, detail) = answer.scim_error(400);
        assert_eq!(found.as_deref(), Some(kind), "{operation}: {detail}");
        assert_eq!(provider.read(&path).await, made, "{operation}");
    }
    let operations = json!([{"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"}]);
    assert_eq!(provider.patch(&path, &patch_of(operations)).await.scim(200)["phoneNumbers"][0]["value"], "1");
}
