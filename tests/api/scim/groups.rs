//! Groups: made, read, renamed, deleted, and who belongs to them.

use std::collections::BTreeSet;

use offboard::domain::groups::NewGroup;
use offboard::domain::users::NewUser;
use offboard::model::audit::ActorRecord;
use offboard::model::user::Role;
use serde_json::json;

use super::{
    GROUP, NOBODY, OUTSIDE, Provider, address, done, group_id, id_of, ids, member_ids, patch_of, references, resources,
    scene, sorted, text, with, with_query,
};
use crate::harness::operator;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_group_is_made_with_its_members,
    a_groups_name_is_its_own,
    a_group_of_somebody_unknown_is_not_made,
    members_come_and_go_by_every_form_of_patch,
    a_put_replaces_name_and_members,
    a_group_is_renamed,
    a_change_with_a_fault_changes_nothing,
    groups_are_found_by_name_and_by_member,
    an_unknown_a_foreign_and_a_deleted_group_are_the_same_404,
    a_deleted_user_belongs_to_no_group_and_a_deactivated_one_still_does,
    a_group_that_was_made_otherwise_is_there_too,
    a_large_groups_change_is_204,
    every_change_of_a_group_is_one_audit_entry_by_the_provider,
}

async fn a_group_is_made_with_its_members(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let members = references(&[&lee, &max]);
    let sent = json!({"schemas": [GROUP], "displayName": "Engineers", "externalId": "G-1", "members": members});
    let answer = provider.post("/Groups", &sent).await;
    let made = answer.scim(201);
    let id = id_of(&made);
    assert_eq!(answer.header("location"), format!("{OUTSIDE}/Groups/{id}"));
    assert_eq!((answer.header("etag"), text(&made["meta"]["resourceType"])), (text(&made["meta"]["version"]), "Group"));
    assert_eq!((&made["displayName"], &made["externalId"]), (&json!("Engineers"), &json!("G-1")));
    assert_eq!((&made["schemas"], member_ids(&made)), (&json!([GROUP]), sorted(&[&lee, &max])));
    for member in made["members"].as_array().unwrap() {
        assert_eq!(member["$ref"], format!("{OUTSIDE}/Users/{}", text(&member["value"])), "{member}");
    }
    assert_eq!(provider.read(&format!("/Groups/{id}")).await, made);
    let user = provider.read(&format!("/Users/{lee}")).await;
    let [group] = user["groups"].as_array().unwrap().as_slice() else { panic!("{user}") };
    assert_eq!((text(&group["value"]), text(&group["display"])), (id.as_str(), "Engineers"));
    let known = platform.directory.find_group(acme.id, "ENGINEERS").await.unwrap();
    assert_eq!((known.id, known.member_count, known.locked), (group_id(&id), 2, true));
    assert!(known.rights.is_empty());

    let bare = provider.post("/Groups", &json!({"displayName": "Sales", "members": null})).await.scim(201);
    assert!(bare.get("members").is_none(), "{bare}");
}

async fn a_groups_name_is_its_own(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let (engineers, sales) = (provider.group("Engineers", &[]).await, provider.group("Sales", &[]).await);
    let twin = json!({"schemas": [GROUP], "displayName": "ENGINEERS"});
    provider.post("/Groups", &twin).await.scim_fault(409, "uniqueness");
    let path = format!("/Groups/{sales}");
    provider.put(&path, &twin).await.scim_fault(409, "uniqueness");
    let rename = patch_of(json!([{"op": "replace", "path": "displayName", "value": "engineers"}]));
    provider.patch(&path, &rename).await.scim_fault(409, "uniqueness");
    assert_eq!(provider.read(&path).await["displayName"], "Sales");
    let own = provider.patch(&format!("/Groups/{engineers}"), &rename).await;
    assert_eq!(own.scim(200)["displayName"], "engineers", "its own in another case");
    Provider::connected(&platform, &globex).await.group("Engineers", &[]).await;
    for body in [json!({}), json!({"displayName": ""}), json!({"displayName": null}), json!({"displayName": []})] {
        provider.post("/Groups", &body).await.scim_fault(400, "invalidValue");
    }
    assert_eq!(provider.list("/Groups", &[]).await["totalResults"], 2);
}

async fn a_group_of_somebody_unknown_is_not_made(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.member(&globex, "zoe").await.id.to_string();
    let (lee, gone) = (provider.user("lee").await, provider.user("gone").await);
    provider.delete(&format!("/Users/{gone}")).await.scim_nothing();
    let group = provider.group("Sales", &[&lee]).await;
    let path = format!("/Groups/{group}");
    let before = provider.read(&path).await;
    let mut told = BTreeSet::new();
    for id in [NOBODY, &zoe, &gone] {
        let members = references(&[&lee, id]);
        let sent = json!({"schemas": [GROUP], "displayName": "Engineers", "members": members});
        let renamed = json!({"op": "replace", "path": "displayName", "value": "Engineers"});
        let added = json!({"op": "add", "path": "members", "value": members});
        for answer in [
            provider.post("/Groups", &sent).await,
            provider.put(&path, &sent).await,
            provider.patch(&path, &patch_of(json!([renamed, added]))).await,
        ] {
            answer.scim_fault(400, "invalidValue");
            told.insert(answer.body.replace(id, "ID"));
        }
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(provider.read(&path).await, before);
    for wrong in
        [json!("nonsense"), json!([{"value": "nonsense"}]), json!([{"value": lee, "type": "Group"}]), json!([7])]
    {
        let sent = json!({"schemas": [GROUP], "displayName": "Engineers", "members": wrong});
        provider.post("/Groups", &sent).await.scim_fault(400, "invalidValue");
    }
    assert_eq!(ids(&provider.list("/Groups", &[]).await), [group]);
}

async fn members_come_and_go_by_every_form_of_patch(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(4).await;
    let [a, b, c, d] = users.as_slice() else { panic!("{users:?}") };
    let value = |id: &str| json!([{"value": id}]);
    let chosen = |filter: String| format!("members[{filter}]");
    let is = |id: &str| format!("value eq \"{id}\"");
    for (number, (operations, expected)) in [
        (json!([{"op": "add", "path": "members", "value": value(c)}]), vec![a, b, c]),
        (json!([{"op": "Add", "path": "Members", "value": [{"$ref": null, "value": c}]}]), vec![a, b, c]),
        (json!([{"op": "add", "path": "members", "value": {"value": c, "display": "C"}}]), vec![a, b, c]),
        (json!([{"op": "add", "path": "members", "value": c}]), vec![a, b, c]),
        (json!([{"op": "add", "path": "members", "value": [c, d]}]), vec![a, b, c, d]),
        (json!([{"op": "add", "path": format!("{GROUP}:members"), "value": value(c)}]), vec![a, b, c]),
        (json!([{"op": "add", "value": {"members": value(c)}}]), vec![a, b, c]),
        (json!([{"op": "add", "path": chosen(is(c)), "value": {"value": c}}]), vec![a, b, c]),
        (json!([{"op": "add", "path": "members", "value": value(a)}]), vec![a, b]),
        (json!([{"op": "add", "path": "members", "value": null}]), vec![a, b]),
        (json!([{"op": "replace", "path": "members", "value": [{"value": c}, {"value": d}]}]), vec![c, d]),
        (json!([{"op": "replace", "value": {"MEMBERS": value(d)}}]), vec![d]),
        (json!([{"op": "replace", "path": "members", "value": []}]), vec![]),
        (json!([{"op": "remove", "path": chosen(is(a))}]), vec![b]),
        (json!([{"op": "Remove", "path": chosen(format!("{} or {}", is(a), is(b)))}]), vec![]),
        (json!([{"op": "remove", "path": "members", "value": value(a)}]), vec![b]),
        (json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": a}]}]), vec![b]),
        (json!([{"op": "remove", "path": "members", "value": a}]), vec![b]),
        (json!([{"op": "remove", "path": "members", "value": value(d)}]), vec![a, b]),
        (json!([{"op": "remove", "path": chosen(is(d))}]), vec![a, b]),
        (json!([{"op": "remove", "path": chosen(is(NOBODY))}]), vec![a, b]),
        (json!([{"op": "remove", "path": "members"}]), vec![]),
        (
            json!([
                {"op": "remove", "path": chosen(is(a))},
                {"op": "add", "path": "members", "value": [{"value": c, "display": "c@acme.example"}]},
                {"op": "remove", "path": chosen(is(b))},
                {"op": "add", "path": "members", "value": value(a)},
            ]),
            vec![a, c],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let group = provider.group(&format!("group {number}"), &[a, b]).await;
        let patched = provider.patch(&format!("/Groups/{group}"), &patch_of(operations.clone())).await.scim(200);
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(member_ids(&patched), expected, "{operations}");
        assert_eq!(provider.members(&group).await, expected, "{operations}");
        let known = platform.directory.group(acme.id, group_id(&group)).await.unwrap();
        assert_eq!(known.member_count, expected.len() as u64, "{operations}");
    }
}

async fn a_put_replaces_name_and_members(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let group = provider.group("Engineers", &[&lee]).await;
    let path = format!("/Groups/{group}");
    let made = provider.read(&path).await;
    let members = references(&[&max]);
    let sent = json!({
        "schemas": [GROUP], "id": NOBODY, "displayName": "Makers", "externalId": "G-2", "members": members,
    });
    let put = provider.put(&path, &sent).await.scim(200);
    assert_eq!((&put["displayName"], &put["externalId"]), (&json!("Makers"), &json!("G-2")));
    assert_eq!((id_of(&put), member_ids(&put)), (group.clone(), vec![max]));
    assert_ne!(put["meta"]["version"], made["meta"]["version"]);
    assert_eq!(put["meta"]["created"], made["meta"]["created"]);
    let empty = provider.put(&path, &json!({"schemas": [GROUP], "displayName": "Makers", "members": []})).await;
    let empty = empty.scim(200);
    assert!(empty.get("members").is_none() && empty.get("externalId").is_none(), "{empty}");
    assert_eq!(provider.read(&path).await, empty);
    assert!(provider.read(&format!("/Users/{lee}")).await.get("groups").is_none());
}

async fn a_group_is_renamed(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let group = provider.group("Engineers", &[&lee]).await;
    let path = format!("/Groups/{group}");
    for (operations, name) in [
        (json!([{"op": "replace", "path": "displayName", "value": "One"}]), "One"),
        (json!([{"op": "Replace", "path": "DISPLAYNAME", "value": "Two"}]), "Two"),
        (json!([{"op": "replace", "value": {"id": group, "displayName": "Three"}}]), "Three"),
        (json!([{"op": "replace", "value": {"schemas": [GROUP], "meta": {}, "displayName": "Four"}}]), "Four"),
        (json!([{"op": "add", "path": "externalId", "value": "G-1"}]), "Four"),
    ] {
        let patched = provider.patch(&path, &patch_of(operations.clone())).await.scim(200);
        assert_eq!(patched["displayName"], name, "{operations}");
        assert_eq!(member_ids(&patched), std::slice::from_ref(&lee), "{operations}");
    }
    let user = provider.read(&format!("/Users/{lee}")).await;
    assert_eq!(user["groups"][0]["display"], "Four");
    assert_eq!(provider.read(&path).await["externalId"], "G-1");
    assert!(platform.directory.find_group(acme.id, "Engineers").await.is_err());
}

async fn a_change_with_a_fault_changes_nothing(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let group = provider.group("Engineers", &[&lee]).await;
    let path = format!("/Groups/{group}");
    let made = provider.read(&path).await;
    for (operation, kind) in [
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "remove", "path": "displayName"}), "mutability"),
        (json!({"op": "replace", "path": "displayName", "value": ""}), "invalidValue"),
        (json!({"op": "replace", "path": "displayName"}), "invalidValue"),
        (json!({"op": "replace", "path": "id", "value": NOBODY}), "mutability"),
        (json!({"op": "replace", "path": "userName", "value": "x"}), "invalidPath"),
        (json!({"op": "remove", "path": "members[display eq \"x\"]"}), "invalidFilter"),
        (json!({"op": "remove", "path": "members[value co \"x\"]"}), "invalidFilter"),
        (json!({"op": "add", "path": "members", "value": [{"value": NOBODY}]}), "invalidValue"),
        (json!({"op": "add", "path": "members", "value": [{"display": "x"}]}), "invalidValue"),
        (json!({"op": "move", "path": "members", "value": []}), "invalidSyntax"),
    ] {
        let added = json!({"op": "add", "path": "members", "value": [{"value": max}]});
        let answer = provider.patch(&path, &patch_of(json!([added, operation]))).await;
        let (found, detail) = answer.scim_error(400);
        assert_eq!(found.as_deref(), Some(kind), "{operation}: {detail}");
        assert_eq!(provider.read(&path).await, made, "{operation}");
    }
}

async fn groups_are_found_by_name_and_by_member(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let mut made = Vec::new();
    for (name, members) in [("Engineers", vec![lee.as_str(), &max]), ("Sales", vec![lee.as_str()]), ("Empty", vec![])] {
        made.push(provider.group(name, &members).await);
        platform.clock.advance(std::time::Duration::from_secs(1));
    }
    let (engineers, second) = (&made[0], provider.read(&format!("/Groups/{}", made[1])).await);
    let instant = text(&second["meta"]["created"]);
    for (filter, expected) in [
        ("displayName eq \"ENGINEERS\"".to_owned(), vec!["Engineers"]),
        ("displayName sw \"e\"".to_owned(), vec!["Engineers", "Empty"]),
        ("displayName co \"les\" or displayName ew \"y\"".to_owned(), vec!["Sales", "Empty"]),
        (format!("members.value eq \"{lee}\""), vec!["Engineers", "Sales"]),
        (format!("members eq \"{max}\""), vec!["Engineers"]),
        (format!("members[value eq \"{max}\"]"), vec!["Engineers"]),
        (format!("id eq \"{engineers}\" and members eq \"{lee}\""), vec!["Engineers"]),
        (format!("id eq \"{engineers}\" and members eq \"{NOBODY}\""), vec![]),
        (format!("displayName eq \"Sales\" and members.value eq \"{max}\""), vec![]),
        ("members pr".to_owned(), vec!["Engineers", "Sales"]),
        ("not (members pr)".to_owned(), vec!["Empty"]),
        (format!("meta.created gt \"{instant}\""), vec!["Empty"]),
        (format!("meta.created le \"{instant}\" and id ne \"{engineers}\""), vec!["Sales"]),
        ("externalId pr".to_owned(), vec![]),
    ] {
        let list = provider.list("/Groups", &[("filter", &filter)]).await;
        let found: BTreeSet<&str> = resources(&list).iter().map(|group| text(&group["displayName"])).collect();
        assert_eq!(found, BTreeSet::from_iter(expected), "{filter}");
    }
    for filter in ["displayName eq Engineers", "userName eq \"x\"", "members gt", "name pr"] {
        let answer = provider.get(&with_query("/Groups", &[("filter", filter)])).await;
        answer.scim_fault(400, "invalidFilter");
    }
    let few = provider.list("/Groups", &[("excludedAttributes", "members")]).await;
    assert!(resources(&few).iter().all(|group| group.get("members").is_none() && group.get("displayName").is_some()));
    let names = provider.read(&format!("/Groups/{engineers}?attributes=displayName")).await;
    assert_eq!(names, json!({"schemas": [GROUP], "id": engineers, "displayName": "Engineers"}));
    let list =
        provider.list("/Groups", &[("sortBy", "displayName"), ("sortOrder", "descending"), ("count", "2")]).await;
    let shown: Vec<&str> = resources(&list).iter().map(|group| text(&group["displayName"])).collect();
    assert_eq!((shown, &list["totalResults"]), (vec!["Sales", "Engineers"], &json!(3)));
}

async fn an_unknown_a_foreign_and_a_deleted_group_are_the_same_404(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let other = Provider::connected(&platform, &globex).await;
    let foreign = other.group("Sales", &[]).await;
    let lee = provider.user("lee").await;
    let gone = provider.group("Engineers", &[&lee]).await;
    provider.delete(&format!("/Groups/{gone}")).await.scim_nothing();
    let mut told = BTreeSet::new();
    for id in [NOBODY, &foreign, &gone, &lee, "nonsense"] {
        let path = format!("/Groups/{id}");
        for answer in [
            provider.get(&path).await,
            provider.put(&path, &json!({"schemas": [GROUP], "displayName": "Makers"})).await,
            provider.patch(&path, &patch_of(json!([{"op": "remove", "path": "members"}]))).await,
            provider.delete(&path).await,
        ] {
            answer.scim_error(404);
            told.insert(answer.body.replace(id, "ID"));
        }
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(other.read(&format!("/Groups/{foreign}")).await["displayName"], "Sales");
    assert!(provider.read(&format!("/Users/{lee}")).await.get("groups").is_none());
    assert_eq!(provider.list("/Groups", &[]).await["totalResults"], 0);
    provider.group("Engineers", &[]).await;
}

async fn a_deleted_user_belongs_to_no_group_and_a_deactivated_one_still_does(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    let group = provider.group("Engineers", &[&lee, &max]).await;
    let before = provider.read(&format!("/Groups/{group}")).await;
    provider.set_active(&lee, false).await.scim(200);
    assert_eq!(provider.members(&group).await, sorted(&[&lee, &max]));
    provider.delete(&format!("/Users/{max}")).await.scim_nothing();
    let after = provider.read(&format!("/Groups/{group}")).await;
    assert_eq!(member_ids(&after), std::slice::from_ref(&lee));
    assert_ne!(after["meta"]["version"], before["meta"]["version"]);
    assert_eq!(platform.directory.group(acme.id, group_id(&group)).await.unwrap().member_count, 1);
    let path = format!("/Groups/{group}");
    let removed = patch_of(json!([{"op": "remove", "path": "members", "value": [{"value": max}]}]));
    assert_eq!(member_ids(&provider.patch(&path, &removed).await.scim(200)), [lee], "who is gone is no member");
}

async fn a_group_that_was_made_otherwise_is_there_too(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = platform.member(&acme, "lee").await;
    let new = NewGroup {
        name: "Engineers".to_owned(),
        description: "Who build".to_owned(),
        members: vec![lee.id],
        ..NewGroup::default()
    };
    let group = platform.directory.create_group(&operator(), acme.id, new).await.unwrap();
    let path = format!("/Groups/{}", group.id);
    let read = provider.read(&path).await;
    assert_eq!((&read["displayName"], member_ids(&read)), (&json!("Engineers"), vec![lee.id.to_string()]));
    let max = provider.user("max").await;
    let change = patch_of(json!([{"op": "add", "path": "members", "value": [{"value": max}]}]));
    assert_eq!(member_ids(&provider.patch(&path, &change).await.scim(200)), sorted(&[&lee.id.to_string(), &max]));
    let known = platform.directory.group(acme.id, group.id).await.unwrap();
    assert_eq!((known.description.as_str(), known.member_count), ("Who build", 2));
    provider.delete(&path).await.scim_nothing();
    assert!(platform.directory.group(acme.id, group.id).await.is_err());
}

async fn a_large_groups_change_is_204(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let new = (0..1001).map(|number| NewUser::parse(&address(&format!("user{number}")), "user", Role::Member).unwrap());
    platform.directory.create_users(&operator(), acme.id, new.collect()).await.unwrap();
    let first = provider.list("/Users", &[("count", "1000"), ("attributes", "userName")]).await;
    let users: Vec<String> = ids(&first);
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(members.len(), 1000);
    let group = provider.group("Everybody", &members).await;
    let path = format!("/Groups/{group}");
    let change = |op: &str, id: &str| patch_of(json!([{"op": op, "path": "members", "value": [{"value": id}]}]));
    let last = provider.list("/Users", &[("startIndex", "1001")]).await;
    let [last] = resources(&last) else { panic!("{last}") };
    let answer = provider.patch(&path, &change("add", text(&last["id"]))).await;
    answer.scim_nothing();
    assert_ne!(answer.header("etag"), "", "{answer:?}");
    assert_eq!(provider.members(&group).await.len(), 1001);
    assert_eq!(platform.directory.group(acme.id, group_id(&group)).await.unwrap().member_count, 1001);
    let shown = provider.patch(&path, &change("remove", text(&last["id"]))).await.scim(200);
    assert_eq!(member_ids(&shown).len(), 1000, "up to there it is shown");
}

async fn every_change_of_a_group_is_one_audit_entry_by_the_provider(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let group = provider.group("Engineers", &[&lee]).await;
    let path = format!("/Groups/{group}");
    let same = json!({"schemas": [GROUP], "displayName": "Engineers", "members": [{"value": lee}]});
    let made = provider.read(&path).await;
    for operations in [
        json!([{"op": "add", "path": "members", "value": [{"value": lee}]}]),
        json!([{"op": "remove", "path": format!("members[value eq \"{NOBODY}\"]")}]),
        json!([{"op": "replace", "path": "displayName", "value": "Engineers"}]),
    ] {
        let answer = provider.patch(&path, &patch_of(operations)).await;
        assert_eq!((answer.scim(200), answer.header("etag")), (made.clone(), text(&made["meta"]["version"])));
    }
    assert_eq!(provider.put(&path, &same).await.scim(200), made);
    assert!(done(&platform, "group.change").await.is_empty(), "what changes nothing leaves no entry");
    provider.patch(&path, &patch_of(json!([{"op": "remove", "path": "members"}]))).await.scim(200);
    provider.put(&path, &with(same, json!({"displayName": "Makers"}))).await.scim(200);
    provider.delete(&path).await.scim_nothing();
    for (action, count) in [("group.create", 1), ("group.change", 2), ("group.delete", 1)] {
        let entries = done(&platform, action).await;
        assert_eq!(entries.len(), count, "{action}: {entries:?}");
        for entry in entries {
            assert_eq!((entry.actor, entry.door.as_str()), (ActorRecord::Provisioner(provider.service), "scim"));
            assert_eq!((entry.subject, entry.company), (Some(group_id(&group).0), Some(acme.id)));
        }
    }
}
