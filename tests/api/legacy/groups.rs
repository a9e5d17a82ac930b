//! Groups and their members: made, found, changed, deleted.

use offboard::domain::groups::NewGroup;
use offboard::model::audit::{ActorRecord, Proof};
use offboard::model::group::Rights;
use offboard::model::id::{GroupId, UserId};
use offboard::model::scope::Scopes;
use offboard::model::user::Role;
use reqwest::Method;
use serde_json::json;

use super::{BASE, NOBODY, Script, announced, done, encoded, group, open_id, people, refused, start, told};
use crate::harness::{Person, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_group_is_made_changed_and_deleted,
    a_group_is_found_by_uuid_and_by_name,
    groups_are_listed_searched_and_paged,
    a_groups_name_is_there_once,
    members_are_added_listed_and_removed,
    a_locked_group_is_changed_here_all_the_same,
    the_membership_of_a_group_that_gives_rights_is_for_admins,
    each_change_of_a_group_leaves_one_entry,
}

async fn a_group_is_made_changed_and_deleted(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let made = cal.send(Method::POST, "/groups", r#"{"name":"Developers"}"#).await;
    announced(&made);
    let made = (made.status.as_u16(), made.json());
    let uuid = made.1["uuid"].as_str().unwrap().to_owned();
    let get_url = format!("http://localhost{BASE}/groups/{uuid}");
    assert_eq!(made, (201, json!({"uuid": uuid, "getUrl": get_url})));
    assert!(GroupId::parse(&uuid).is_ok(), "{uuid}");

    let path = format!("/groups/{uuid}");
    let shown = async || told(&cal.get(&path).await);
    let described = |name: &str, description: &str, locked: bool| {
        let mut described = json!({"uuid": uuid, "memberCount": 0, "userGroupLocked": locked});
        described["name"] = name.into();
        described["description"] = description.into();
        described
    };
    assert_eq!(shown().await, described("Developers", "", false));
    let body = r#"{"name":"Devs","description":"Who may deploy","userGroupLocked":true}"#;
    done(&cal.send(Method::PUT, &path, body).await);
    assert_eq!(shown().await, described("Devs", "Who may deploy", true));
    done(&cal.send(Method::PUT, &path, r#"{"name":"Makers"}"#).await);
    assert_eq!(shown().await, described("Makers", "Who may deploy", true), "what is left out stays");
    done(&cal.send(Method::PUT, &path, r#"{"name":"Makers","description":"","userGroupLocked":false}"#).await);
    assert_eq!(shown().await, described("Makers", "", false));

    done(&cal.call(Method::DELETE, &path).send().await);
    for method in [Method::GET, Method::DELETE] {
        refused(&cal.call(method, &path).send().await, 404, "RESOURCE_NOT_FOUND");
    }
    refused(&cal.send(Method::PUT, &path, r#"{"name":"Makers"}"#).await, 404, "RESOURCE_NOT_FOUND");

    let whole = r#"{"name":"  Testers ","description":" All ","userGroupLocked":true}"#;
    let made = cal.send(Method::POST, "/groups", whole).await.json();
    let shown = told(&cal.get(&format!("/groups/{}", made["uuid"].as_str().unwrap())).await);
    assert_eq!(
        (&shown["name"], &shown["description"], &shown["userGroupLocked"]),
        (&json!("Testers"), &json!("All"), &json!(true))
    );
}

async fn a_group_is_found_by_uuid_and_by_name(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    for name in ["Developers", "D\u{e9}v \u{1f680} team", "a/b?c=d", "users", "by-name"] {
        let id = group(&platform, &acme, name).await;
        let found = told(&max.get(&format!("/groups/by-name/{}", encoded(name))).await);
        assert_eq!((&found["uuid"], &found["name"]), (&json!(id.to_string()), &json!(name)));
        assert_eq!(told(&max.get(&format!("/groups/{id}")).await), found);
        refused(&max.get(&format!("/groups/by-name/{id}")).await, 404, "RESOURCE_NOT_FOUND");
    }
    refused(&max.get("/groups/by-name/Nobody").await, 404, "RESOURCE_NOT_FOUND");
    refused(&max.get(&format!("/groups/{NOBODY}")).await, 404, "RESOURCE_NOT_FOUND");
    for wrong in ["x", "%20", "%ff", "Developers", &NOBODY.replace('-', ""), "1B4E28BA-2FA1-41D2-883F-0016D3CCA427"] {
        for path in [format!("/groups/{wrong}"), format!("/groups/{wrong}/users")] {
            refused(&max.get(&path).await, 400, "BAD_PARAMETER");
        }
    }
}

async fn groups_are_listed_searched_and_paged(engine: Engine) {
    let platform = start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    group(&platform, &globex, "Beta of others").await;
    for name in ["beta two", "Alpha", "Beta"] {
        group(&platform, &acme, name).await;
    }
    let all = ["Alpha", "Beta", "beta two"];
    let questions: [(&str, &[&str], u64); 8] = [
        ("", &all, 3),
        ("?search=BETA", &all[1..], 2),
        ("?search=ta+t", &all[2..], 1),
        ("?search=beta&limit=1", &all[1..2], 2),
        ("?offset=1&limit=1", &all[1..2], 3),
        ("?offset=3", &[], 3),
        ("?limit=0", &[], 3),
        ("?search=nothing", &[], 0),
    ];
    for (query, names, count) in questions {
        let list = told(&max.get(&format!("/groups{query}")).await);
        let found: Vec<&str> =
            list["groups"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
        assert_eq!((found, &list["count"]), (names.to_vec(), &json!(count)), "{query}");
        assert_eq!(list.as_object().unwrap().len(), 2);
    }
    let list = told(&max.get("/groups?search=alpha").await);
    let shown = told(&max.get("/groups/by-name/Alpha").await);
    assert_eq!(list["groups"], json!([shown]));
}

async fn a_groups_name_is_there_once(engine: Engine) {
    let platform = start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    group(&platform, &acme, "Developers").await;
    let testers = group(&platform, &acme, "Testers").await;
    group(&platform, &globex, "Makers").await;
    for name in ["Developers", "DEVELOPERS"] {
        let body = json!({"name": name}).to_string();
        refused(&cal.send(Method::POST, "/groups", &body).await, 409, "RESOURCE_ALREADY_EXISTS");
        refused(&cal.send(Method::PUT, &format!("/groups/{testers}"), &body).await, 409, "RESOURCE_ALREADY_EXISTS");
    }
    assert_eq!(platform.directory.group(acme.id, testers).await.unwrap().name, "Testers");
    done(&cal.send(Method::PUT, &format!("/groups/{testers}"), r#"{"name":"TESTERS"}"#).await);
    let made = cal.send(Method::POST, "/groups", r#"{"name":"Makers"}"#).await;
    assert_eq!(made.status, 201, "another company's names are free: {made:?}");
}

async fn members_are_added_listed_and_removed(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let (ann, ben) = (platform.member(&acme, "ann").await, platform.member(&acme, "ben").await);
    let id = group(&platform, &acme, "Developers").await;
    let path = format!("/groups/{id}/users");
    let member = |user: UserId| format!("{path}/{}", encoded(&open_id(user)));
    assert_eq!(told(&max.get(&path).await), people(&[], 0));
    for user in [ben.id, ann.id, ann.id] {
        done(&max.send(Method::POST, &path, &json!({"openId": open_id(user)}).to_string()).await);
    }
    assert_eq!(told(&max.get(&path).await), people(&[ann.id, ben.id], 2), "by address, each once");
    assert_eq!(told(&max.get(&format!("{path}?offset=1&limit=5")).await), people(&[ben.id], 2));
    assert_eq!(told(&max.get(&format!("{path}?limit=1")).await), people(&[ann.id], 2));
    assert_eq!(told(&max.get(&format!("/groups/{id}")).await)["memberCount"], 2);

    for _ in 0..2 {
        done(&max.call(Method::DELETE, &member(ann.id)).send().await);
        assert_eq!(told(&max.get(&path).await), people(&[ben.id], 1));
    }
    assert_eq!(told(&max.get(&format!("/groups/{id}")).await)["memberCount"], 1);

    let nobody = open_id(UserId::parse(NOBODY).unwrap());
    let body = json!({"openId": nobody}).to_string();
    refused(&max.send(Method::POST, &path, &body).await, 404, "RESOURCE_NOT_FOUND");
    let answer = max.call(Method::DELETE, &format!("{path}/{}", encoded(&nobody))).send().await;
    refused(&answer, 404, "RESOURCE_NOT_FOUND");
    let elsewhere = format!("/groups/{NOBODY}/users");
    refused(&max.get(&elsewhere).await, 404, "RESOURCE_NOT_FOUND");
    let body = json!({"openId": open_id(ann.id)}).to_string();
    refused(&max.send(Method::POST, &elsewhere, &body).await, 404, "RESOURCE_NOT_FOUND");
    let path = format!("{elsewhere}/{}", encoded(&open_id(ann.id)));
    refused(&max.call(Method::DELETE, &path).send().await, 404, "RESOURCE_NOT_FOUND");
}

async fn a_locked_group_is_changed_here_all_the_same(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let lee = platform.member(&acme, "lee").await;
    let body = r#"{"name":"Developers","userGroupLocked":true}"#;
    let made = cal.send(Method::POST, "/groups", body).await.json();
    let path = format!("/groups/{}", made["uuid"].as_str().unwrap());
    done(&cal.send(Method::PUT, &path, r#"{"name":"Makers","description":"Who make"}"#).await);
    done(&cal.send(Method::POST, &format!("{path}/users"), &json!({"openId": open_id(lee.id)}).to_string()).await);
    let shown = told(&cal.get(&path).await);
    assert_eq!(
        (&shown["name"], &shown["memberCount"], &shown["userGroupLocked"]),
        (&json!("Makers"), &json!(1), &json!(true))
    );
    let member = format!("{path}/users/{}", encoded(&open_id(lee.id)));
    done(&cal.call(Method::DELETE, &member).send().await);
    done(&cal.call(Method::DELETE, &path).send().await);
}

async fn the_membership_of_a_group_that_gives_rights_is_for_admins(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = Script::of(&platform, &acme, "ada", Role::MendixAdmin).await;
    let (lee, zed) = (platform.member(&acme, "lee").await, platform.member(&acme, "zed").await);
    let rights = Rights { role: Some(Role::MendixAdmin), scopes: Scopes::default() };
    let new = NewGroup { name: "Admins".to_owned(), rights, members: vec![zed.id], ..NewGroup::default() };
    let id = platform.directory.create_group(&operator(), acme.id, new).await.unwrap().id;
    let path = format!("/groups/{id}/users");
    let (add, remove) =
        (json!({"openId": open_id(lee.id)}).to_string(), format!("{path}/{}", encoded(&open_id(zed.id))));
    let role = async |person: &Person| platform.directory.find_user(&person.email).await.unwrap().role;
    assert_eq!((role(&lee).await, role(&zed).await), (Role::Member, Role::MendixAdmin));
    for (name, manager) in [("max", Role::MemberManager), ("cal", Role::CompanyManager)] {
        let script = Script::of(&platform, &acme, name, manager).await;
        let own = json!({"openId": open_id(script.id)}).to_string();
        for answer in [
            script.send(Method::POST, &path, &add).await,
            script.send(Method::POST, &path, &own).await,
            script.call(Method::DELETE, &remove).send().await,
            script.call(Method::DELETE, &format!("/groups/{id}")).send().await,
        ] {
            refused(&answer, 403, "FORBIDDEN");
        }
        assert_eq!((role(&lee).await, role(&zed).await), (Role::Member, Role::MendixAdmin), "{name}");
        assert_eq!(platform.directory.find_user(&script.email).await.unwrap().role, manager);
        assert_eq!(told(&script.get(&path).await), people(&[zed.id], 1));
    }
    done(&ada.send(Method::POST, &path, &add).await);
    done(&ada.call(Method::DELETE, &remove).send().await);
    assert_eq!((role(&lee).await, role(&zed).await), (Role::MendixAdmin, Role::Member));
}

async fn each_change_of_a_group_leaves_one_entry(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let lee = platform.member(&acme, "lee").await;
    let before = platform.trail().await.len();
    let made = cal.send(Method::POST, "/groups", r#"{"name":"Developers"}"#).await;
    let path = format!("/groups/{}", made.json()["uuid"].as_str().unwrap());
    let (members, add) = (format!("{path}/users"), json!({"openId": open_id(lee.id)}).to_string());
    let member = format!("{members}/{}", encoded(&open_id(lee.id)));
    let answers = [
        ("group.create", made),
        ("group.change", cal.send(Method::PUT, &path, r#"{"name":"Makers"}"#).await),
        ("", cal.send(Method::PUT, &path, r#"{"name":"Makers"}"#).await),
        ("group.change", cal.send(Method::POST, &members, &add).await),
        ("", cal.send(Method::POST, &members, &add).await),
        ("group.change", cal.call(Method::DELETE, &member).send().await),
        ("", cal.call(Method::DELETE, &member).send().await),
        ("group.delete", cal.call(Method::DELETE, &path).send().await),
        ("", cal.get("/groups").await),
    ];
    let expected: Vec<_> = answers
        .iter()
        .filter(|(action, _)| !action.is_empty())
        .map(|(action, answer)| ((*action).to_owned(), answer.request_id()))
        .collect();
    let entries = platform.trail().await.split_off(before);
    let found: Vec<_> = entries.iter().map(|entry| (entry.action.clone(), entry.request)).collect();
    assert_eq!(found, expected);
    for entry in entries {
        assert_eq!((entry.door.as_str(), entry.refusal.as_deref()), ("user_management_api", None));
        assert_eq!(entry.actor, ActorRecord::User(cal.id, Proof::Token(cal.key_id)));
        assert_eq!(entry.company, Some(acme.id));
    }
}
