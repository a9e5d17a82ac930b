//! Who may let somebody back in: a provider, whom it stopped itself; whom others stopped, only where the company says
//! that the provider is the authority.

use offboard::domain::companies::Change;
use offboard::model::audit::ActorRecord;
use offboard::model::scope::Scope;
use offboard::model::user::Status;
use serde_json::json;

use super::{
    ENTERPRISE, Gateway, Provider, address, credentials, done, id_of, ids, patch_of, person, refused, scene, user_id,
    with,
};
use crate::browser::Browser;
use crate::harness::{act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    who_comes_back_comes_without_credentials,
    without_active_the_status_stays,
    who_was_stopped_by_hand_is_not_let_back_in,
    a_refused_return_changes_nothing_else,
    a_sync_that_stops_somebody_again_does_not_take_him_over,
    who_was_stopped_by_hand_does_not_come_back_as_somebody_new,
    who_was_stopped_by_hand_does_not_come_back_under_another_name,
    where_the_provider_is_the_authority_it_lets_everybody_back_in,
    who_is_suspended_is_inactive_and_may_be_deactivated,
    who_is_deactivated_by_hand_as_well_is_not_let_back_in,
}

async fn who_comes_back_comes_without_credentials(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let gateway = Gateway::registered(&platform).await;
    let user = provider.user("lee").await;
    let held = credentials(&platform, user_id(&user), &address("lee")).await;
    provider.set_active(&user, false).await.scim(200);
    let back = provider.set_active(&user, true).await.scim(200);
    assert_eq!((&back["active"], back["id"].as_str()), (&json!(true), Some(user.as_str())));
    assert_eq!(provider.status(&user).await, Status::Active);
    assert_eq!(gateway.live(&held).await, 0);
    let answer = Browser::new(&platform).sign_in(&address("lee"), crate::browser::PASSWORD).await;
    assert_ne!(answer.status, 303, "nor does the password work");
    let fresh = credentials(&platform, user_id(&user), &address("lee")).await;
    assert_eq!(gateway.live(&fresh).await, 3);
}

async fn without_active_the_status_stays(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    let path = format!("/Users/{user}");
    let mut silent = with(person(&address("lee")), json!({"title": "Boss"}));
    silent.as_object_mut().unwrap().remove("active");
    let title = patch_of(json!([{"op": "replace", "path": "title", "value": "Clerk"}]));
    for active in [true, false] {
        provider.set_active(&user, active).await.scim(200);
        for sent in [silent.clone(), with(silent.clone(), json!({"active": null, "title": "Boss"}))] {
            let put = provider.put(&path, &sent).await.scim(200);
            assert_eq!((&put["active"], &put["title"]), (&json!(active), &json!("Boss")));
            let patched = provider.patch(&path, &title).await.scim(200);
            assert_eq!((&patched["active"], &patched["title"]), (&json!(active), &json!("Clerk")));
        }
    }
    assert_eq!(provider.status(&user).await, Status::Deactivated);
}

/// Deactivates somebody through this door, as an admin of his company or the operator does.
async fn stop_by_hand(provider: &Provider<'_>, console: &mut Browser<'_>, admin: &str, door: &str, user: &str) {
    let platform = provider.platform;
    match door {
        "console" => {
            let fields = [("act", "deactivate"), ("user", user), ("reason", "left")];
            assert_eq!(console.post("/control-center/members/apply", &fields).await.status, 200);
        }
        "api" => assert_eq!(platform.patch(admin, user, r#"{"active":false}"#).await.status, 204),
        _ => drop(platform.directory.deactivate(&operator(), user_id(user), act()).await.unwrap()),
    }
    assert_eq!(provider.status(user).await, Status::Deactivated, "{door}");
}

async fn who_was_stopped_by_hand_is_not_let_back_in(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    platform.with_password(ada.id).await;
    let mut console = Browser::signed_in(&platform, &ada.email).await;
    let mut tries = 0;
    for door in ["console", "api", "operator"] {
        let user = provider.user(door).await;
        stop_by_hand(&provider, &mut console, &ada.token, door, &user).await;
        let path = format!("/Users/{user}");
        let before = provider.read(&path).await;
        assert_eq!(before["active"], false);
        for answer in [
            provider.set_active(&user, true).await,
            provider.patch(&path, &patch_of(json!([{"op": "replace", "value": {"active": "True"}}]))).await,
            provider.put(&path, &person(&address(door))).await,
        ] {
            let detail = answer.scim_fault(409, "mutability");
            assert!(!detail.is_empty(), "{door}");
            tries += 1;
        }
        assert_eq!(provider.read(&path).await, before, "{door}");
        assert_eq!(provider.status(&user).await, Status::Deactivated, "{door}");
    }
    let entries = refused(&platform, "stopped_by_hand").await;
    assert_eq!(entries.len(), tries, "each refused return is recorded");
    for entry in entries {
        assert_eq!((entry.action.as_str(), entry.door.as_str()), ("user.reactivate", "scim"));
        assert_eq!((entry.actor, entry.company), (ActorRecord::Provisioner(provider.service), Some(acme.id)));
    }
    let user = ids(&provider.list("/Users", &[("filter", "userName sw \"console\"")]).await).remove(0);
    platform.directory.reactivate(&operator(), user_id(&user), act()).await.unwrap();
    assert_eq!(provider.read(&format!("/Users/{user}")).await["active"], true, "by hand it goes");
    provider.set_active(&user, false).await.scim(200);
    assert_eq!(provider.set_active(&user, true).await.scim(200)["active"], true, "and then the provider's word counts");
}

async fn a_refused_return_changes_nothing_else(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    platform.directory.deactivate(&operator(), user_id(&user), act()).await.unwrap();
    let path = format!("/Users/{user}");
    let before = provider.read(&path).await;
    let changes = json!({"title": "Boss", "externalId": "X", ENTERPRISE: {"department": "Engines"}});
    provider.put(&path, &with(person(&address("lee")), changes)).await.scim_fault(409, "mutability");
    let operations = json!([
        {"op": "replace", "path": "title", "value": "Boss"},
        {"op": "replace", "path": "active", "value": true},
        {"op": "replace", "path": "displayName", "value": "Lee"},
    ]);
    provider.patch(&path, &patch_of(operations)).await.scim_fault(409, "mutability");
    assert_eq!(provider.read(&path).await, before);
    let title = patch_of(json!([{"op": "replace", "path": "title", "value": "Boss"}]));
    let after = provider.patch(&path, &title).await.scim(200);
    assert_eq!((&after["title"], &after["active"]), (&json!("Boss"), &json!(false)), "the rest is the provider's");
}

async fn a_sync_that_stops_somebody_again_does_not_take_him_over(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    platform.directory.deactivate(&operator(), user_id(&user), act()).await.unwrap();
    provider.set_active(&user, false).await.scim(200);
    provider.put(&format!("/Users/{user}"), &with(person(&address("lee")), json!({"active": false}))).await.scim(200);
    provider.set_active(&user, true).await.scim_fault(409, "mutability");
    assert_eq!(provider.status(&user).await, Status::Deactivated);
    let twin = provider.post("/Users", &person(&address("LEE"))).await;
    twin.scim_fault(409, "uniqueness");
}

async fn who_was_stopped_by_hand_does_not_come_back_as_somebody_new(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    platform.directory.deactivate(&operator(), user_id(&user), act()).await.unwrap();
    provider.delete(&format!("/Users/{user}")).await.scim_nothing();
    let by_name = json!({"userName": address("lee"), "emails": [{"value": "lee@home.example", "type": "home"}]});
    for sent in [person(&address("lee")), person(&address("LEE")), by_name, person("lee@ACME.example")] {
        provider.post("/Users", &sent).await.scim_fault(409, "mutability");
    }
    assert_eq!(refused(&platform, "stopped_by_hand").await.len(), 4);
    assert!(platform.directory.find_user(&address("lee")).await.is_err());
    platform.directory.change_company(&operator(), acme.id, Change::Authority(true)).await.unwrap();
    let made = provider.make(&person(&address("lee"))).await;
    assert_ne!(made["id"], user, "and then as somebody else");
}

async fn who_was_stopped_by_hand_does_not_come_back_under_another_name(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let named = |user_name: &str| with(person(&address("lee")), json!({"userName": user_name}));
    let user = id_of(&provider.make(&named("jdoe")).await);
    platform.directory.deactivate(&operator(), user_id(&user), act()).await.unwrap();
    provider.delete(&format!("/Users/{user}")).await.scim_nothing();
    for user_name in ["jdoe", "john.doe", "lee@acme.example"] {
        provider.post("/Users", &named(user_name)).await.scim_fault(409, "mutability");
    }
    assert!(platform.directory.find_user(&address("lee")).await.is_err());
}

async fn where_the_provider_is_the_authority_it_lets_everybody_back_in(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (provider.user("lee").await, provider.user("max").await);
    platform.directory.deactivate(&operator(), user_id(&lee), act()).await.unwrap();
    platform.directory.suspend(&operator(), user_id(&max), act()).await.unwrap();
    for user in [&lee, &max] {
        provider.set_active(user, true).await.scim_fault(409, "mutability");
    }
    platform.directory.change_company(&operator(), acme.id, Change::Authority(true)).await.unwrap();
    for user in [&lee, &max] {
        assert_eq!(provider.set_active(user, true).await.scim(200)["active"], true);
        assert_eq!(provider.status(user).await, Status::Active);
    }
    assert_eq!(done(&platform, "company.set_authority").await.len(), 1);
    platform.directory.change_company(&operator(), acme.id, Change::Authority(false)).await.unwrap();
    platform.directory.deactivate(&operator(), user_id(&lee), act()).await.unwrap();
    provider.set_active(&lee, true).await.scim_fault(409, "mutability");
}

async fn who_is_suspended_is_inactive_and_may_be_deactivated(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    let (_, token) = platform.token(user_id(&user), &Scope::ALL).await;
    platform.directory.suspend(&operator(), user_id(&user), act()).await.unwrap();
    let read = provider.read(&format!("/Users/{user}")).await;
    assert_eq!(read["active"], false);
    assert_eq!(provider.found("active eq false").await, [address("lee")]);
    provider.set_active(&user, true).await.scim_fault(409, "mutability");
    assert_eq!(provider.status(&user).await, Status::Suspended);
    assert_eq!(provider.set_active(&user, false).await.scim(200)["active"], false);
    assert_eq!(provider.status(&user).await, Status::Deactivated);
    assert!(platform.directory.resume(&operator(), user_id(&user), act()).await.is_err());
    assert_eq!(platform.me(&token).await, 401);
}

async fn who_is_deactivated_by_hand_as_well_is_not_let_back_in(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let user = provider.user("lee").await;
    let stopped = provider.set_active(&user, false).await.scim(200);
    for _ in 0..2 {
        platform.directory.deactivate(&operator(), user_id(&user), act()).await.unwrap();
    }
    assert_eq!(done(&platform, "user.deactivate").await.len(), 2, "that it is meant is written down once");
    let read = provider.read(&format!("/Users/{user}")).await;
    assert_eq!(read["meta"]["lastModified"], stopped["meta"]["lastModified"], "the first time stamp stays");
    provider.set_active(&user, true).await.scim_fault(409, "mutability");
    assert_eq!(provider.status(&user).await, Status::Deactivated);
}
