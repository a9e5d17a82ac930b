//! Many operations in one request (RFC 7644 section 3.7).

use offboard::model::company::GuardedDoors;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    BASE, ERROR, GROUP, NOBODY, OUTSIDE, Provider, USER, activity, address, done, id_of, patch_of, person, resources,
    scene, sorted, text, user_id, with,
};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    operations_of_every_kind_come_through_with_their_outcomes,
    what_a_request_makes_its_later_operations_may_name,
    one_fault_leaves_the_others_alone,
    so_many_faults_end_it,
    more_operations_or_bytes_than_are_taken_are_413,
    a_version_that_has_passed_is_412,
    the_guard_counts_what_comes_in_bulk,
    what_is_no_bulk_request_is_refused,
}

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

fn bulk(operations: Value) -> Value {
    json!({"schemas": [REQUEST], "Operations": operations})
}

/// The outcomes of a bulk request, in its order.
async fn outcomes(provider: &Provider<'_>, sent: &Value) -> Vec<Value> {
    let told = provider.post("/Bulk", sent).await.scim(200);
    assert_eq!(told["schemas"], json!([RESPONSE]), "{told}");
    told["Operations"].as_array().unwrap().clone()
}

fn statuses(outcomes: &[Value]) -> Vec<&str> {
    outcomes.iter().map(|outcome| text(&outcome["status"])).collect()
}

fn post_user(name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": name, "data": person(&address(name))})
}

fn set_active(id: &str, active: bool) -> Value {
    json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": activity(active)})
}

async fn operations_of_every_kind_come_through_with_their_outcomes(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let gone = provider.user("gone").await;
    let titled = with(person(&address("max")), json!({"title": "Boss"}));
    let found = outcomes(
        &provider,
        &bulk(json!([
            post_user("eve"),
            {"method": "PUT", "path": format!("/Users/{max}"), "data": titled},
            {"method": "PATCH", "path": format!("/Users/{lee}"), "data": activity(false)},
            {"method": "DELETE", "path": format!("/Users/{gone}")},
        ])),
    )
    .await;
    assert_eq!(statuses(&found), ["201", "200", "200", "204"]);
    assert_eq!((&found[0]["method"], &found[0]["bulkId"]), (&json!("POST"), &json!("eve")));
    assert_eq!(found[1]["location"], format!("{OUTSIDE}/Users/{max}"));
    for (outcome, method) in found.iter().zip(["POST", "PUT", "PATCH", "DELETE"]) {
        assert_eq!(outcome["method"], method);
        let id = text(&outcome["location"]).rsplit('/').next().unwrap();
        if method == "DELETE" {
            provider.get(&format!("/Users/{id}")).await.scim_error(404);
        } else {
            let read = provider.read(&format!("/Users/{id}")).await;
            assert_eq!(
                (&outcome["version"], &outcome["location"]),
                (&read["meta"]["version"], &read["meta"]["location"])
            );
        }
    }
    assert_eq!(provider.read(&format!("/Users/{lee}")).await["active"], false);
    assert_eq!(provider.read(&format!("/Users/{max}")).await["title"], "Boss");
    let ended = done(&platform, "user.deactivate").await;
    assert_eq!(ended.iter().filter(|entry| entry.person == Some(user_id(&lee))).count(), 1);
}

async fn what_a_request_makes_its_later_operations_may_name(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let members = json!([{"value": "bulkId:eve"}, {"value": "bulkId:max"}, {"value": lee}]);
    let group = json!({"schemas": [GROUP], "displayName": "Engineers", "members": members});
    let found = outcomes(
        &provider,
        &bulk(json!([
            post_user("eve"),
            post_user("max"),
            {"method": "POST", "path": "/Groups", "bulkId": "engineers", "data": group},
        ])),
    )
    .await;
    assert_eq!(statuses(&found), ["201", "201", "201"]);
    let mut made: Vec<&str> =
        found[..2].iter().map(|outcome| text(&outcome["location"]).rsplit('/').next().unwrap()).collect();
    made.push(&lee);
    let group = text(&found[2]["location"]).rsplit('/').next().unwrap();
    assert_eq!(provider.members(group).await, sorted(&made));

    let nobody = json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": "bulkId:nobody"}]});
    let sent = bulk(json!([{"method": "POST", "path": "/Groups", "bulkId": "sales", "data": nobody}]));
    let found = outcomes(&provider, &sent).await;
    let [outcome] = found.as_slice() else { panic!("{found:?}") };
    assert!(text(&outcome["status"]).starts_with('4'), "{outcome}");
    assert_eq!(provider.list("/Groups", &[]).await["totalResults"], 1);
}

async fn one_fault_leaves_the_others_alone(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let found = outcomes(
        &provider,
        &bulk(json!([
            post_user("eve"),
            post_user("lee"),
            {"method": "DELETE", "path": format!("/Users/{NOBODY}")},
            {"method": "POST", "path": "/Users", "bulkId": "none", "data": {"schemas": [USER]}},
            {"method": "POST", "path": "/Devices", "bulkId": "device", "data": {}},
            {"method": "GET", "path": format!("/Users/{lee}")},
            set_active(&lee, false),
        ])),
    )
    .await;
    let found_statuses = statuses(&found);
    assert_eq!(found_statuses[..4], ["201", "409", "404", "400"]);
    assert!(found_statuses[4..6].iter().all(|status| status.starts_with('4')), "{found:?}");
    assert_eq!(found_statuses[6], "200");
    for (outcome, status) in found[1..4].iter().zip(["409", "404", "400"]) {
        assert_eq!(
            (&outcome["response"]["schemas"], &outcome["response"]["status"]),
            (&json!([ERROR]), &json!(status))
        );
        assert!(!text(&outcome["response"]["detail"]).is_empty(), "{outcome}");
    }
    assert_eq!(found[1]["response"]["scimType"], "uniqueness");
    assert_eq!(provider.found("active eq true").await, [address("eve")]);
}

async fn so_many_faults_end_it(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let operations = json!([
        post_user("eve"),
        {"method": "DELETE", "path": format!("/Users/{NOBODY}")},
        post_user("max"),
        {"method": "DELETE", "path": format!("/Users/{NOBODY}")},
        post_user("zoe"),
    ]);
    let at_first = with(bulk(operations.clone()), json!({"failOnErrors": 1}));
    assert_eq!(statuses(&outcomes(&provider, &at_first).await), ["201", "404"]);
    assert_eq!(provider.found("userName pr").await, [address("eve")], "what was done before stays done");
    let at_third = with(bulk(operations), json!({"failOnErrors": 3}));
    assert_eq!(statuses(&outcomes(&provider, &at_third).await), ["409", "404", "201", "404"]);
}

async fn more_operations_or_bytes_than_are_taken_are_413(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let operation = json!({"method": "DELETE", "path": format!("/Users/{NOBODY}")});
    let many = |count: usize| bulk(json!(vec![operation.clone(); count]));
    provider.post("/Bulk", &many(1001)).await.scim_error(413);
    let most = with(many(1000), json!({"failOnErrors": 1}));
    assert_eq!(statuses(&outcomes(&provider, &most).await), ["404"]);

    // The length alone decides: nothing of the body is sent.
    let mut stream = tokio::net::TcpStream::connect(platform.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {BASE}/Bulk HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: 1048577\r\n\
         connection: close\r\n\r\n",
        provider.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains(ERROR), "{answer}");

    let padded = with(bulk(json!([post_user("eve")])), json!({"padding": "x".repeat(900_000)}));
    assert_eq!(statuses(&outcomes(&provider, &padded).await), ["201"], "less is taken");
}

async fn a_version_that_has_passed_is_412(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.make(&person(&address("lee"))).await;
    let (id, version) = (id_of(&lee), &lee["meta"]["version"]);
    let titled = patch_of(json!([{"op": "replace", "path": "title", "value": "Boss"}]));
    let path = format!("/Users/{id}");
    let found = outcomes(
        &provider,
        &bulk(json!([
            {"method": "PATCH", "path": path, "version": version, "data": titled},
            {"method": "PATCH", "path": path, "version": version, "data": activity(false)},
            {"method": "DELETE", "path": path, "version": version},
        ])),
    )
    .await;
    assert_eq!(statuses(&found), ["200", "412", "412"]);
    let read = provider.read(&path).await;
    assert_eq!((&read["title"], &read["active"]), (&json!("Boss"), &json!(true)));
}

async fn the_guard_counts_what_comes_in_bulk(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(8).await;
    provider.guard(GuardedDoors::Scim, 3).await;
    let operations: Vec<Value> = users.iter().map(|id| set_active(id, false)).collect();
    let found = outcomes(&provider, &bulk(json!(operations))).await;
    assert_eq!(statuses(&found), ["200", "200", "200", "409", "409", "409", "409", "409"]);
    let deletes = users.iter().map(|id| json!({"method": "DELETE", "path": format!("/Users/{id}")}));
    let found = outcomes(&provider, &bulk(deletes.collect())).await;
    assert_eq!(
        statuses(&found),
        ["204", "204", "204", "409", "409", "409", "409", "409"],
        "who had left may be deleted"
    );
    let left = provider.list("/Users", &[("filter", "active eq true")]).await;
    assert_eq!(resources(&left).len(), 5);
}

async fn what_is_no_bulk_request_is_refused(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    for body in ["", "{", "[]", "{}", r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]}"#] {
        let answer = provider.call(Method::POST, "/Bulk").body(body.to_owned()).send().await;
        answer.scim_fault(400, "invalidSyntax");
    }
    let other = json!({"schemas": [GROUP], "Operations": [post_user("eve")]});
    provider.post("/Bulk", &other).await.scim_fault(400, "invalidSyntax");
    assert_eq!(provider.list("/Users", &[]).await["totalResults"], 0);
}
