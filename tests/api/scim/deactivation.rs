//! Who leaves by SCIM leaves as by any other door: all access has ended when the answer is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use offboard::domain::trail::TrailEntry;
use offboard::model::audit::ActorRecord;
use offboard::model::scope::{Scope, Scopes};
use offboard::model::token::TokenKind;
use offboard::model::user::Status;
use serde_json::{Value, json};

use super::{
    Gateway, Provider, USER, activity, address, counted, credentials, done, id_of, patch_of, person, refused, scene,
    text, user_id, with,
};
use crate::browser::Browser;
use crate::harness::{act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    every_credential_is_refused_when_the_answer_is_there,
    every_form_of_inactive_is_understood,
    what_one_node_ends_every_node_refuses,
    no_check_that_begins_after_the_answer_succeeds,
    no_live_credential_is_left_when_issuing_races_deactivation,
    a_deactivation_by_scim_is_recorded_like_any_other,
    deactivating_again_changes_nothing,
    the_last_admin_stays,
    whoever_is_deleted_has_lost_all_access,
    the_provider_of_another_company_ends_nobodys_access,
}

async fn every_credential_is_refused_when_the_answer_is_there(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let gateway = Gateway::registered(&platform).await;
    let control = platform.member(&acme, "control").await;
    for way in ["patch", "put", "delete"] {
        let user = provider.user(way).await;
        let path = format!("/Users/{user}");
        let held = credentials(&platform, user_id(&user), &address(way)).await;
        // Twice, so that every memory there may be is warm.
        for _ in 0..2 {
            assert_eq!((gateway.live(&held).await, platform.me(&held[0]).await.as_u16()), (3, 200), "{way}");
        }
        let status = match way {
            "patch" => provider.patch(&path, &activity(false)).await.status,
            "put" => provider.put(&path, &with(person(&address(way)), json!({"active": false}))).await.status,
            _ => provider.delete(&path).await.status,
        };
        assert!(status.is_success(), "{way}: {status}");
        assert_eq!((gateway.live(&held).await, platform.me(&held[0]).await.as_u16()), (0, 401), "{way}");
        let mut browser = Browser::new(&platform);
        let answer = browser.sign_in(&address(way), crate::browser::PASSWORD).await;
        assert!(answer.status != 303 && browser.cookie.is_none(), "{way}: {answer:?}");
        let browser = Browser { platform: &platform, cookie: Some(format!("offboard={}", held[2])) };
        assert_eq!(browser.call(reqwest::Method::GET, "/events", None, &[]).send().await.status, 401, "{way}");
    }
    assert_eq!(platform.me(&control.token).await, 200);
}

async fn every_form_of_inactive_is_understood(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::unguarded(&platform, &acme).await;
    let core = format!("{USER}:active");
    for (number, operations) in [
        json!([{"op": "replace", "path": "active", "value": false}]),
        json!([{"op": "Replace", "path": "active", "value": "False"}]),
        json!([{"op": "REPLACE", "path": "Active", "value": "false"}]),
        json!([{"op": "add", "path": "active", "value": "FALSE"}]),
        json!([{"op": "Add", "path": core, "value": false}]),
        json!([{"op": "replace", "value": {"active": false}}]),
        json!([{"op": "replace", "value": {"ACTIVE": "False"}}]),
        json!([{"op": "add", "value": {"active": "false", "id": "whatever", "favouriteColour": "green"}}]),
        json!([{"op": "replace", "path": "title", "value": "x"}, {"op": "replace", "value": {"active": false}}]),
        json!([{"op": "replace", "value": {"active": true}}, {"op": "replace", "path": "active", "value": false}]),
    ]
    .into_iter()
    .enumerate()
    {
        let user = provider.user(&format!("lee{number}")).await;
        let (_, token) = platform.token(user_id(&user), &Scope::ALL).await;
        let answer = provider.patch(&format!("/Users/{user}"), &patch_of(operations.clone())).await;
        assert_eq!(answer.scim(200)["active"], false, "{operations}");
        assert_eq!(provider.status(&user).await, Status::Deactivated, "{operations}");
        assert_eq!(platform.me(&token).await, 401, "{operations}");
    }
    for (number, value) in [json!(false), json!("False"), json!("false"), json!("FALSE")].into_iter().enumerate() {
        let name = format!("max{number}");
        let user = provider.user(&name).await;
        let sent = with(person(&address(&name)), json!({"active": value}));
        assert_eq!(provider.put(&format!("/Users/{user}"), &sent).await.scim(200)["active"], false, "{value}");
        assert_eq!(provider.status(&user).await, Status::Deactivated, "{value}");
    }
}

async fn what_one_node_ends_every_node_refuses(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::unguarded(&platform, &acme).await;
    let other = platform.another_node().await;
    for round in 0..10 {
        let user = provider.user(&format!("lee{round}")).await;
        let (_, token) = platform.token(user_id(&user), &Scope::ALL).await;
        for _ in 0..5 {
            assert_eq!(platform.me_at(&other, &token).await, 200, "warm every memory there may be");
        }
        provider.set_active(&user, false).await.scim(200);
        assert_eq!(platform.me_at(&other, &token).await, 401);
    }
}

async fn no_check_that_begins_after_the_answer_succeeds(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let platform = Arc::new(platform);
    let provider = Provider::unguarded(&platform, &acme).await;
    for round in 0..5 {
        let user = provider.user(&format!("lee{round}")).await;
        let (_, token) = platform.token(user_id(&user), &Scope::ALL).await;
        let (returned, let_in) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let checkers = (0..4).map(|_| {
            let (platform, token) = (Arc::clone(&platform), token.clone());
            let (returned, let_in) = (Arc::clone(&returned), Arc::clone(&let_in));
            tokio::spawn(async move {
                let mut after = 0;
                while after < 5 {
                    let began_after = returned.load(Ordering::SeqCst);
                    let status = platform.me(&token).await;
                    if began_after {
                        after += 1;
                        assert_eq!(status, 401, "a check that began after the answer was let in");
                    } else if status == 200 {
                        let_in.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        let checkers: Vec<_> = checkers.collect();
        while let_in.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        provider.set_active(&user, false).await.scim(200);
        returned.store(true, Ordering::SeqCst);
        for checker in checkers {
            checker.await.unwrap();
        }
    }
}

async fn no_live_credential_is_left_when_issuing_races_deactivation(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::unguarded(&platform, &acme).await;
    let gateway = Gateway::registered(&platform).await;
    let caller = operator();
    for round in 0..20 {
        let user = provider.user(&format!("lee{round}")).await;
        let issuing = [TokenKind::Pat, TokenKind::ApiKey, TokenKind::Pat, TokenKind::ApiKey]
            .map(|kind| platform.directory.issue_token(&caller, user_id(&user), kind, "race", Scopes::default(), None));
        let leaving = async {
            if round % 2 == 0 {
                provider.set_active(&user, false).await
            } else {
                provider.delete(&format!("/Users/{user}")).await
            }
        };
        let (issued, answer) = tokio::join!(join_all(issuing), leaving);
        assert!(answer.status.is_success(), "{answer:?}");
        let secrets: Vec<String> = issued.into_iter().flatten().map(|(_, secret)| secret.reveal().to_owned()).collect();
        assert_eq!(gateway.live(&secrets).await, 0, "round {round}");
    }
}

fn detail(entry: &TrailEntry) -> Value {
    serde_json::from_str(entry.detail.as_deref().unwrap()).unwrap()
}

async fn a_deactivation_by_scim_is_recorded_like_any_other(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    credentials(&platform, user_id(&user), &address("lee")).await;
    let answer = provider.set_active(&user, false).await;
    let entries = platform.trail_of("user.deactivate").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.actor, entry.door.as_str()), (ActorRecord::Provisioner(provider.service), "scim"));
    assert_eq!((entry.subject, entry.person), (Some(user_id(&user).0), Some(user_id(&user))));
    assert_eq!((entry.request, entry.address.as_deref()), (answer.request_id(), Some("127.0.0.1")));
    assert_eq!((entry.at, entry.company), (platform.now(), Some(acme.id)));
    assert_eq!(detail(entry), json!({"from": "active", "to": "deactivated", "sessionsEnded": 1, "tokensRevoked": 2}));
    provider.set_active(&user, true).await.scim(200);
    let returns = done(&platform, "user.reactivate").await;
    let [entry] = returns.as_slice() else { panic!("{returns:?}") };
    assert_eq!((entry.actor, entry.person), (ActorRecord::Provisioner(provider.service), Some(user_id(&user))));
    assert_eq!(counted(&platform, "offboard_deactivations_total").await, 1);
}

async fn deactivating_again_changes_nothing(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    let path = format!("/Users/{user}");
    let answers = join_all((0..20).map(|_| provider.set_active(&user, false))).await;
    assert!(answers.iter().all(|answer| answer.scim(200)["active"] == false));
    let first = provider.get(&path).await;
    platform.clock.advance(Duration::from_mins(5));
    for answer in [
        provider.set_active(&user, false).await,
        provider.patch(&path, &patch_of(json!([{"op": "Replace", "path": "active", "value": "False"}]))).await,
        provider.put(&path, &with(person(&address("lee")), json!({"active": false}))).await,
    ] {
        assert_eq!((answer.scim(200), answer.header("etag")), (first.scim(200), first.header("etag")));
    }
    assert_eq!(platform.trail_of("user.deactivate").await.len(), 1, "one act is recorded once");
    assert_eq!(counted(&platform, "offboard_deactivations_total").await, 1);
    provider.delete(&path).await.scim_nothing();
}

async fn the_last_admin_stays(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    let path = format!("/Users/{}", ada.id);
    let before = provider.read(&path).await;
    let changes = json!({"active": false, "title": "Nobody"});
    for answer in [
        provider.set_active(&ada.id.to_string(), false).await,
        provider.put(&path, &with(person(&ada.email), changes)).await,
        provider.delete(&path).await,
    ] {
        answer.scim_error(409);
    }
    assert_eq!(provider.read(&path).await, before);
    assert_eq!(platform.me(&ada.token).await, 200);
    let entries = refused(&platform, "last_admin").await;
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert!(entries.iter().all(|entry| entry.person == Some(ada.id) && entry.door == "scim"), "{entries:?}");
    let bob = platform.admin(&acme, "bob").await;
    let both = [ada.id.to_string(), bob.id.to_string()];
    let calls = both.iter().map(|id| provider.set_active(id, false));
    let mut statuses: Vec<u16> = join_all(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "of two who go at once one stays");
}

async fn whoever_is_deleted_has_lost_all_access(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let gateway = Gateway::registered(&platform).await;
    let first = provider.user("lee").await;
    let held = credentials(&platform, user_id(&first), &address("lee")).await;
    let answer = provider.delete(&format!("/Users/{first}")).await;
    answer.scim_nothing();
    let entries = done(&platform, "user.delete").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.request, entry.at), (answer.request_id(), platform.now()));
    assert_eq!((entry.actor, entry.person), (ActorRecord::Provisioner(provider.service), Some(user_id(&first))));
    assert_eq!(gateway.live(&held).await, 0);
    let second = provider.make(&person(&address("lee"))).await;
    assert_ne!(text(&second["id"]), first);
    assert_eq!(gateway.live(&held).await, 0, "the namesake gives them no new life");
    for action in ["deactivate", "reactivate", "resume"] {
        let (directory, who) = (&platform.directory, user_id(&first));
        let outcome = match action {
            "deactivate" => directory.deactivate(&operator(), who, act()).await,
            "reactivate" => directory.reactivate(&operator(), who, act()).await,
            _ => directory.resume(&operator(), who, act()).await,
        };
        assert!(outcome.is_err(), "{action}: {outcome:?}");
    }
    let fresh = credentials(&platform, user_id(&id_of(&second)), &address("lee")).await;
    assert_eq!(gateway.live(&fresh).await, 3);
}

async fn the_provider_of_another_company_ends_nobodys_access(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let globex = platform.company("Globex").await;
    let provider = Provider::connected(&platform, &globex).await;
    let lee = platform.member(&acme, "lee").await;
    let path = format!("/Users/{}", lee.id);
    for answer in [
        provider.set_active(&lee.id.to_string(), false).await,
        provider.put(&path, &with(person("lee@globex.example"), json!({"active": false}))).await,
        provider.delete(&path).await,
    ] {
        answer.scim_error(404);
    }
    assert_eq!(platform.me(&lee.token).await, 200);
    let trail = platform.trail().await;
    let is_left_alone = trail.iter().all(|entry| entry.company != Some(acme.id) || entry.door != "scim");
    assert!(is_left_alone, "nothing stands in the other company's trail");
}
