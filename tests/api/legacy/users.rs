//! Users: found, listed, deactivated, let back in.

use std::time::Duration;

use offboard::domain::companies::Change;
use offboard::model::audit::{ActorRecord, Proof};
use offboard::model::company::GuardedDoors;
use offboard::model::id::UserId;
use offboard::model::user::{Role, Status};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Script, done, encoded, open_id, people, refused, start, status_of, told, user_path};
use crate::browser::Browser;
use crate::harness::{act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_user_is_found_by_address,
    users_are_listed_searched_and_paged,
    deactivating_ends_all_access_and_is_audited_as_this_door,
    deactivating_again_changes_nothing,
    who_is_let_back_in_has_no_credential,
    a_suspended_user_wakes_up_with_what_he_has,
    nobody_deactivates_himself_or_the_last_admin,
    a_company_may_guard_this_door_too,
    a_misspelt_deactivation_is_no_reactivation,
}

async fn a_user_is_found_by_address(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let (lee, jose) = (platform.member(&acme, "lee").await, platform.member(&acme, "jos\u{e9}").await);
    for written in ["lee@acme.example", "LEE@Acme.Example", "lee%40acme.example"] {
        let found = told(&max.get(&format!("/users/by-email/{written}")).await);
        assert_eq!(found, json!({"openId": open_id(lee.id)}), "{written}");
    }
    let found = told(&max.get(&format!("/users/by-email/{}", encoded("JOSE\u{301}@acme.example"))).await);
    assert_eq!(found, json!({"openId": open_id(jose.id)}));
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    let found = told(&max.get("/users/by-email/lee@acme.example").await);
    assert_eq!(found, json!({"openId": open_id(lee.id)}), "a deactivated user is found too, to be let back in");

    refused(&max.get("/users/by-email/nobody@acme.example").await, 404, "RESOURCE_NOT_FOUND");
    for wrong in ["lee", "@acme.example", "%20", "%ff", "a%20b@acme.example", &"a".repeat(201)] {
        refused(&max.get(&format!("/users/by-email/{wrong}")).await, 400, "BAD_PARAMETER");
    }
}

async fn users_are_listed_searched_and_paged(engine: Engine) {
    let platform = start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let (lee1, max) = (platform.member(&acme, "lee1").await, platform.member(&acme, "max").await);
    let lee2 = platform.member(&acme, "lee2").await;
    platform.member(&globex, "lee3").await;
    platform.directory.deactivate(&operator(), max.id, act()).await.unwrap();
    let all = [cal.id, lee1.id, lee2.id, max.id];
    let questions: [(&str, &[UserId], u64); 10] = [
        ("", &all, 4),
        ("?limit=-1&offset=0&search=", &all, 4),
        ("?search=LEE", &all[1..3], 2),
        ("?search=acme.example", &all, 4),
        ("?search=lee&offset=1", &all[2..3], 2),
        ("?search=nobody", &[], 0),
        ("?offset=1&limit=2", &all[1..3], 4),
        ("?offset=3", &all[3..], 4),
        ("?offset=9", &[], 4),
        ("?limit=0", &[], 4),
    ];
    for (query, users, count) in questions {
        assert_eq!(told(&cal.get(&format!("/users{query}")).await), people(users, count), "{query}");
    }
    let one = cal.get("/users?search=max").await;
    assert_eq!(one.body, format!(r#"{{"users":[{{"openId":"{}"}}],"count":1}}"#, open_id(max.id)));
}

async fn deactivating_ends_all_access_and_is_audited_as_this_door(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let lee = platform.member(&acme, "lee").await;
    let control = platform.member(&acme, "control").await;
    platform.with_password(lee.id).await;
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let own = Script::by(&platform, &lee).await;
    assert!(browser.is_let_in().await);
    assert_eq!((platform.me(&lee.token).await.as_u16(), own.status().await), (200, 403));

    let answer = max.deactivate(lee.id).await;
    done(&answer);
    assert!(!browser.is_let_in().await);
    assert_eq!((platform.me(&lee.token).await.as_u16(), own.status().await), (401, 401));
    assert_eq!((platform.me(&control.token).await.as_u16(), max.status().await), (200, 200), "others are as before");

    let entries = platform.trail_of("user.deactivate").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.actor, ActorRecord::User(max.id, Proof::Token(max.key_id)));
    assert_eq!((entry.subject, entry.person, entry.company), (Some(lee.id.0), Some(lee.id), Some(acme.id)));
    assert_eq!((entry.refusal.as_deref(), entry.door.as_str()), (None, "user_management_api"));
    assert_eq!((entry.request, entry.address.as_deref()), (answer.request_id(), Some("127.0.0.1")));
    let detail: Value = serde_json::from_str(entry.detail.as_deref().unwrap()).unwrap();
    assert_eq!((&detail["from"], &detail["to"]), (&json!("active"), &json!("deactivated")));
    assert_eq!((&detail["sessionsEnded"], &detail["tokensRevoked"]), (&json!(1), &json!(2)));
    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    assert!(metrics.contains("offboard_deactivations_total 1"), "{metrics}");
}

async fn deactivating_again_changes_nothing(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let lee = platform.member(&acme, "lee").await;
    done(&cal.deactivate(lee.id).await);
    let first = platform.directory.find_user(&lee.email).await.unwrap().status_since;
    platform.clock.advance(Duration::from_secs(60));
    let calls = (0..20).map(|_| cal.deactivate(lee.id));
    for answer in futures_util::future::join_all(calls).await {
        done(&answer);
    }
    assert_eq!(platform.directory.find_user(&lee.email).await.unwrap().status_since, first);
    assert_eq!(platform.trail_of("user.deactivate").await.len(), 1);
}

async fn who_is_let_back_in_has_no_credential(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let requests = [
        (Method::PUT, r#"{"activeStatus":true}"#),
        (Method::PUT, "{}"),
        (Method::PUT, ""),
        (Method::PUT, " \n"),
        (Method::PUT, r#"{"other":false}"#),
        (Method::POST, r#"{"activeStatus":true}"#),
        (Method::POST, ""),
    ];
    let count = requests.len();
    for (number, (method, body)) in requests.into_iter().enumerate() {
        let lee = platform.member(&acme, &format!("lee{number}")).await;
        let own = Script::by(&platform, &lee).await;
        done(&max.send(Method::POST, &user_path(lee.id), r#"{"activeStatus":false}"#).await);
        assert_eq!(status_of(&platform, &lee).await, Status::Deactivated);
        done(&max.send(method.clone(), &user_path(lee.id), body).await);
        assert_eq!(status_of(&platform, &lee).await, Status::Active, "{method} {body:?}");
        assert_eq!((platform.me(&lee.token).await.as_u16(), own.status().await), (401, 401), "nothing of before works");
        done(&max.send(method, &user_path(lee.id), body).await);
    }
    let entries = platform.trail_of("user.reactivate").await;
    assert_eq!(entries.len(), count, "again changes nothing");
    assert!(entries.iter().all(|entry| entry.door == "user_management_api" && entry.refusal.is_none()), "{entries:?}");
}

async fn a_suspended_user_wakes_up_with_what_he_has(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let lee = platform.member(&acme, "lee").await;
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(platform.me(&lee.token).await, 401);
    done(&max.send(Method::PUT, &user_path(lee.id), r#"{"activeStatus":true}"#).await);
    assert_eq!((platform.me(&lee.token).await.as_u16(), status_of(&platform, &lee).await), (200, Status::Active));
    let entries = platform.trail_of("user.resume").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.door.as_str(), entry.subject), ("user_management_api", Some(lee.id.0)));

    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    done(&max.deactivate(lee.id).await);
    assert_eq!(status_of(&platform, &lee).await, Status::Deactivated);
}

async fn nobody_deactivates_himself_or_the_last_admin(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, bob) = (platform.admin(&acme, "ada").await, platform.admin(&acme, "bob").await);
    let (cal, own) =
        (Script::of(&platform, &acme, "cal", Role::CompanyManager).await, Script::by(&platform, &ada).await);
    for script in [&cal, &own] {
        refused(&script.deactivate(script.id).await, 403, "FORBIDDEN");
        assert_eq!(script.status().await, 200);
    }
    done(&cal.deactivate(bob.id).await);
    let text = refused(&cal.deactivate(ada.id).await, 403, "FORBIDDEN");
    assert!(text.contains("without an active Mendix Admin"), "{text}");
    assert_eq!((platform.me(&ada.token).await.as_u16(), status_of(&platform, &ada).await), (200, Status::Active));
    let reasons: Vec<Option<String>> =
        platform.trail_of("user.deactivate").await.into_iter().map(|entry| entry.refusal).collect();
    let expected = [Some("oneself"), Some("oneself"), None, Some("last_admin")];
    assert_eq!(reasons, expected.map(|reason| reason.map(str::to_owned)));
}

async fn a_company_may_guard_this_door_too(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let (one, two, three) = (
        platform.member(&acme, "one").await,
        platform.member(&acme, "two").await,
        platform.member(&acme, "three").await,
    );
    let window = Duration::from_secs(3600);
    let guard = Change::Guard { doors: GuardedDoors::All, count: 1, percent: 100, window };
    platform.directory.change_company(&operator(), acme.id, guard).await.unwrap();
    done(&cal.deactivate(one.id).await);
    let text = refused(&cal.deactivate(two.id).await, 403, "FORBIDDEN");
    assert!(text.contains("confirmed by a Mendix Admin"), "{text}");
    assert_eq!(status_of(&platform, &two).await, Status::Active);
    done(&cal.deactivate(one.id).await);
    platform.clock.advance(Duration::from_secs(1));
    platform.directory.confirm_guard(&operator(), acme.id, 1).await.unwrap();
    platform.clock.advance(Duration::from_secs(1));
    done(&cal.deactivate(two.id).await);
    refused(&cal.deactivate(three.id).await, 403, "FORBIDDEN");
    platform.clock.advance(2 * window);
    done(&cal.deactivate(three.id).await);
}

async fn a_misspelt_deactivation_is_no_reactivation(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let lee = platform.member(&acme, "lee").await;
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    for body in [r#"{"active":false}"#, r#"{"activestatus":false}"#, r#"{"ActiveStatus":false}"#] {
        refused(&max.send(Method::PUT, &user_path(lee.id), body).await, 400, "PARAMETER_MISSING");
        assert_eq!(status_of(&platform, &lee).await, Status::Deactivated, "{body}");
    }
}
