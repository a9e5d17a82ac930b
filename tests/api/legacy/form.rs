//! The form of requests: numbers, bodies, names of users, methods, paths.

use offboard::model::user::{Role, Status};
use reqwest::Method;
use serde_json::json;

use super::{BASE, Script, done, encoded, group, open_id, refused, start, status_of, told, user_path};
use crate::harness::{act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    what_is_no_number_in_range_is_400,
    the_body_is_json_whatever_its_type_says,
    what_is_no_status_is_400_and_changes_nothing,
    a_missing_member_is_told_from_a_bad_one,
    an_open_id_in_a_path_stands_percent_encoded,
    what_names_nobody_is_400,
    another_method_is_405,
    an_unknown_path_is_404_in_this_apis_words,
    a_large_body_is_413,
}

async fn what_is_no_number_in_range_is_400(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let developers = group(&platform, &acme, "Developers").await;
    for path in ["/users".to_owned(), "/groups".to_owned(), format!("/groups/{developers}/users")] {
        for query in
            ["offset=-1", "offset=x", "offset=", "offset=1.5", "limit=-2", "limit=all", "limit=99999999999999999999"]
        {
            let text = refused(&cal.get(&format!("{path}?{query}")).await, 400, "BAD_PARAMETER");
            assert!(text.contains(query.split('=').next().unwrap()), "{query}: {text}");
        }
        told(&cal.get(&format!("{path}?offset=0&limit=9223372036854775807")).await);
    }
}

async fn the_body_is_json_whatever_its_type_says(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    for (number, kind) in
        ["application/json", "application/x-www-form-urlencoded", "text/plain", "nonsense", ""].into_iter().enumerate()
    {
        let lee = platform.member(&acme, &format!("lee{number}")).await;
        let call = cal.call(Method::PUT, &user_path(lee.id)).header("content-type", kind);
        done(&call.body(" {\"activeStatus\" : false, \"more\": [1]}\n").send().await);
        assert_eq!(status_of(&platform, &lee).await, Status::Deactivated, "{kind}");
    }
}

async fn what_is_no_status_is_400_and_changes_nothing(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let (lee, gone) = (platform.member(&acme, "lee").await, platform.member(&acme, "gone").await);
    platform.directory.deactivate(&operator(), gone.id, act()).await.unwrap();
    let before = platform.trail().await.len();
    for body in [
        "{",
        "null",
        "false",
        "[]",
        "[false]",
        "activeStatus=false",
        r#"{"activeStatus":null}"#,
        r#"{"activeStatus":"false"}"#,
        r#"{"activeStatus":0}"#,
        r#"{"activeStatus":[false]}"#,
        r#"{"activeStatus":false,"activeStatus":false}"#,
        r#"{"activeStatus":false} {}"#,
        "\u{feff}{\"activeStatus\":false}",
    ] {
        for (method, person) in [(Method::PUT, &lee), (Method::POST, &gone)] {
            refused(&cal.send(method, &user_path(person.id), body).await, 400, "BAD_PARAMETER");
        }
    }
    let call = cal.call(Method::PUT, &user_path(lee.id)).body(b"{\"activeStatus\":false,\"x\":\"\xff\"}".to_vec());
    refused(&call.send().await, 400, "BAD_PARAMETER");
    assert_eq!(platform.me(&lee.token).await, 200);
    assert_eq!(status_of(&platform, &gone).await, Status::Deactivated);
    assert_eq!(platform.trail().await.len(), before);
}

async fn a_missing_member_is_told_from_a_bad_one(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let id = group(&platform, &acme, "Developers").await;
    let (one, members) = (format!("/groups/{id}"), format!("/groups/{id}/users"));
    for (method, path, member) in [
        (Method::POST, "/groups", "name"),
        (Method::PUT, one.as_str(), "name"),
        (Method::POST, members.as_str(), "openId"),
    ] {
        for body in
            ["", "{}", r#"{"name":null,"openId":null}"#, r#"{"description":"x"}"#, r#"{"Name":"x","OpenId":"x"}"#]
        {
            let text = refused(&cal.send(method.clone(), path, body).await, 400, "PARAMETER_MISSING");
            assert!(text.contains(&format!("'{member}'")), "{text}");
        }
        for body in ["{", "null", "[]", "x", r#"{"name":1,"openId":1}"#, r#"{"name":["x"],"openId":["x"]}"#] {
            refused(&cal.send(method.clone(), path, body).await, 400, "BAD_PARAMETER");
        }
    }
    let long = json!({"name": "x".repeat(1001)}).to_string();
    for body in [
        r#"{"name":""}"#,
        r#"{"name":"   "}"#,
        r#"{"name":"a\nb"}"#,
        r#"{"name":"a\u202eb"}"#,
        r#"{"name":"x","description":1}"#,
        r#"{"name":"x","userGroupLocked":"true"}"#,
        r#"{"name":"x","name":"y"}"#,
        long.as_str(),
    ] {
        for (method, path) in [(Method::POST, "/groups"), (Method::PUT, one.as_str())] {
            refused(&cal.send(method, path, body).await, 400, "BAD_PARAMETER");
        }
    }
    let list = told(&cal.get("/groups").await);
    assert_eq!((&list["count"], &list["groups"][0]["name"]), (&json!(1), &json!("Developers")), "nothing was done");
}

async fn an_open_id_in_a_path_stands_percent_encoded(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let id = group(&platform, &acme, "Developers").await;
    let lee = platform.member(&acme, "lee").await;
    let uuid = lee.id;
    for name in [
        format!("http%3A%2F%2Flocalhost%2Fmxid2%2Fid%3Fid%3D{uuid}"),
        format!("http%3a%2f%2flocalhost%2fmxid2%2fid%3fid%3d{uuid}"),
        format!("http:%2F%2Flocalhost%2Fmxid2%2Fid%3Fid={uuid}"),
        format!("https%3A%2F%2Fmxid2.platform.example%3A8443%2Fbehind%2Fmxid2%2Fid%3Fid%3D{uuid}"),
    ] {
        done(&cal.send(Method::PUT, &format!("/users/{name}"), r#"{"activeStatus":false}"#).await);
        assert_eq!(status_of(&platform, &lee).await, Status::Deactivated, "{name}");
        done(&cal.send(Method::PUT, &format!("/users/{name}"), r#"{"activeStatus":true}"#).await);
        assert_eq!(status_of(&platform, &lee).await, Status::Active, "{name}");
        let add = json!({"openId": open_id(uuid)}).to_string();
        done(&cal.send(Method::POST, &format!("/groups/{id}/users"), &add).await);
        done(&cal.call(Method::DELETE, &format!("/groups/{id}/users/{name}")).send().await);
        assert_eq!(platform.directory.group(acme.id, id).await.unwrap().member_count, 0, "{name}");
    }
    let plain = format!("/users/http://localhost/mxid2/id?id={uuid}");
    refused(&cal.send(Method::PUT, &plain, r#"{"activeStatus":false}"#).await, 404, "RESOURCE_NOT_FOUND");
    assert_eq!(status_of(&platform, &lee).await, Status::Active);
}

async fn what_names_nobody_is_400(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let id = group(&platform, &acme, "Developers").await;
    let lee = platform.member(&acme, "lee").await;
    let uuid = lee.id.to_string();
    for wrong in [
        uuid.clone(),
        "x".to_owned(),
        "http://localhost/mxid2/id?id=".to_owned(),
        format!("localhost/mxid2/id?id={uuid}"),
        format!("ftp://localhost/mxid2/id?id={uuid}"),
        format!("http://localhost/mxid2/id?uuid={uuid}"),
        format!("http://localhost/mxid2/id?id={}", uuid.to_uppercase()),
        format!("http://localhost/mxid2/id?id={uuid}&more=1"),
    ] {
        let answers = [
            cal.send(Method::PUT, &format!("/users/{}", encoded(&wrong)), r#"{"activeStatus":false}"#).await,
            cal.call(Method::DELETE, &format!("/groups/{id}/users/{}", encoded(&wrong))).send().await,
            cal.send(Method::POST, &format!("/groups/{id}/users"), &json!({"openId": wrong}).to_string()).await,
        ];
        for answer in answers {
            assert!(refused(&answer, 400, "BAD_PARAMETER").contains("/mxid2/id?id="), "{wrong}");
        }
    }
    for wrong in ["%20", "%ff", "..%2f", &"0".repeat(5000)] {
        refused(&cal.send(Method::PUT, &format!("/users/{wrong}"), "").await, 400, "BAD_PARAMETER");
    }
    assert_eq!(platform.me(&lee.token).await, 200);
}

async fn another_method_is_405(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    for (path, allowed) in [
        ("/users", "GET,HEAD"),
        ("/users/by-email/x", "GET,HEAD"),
        ("/users/x", "POST,PUT"),
        ("/groups", "GET,HEAD,POST"),
        ("/groups/x", "DELETE,GET,HEAD,PUT"),
        ("/groups/by-name/x", "GET,HEAD"),
        ("/groups/x/users", "GET,HEAD,POST"),
        ("/groups/x/users/y", "DELETE"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if allowed.split(',').any(|one| one == method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let without = platform.call(method.clone(), &format!("{BASE}{path}"));
            for call in [cal.call(method.clone(), path), without] {
                let answer = call.send().await;
                refused(&answer, 405, "METHOD_NOT_ALLOWED");
                let mut allow: Vec<&str> = answer.header("allow").split(',').collect();
                allow.sort_unstable();
                assert_eq!(allow.join(","), allowed, "{method} {path}");
            }
        }
    }
}

async fn an_unknown_path_is_404_in_this_apis_words(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    for path in [
        "",
        "/",
        "/x",
        "/userss",
        "/users/",
        "/users/a/b",
        "/users/by-email/",
        "/users/by-email/a/b",
        "/groups/",
        "/groups/by-name/",
        "/groups/x/members",
        "/groups/x/users/",
        "/groups/x/users/y/z",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            refused(&cal.call(method.clone(), path).send().await, 404, "RESOURCE_NOT_FOUND");
            let without = platform.call(method, &format!("{BASE}{path}")).send().await;
            refused(&without, 404, "RESOURCE_NOT_FOUND");
        }
    }
    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    assert!(!metrics.contains("userss"), "a stranger must not make labels");
}

async fn a_large_body_is_413(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let (cal, lee) =
        (Script::of(&platform, &acme, "cal", Role::CompanyManager).await, platform.member(&acme, "lee").await);
    let body = |size: usize| format!("{{\"activeStatus\":false}}{}", " ".repeat(size - 22));
    refused(&cal.send(Method::PUT, &user_path(lee.id), &body(4097)).await, 413, "PAYLOAD_TOO_LARGE");
    assert_eq!(platform.me(&lee.token).await, 200);
    done(&cal.send(Method::PUT, &user_path(lee.id), &body(4096)).await);
}
