//! What keeps a runaway sync from locking a company out: so many may leave within a window, and no more unless somebody
//! says that it is meant.

use std::time::Duration;

use futures_util::future::join_all;
use offboard::access::Use;
use offboard::domain;
use offboard::domain::transitions::Request;
use offboard::domain::users::NewUser;
use offboard::model::actor::Door;
use offboard::model::company::GuardedDoors;
use offboard::model::scope::Scope;
use offboard::model::secret::{Kind, Secret};
use offboard::model::user::{Role, Status};
use reqwest::Method;
use serde_json::json;

use super::{Provider, address, counted, credentials, done, id_of, patch_of, person, refused, scene, user_id, with};
use crate::harness::{act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_runaway_sync_is_stopped_and_told_why,
    a_small_company_may_lose_three_and_a_large_one_a_hundred,
    a_stopped_request_changes_nothing,
    every_way_to_leave_by_scim_is_counted_and_stopped,
    who_has_left_already_is_not_counted_again,
    one_of_few_who_came_and_goes_within_the_window_is_not_missed,
    who_confirms_lets_so_many_more_pass,
    when_the_window_has_passed_others_may_leave,
    the_other_doors_stay_open_unless_the_company_says_otherwise,
    a_company_may_guard_every_door,
    a_company_may_have_no_guard,
    many_requests_at_once_do_not_exceed_the_limit,
    one_companys_leavers_do_not_stop_anothers,
    who_was_not_made_by_scim_is_counted_whatever_is_said_of_him,
}

async fn a_runaway_sync_is_stopped_and_told_why(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(25).await;
    let state = platform.directory.guard_state(acme.id).await.unwrap();
    assert_eq!((state.limit, state.departed, state.tripped), (5, 0, false));
    for user in &users[..5] {
        provider.set_active(user, false).await.scim(200);
    }
    for user in &users[5..] {
        let (_, detail) = provider.set_active(user, false).await.scim_error(409);
        for part in ["5", "Mendix Admin", "/control-center/scim"] {
            assert!(detail.contains(part), "{part} in {detail}");
        }
        assert_eq!(provider.status(user).await, Status::Active);
    }
    let state = platform.directory.guard_state(acme.id).await.unwrap();
    assert_eq!((state.limit, state.departed, state.tripped), (5, 5, true));
    let entries = refused(&platform, "guard_tripped").await;
    assert_eq!(entries.len(), 20);
    assert!(entries.iter().all(|entry| entry.action == "user.deactivate" && entry.door == "scim"), "{entries:?}");
    assert!(entries.iter().zip(&users[5..]).all(|(entry, user)| entry.person == Some(user_id(user))));
    assert_eq!(done(&platform, "user.deactivate").await.len(), 5);
    assert_ne!(counted(&platform, "offboard_guard_trips_total").await, 0);
    assert_eq!(counted(&platform, "offboard_deactivations_total").await, 5);
}

async fn a_small_company_may_lose_three_and_a_large_one_a_hundred(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(4).await;
    for user in &users[..3] {
        provider.set_active(user, false).await.scim(200);
    }
    provider.set_active(&users[3], false).await.scim_error(409);
    let new = (0..600).map(|number| NewUser::parse(&address(&format!("new{number}")), "new", Role::Member).unwrap());
    platform.directory.create_users(&operator(), acme.id, new.collect()).await.unwrap();
    assert_eq!(platform.directory.guard_state(acme.id).await.unwrap().limit, 100);
    provider.set_active(&users[3], false).await.scim(200);
}

async fn a_stopped_request_changes_nothing(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(2).await;
    provider.guard(GuardedDoors::Scim, 1).await;
    provider.set_active(&users[0], false).await.scim(200);
    let path = format!("/Users/{}", users[1]);
    let (_, token) = platform.token(user_id(&users[1]), &Scope::ALL).await;
    let before = provider.read(&path).await;
    let operations = json!([
        {"op": "replace", "path": "title", "value": "Boss"},
        {"op": "replace", "path": "active", "value": false},
        {"op": "replace", "path": "displayName", "value": "Lee"},
    ]);
    provider.patch(&path, &patch_of(operations)).await.scim_error(409);
    let changes = json!({"active": false, "title": "Boss"});
    provider.put(&path, &with(person(&address("user1")), changes)).await.scim_error(409);
    assert_eq!(provider.read(&path).await, before);
    assert_eq!(platform.me(&token).await, 200);
    let title = patch_of(json!([{"op": "replace", "path": "title", "value": "Boss"}]));
    assert_eq!(provider.patch(&path, &title).await.scim(200)["title"], "Boss", "what takes no access goes on");
    provider.user("new").await;
    assert_eq!(provider.set_active(&users[0], true).await.scim(200)["active"], true, "so do returns");
}

async fn every_way_to_leave_by_scim_is_counted_and_stopped(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(7).await;
    provider.guard(GuardedDoors::Scim, 3).await;
    let put = async |number: usize| {
        let sent = with(person(&address(&format!("user{number}"))), json!({"active": false}));
        provider.put(&format!("/Users/{}", users[number]), &sent).await
    };
    provider.set_active(&users[0], false).await.scim(200);
    put(1).await.scim(200);
    provider.delete(&format!("/Users/{}", users[2])).await.scim_nothing();
    let path = format!("/Users/{}", users[5]);
    for answer in [provider.set_active(&users[3], false).await, put(4).await, provider.delete(&path).await] {
        answer.scim_error(409);
    }
    for user in &users[3..] {
        assert_eq!(provider.read(&format!("/Users/{user}")).await["active"], true);
    }
    let entries = refused(&platform, "guard_tripped").await;
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["user.deactivate", "user.deactivate", "user.delete"]);
}

async fn who_has_left_already_is_not_counted_again(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.settled(3).await;
    platform.directory.deactivate(&operator(), user_id(&users[2]), act()).await.unwrap();
    provider.guard(GuardedDoors::Scim, 1).await;
    for _ in 0..3 {
        provider.set_active(&users[0], false).await.scim(200);
    }
    for gone in [&users[0], &users[2]] {
        provider.delete(&format!("/Users/{gone}")).await.scim_nothing();
    }
    assert_eq!(platform.directory.guard_state(acme.id).await.unwrap().departed, 1);
    provider.set_active(&users[1], false).await.scim_error(409);
}

async fn one_of_few_who_came_and_goes_within_the_window_is_not_missed(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.settled(2).await;
    provider.guard(GuardedDoors::Scim, 1).await;
    for number in 0..6 {
        let new = provider.user(&format!("new{number}")).await;
        provider.delete(&format!("/Users/{new}")).await.scim_nothing();
    }
    assert_eq!(platform.directory.guard_state(acme.id).await.unwrap().departed, 0);
    provider.set_active(&users[0], false).await.scim(200);
    provider.delete(&format!("/Users/{}", users[1])).await.scim_error(409);
    provider.set_active(&users[1], false).await.scim_error(409);
}

async fn who_confirms_lets_so_many_more_pass(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(8).await;
    provider.guard(GuardedDoors::Scim, 2).await;
    let mut rest = users.iter();
    let mut leave = async |count: usize| {
        for user in rest.by_ref().take(count) {
            platform.clock.advance(Duration::from_secs(1));
            provider.set_active(user, false).await.scim(200);
        }
        provider.set_active(&users[7], false).await.scim_error(409);
        platform.clock.advance(Duration::from_secs(1));
    };
    leave(2).await;
    platform.directory.confirm_guard(&operator(), acme.id, 3).await.unwrap();
    leave(3).await;
    platform.directory.confirm_guard(&operator(), acme.id, 1).await.unwrap();
    leave(1).await;
    assert_eq!(done(&platform, "company.confirm_guard").await.len(), 2);
    assert_eq!(provider.status(&users[6]).await, Status::Active);
}

async fn when_the_window_has_passed_others_may_leave(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let users = provider.users(4).await;
    provider.guard(GuardedDoors::Scim, 2).await;
    provider.set_active(&users[0], false).await.scim(200);
    platform.clock.advance(Duration::from_mins(40));
    provider.set_active(&users[1], false).await.scim(200);
    platform.clock.advance(Duration::from_mins(19));
    provider.set_active(&users[2], false).await.scim_error(409);
    platform.clock.advance(Duration::from_mins(2));
    provider.set_active(&users[2], false).await.scim(200);
    provider.set_active(&users[3], false).await.scim_error(409);
    platform.clock.advance(Duration::from_mins(61));
    provider.set_active(&users[3], false).await.scim(200);
    assert_eq!(platform.directory.guard_state(acme.id).await.unwrap().departed, 1);
}

async fn the_other_doors_stay_open_unless_the_company_says_otherwise(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    let users = provider.users(6).await;
    provider.guard(GuardedDoors::Scim, 1).await;
    provider.set_active(&users[0], false).await.scim(200);
    provider.set_active(&users[1], false).await.scim_error(409);
    for user in &users[1..4] {
        assert_eq!(platform.deactivate(&ada, user_id(user)).await.status, 204);
    }
    platform.directory.deactivate(&operator(), user_id(&users[4]), act()).await.unwrap();
    assert_eq!(platform.directory.guard_state(acme.id).await.unwrap().departed, 1, "they are not counted");
    provider.set_active(&users[5], false).await.scim_error(409);
}

async fn a_company_may_guard_every_door(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    let users = provider.users(5).await;
    provider.guard(GuardedDoors::All, 2).await;
    assert_eq!(platform.deactivate(&ada, user_id(&users[0])).await.status, 204);
    provider.set_active(&users[1], false).await.scim(200);
    let detail = platform.deactivate(&ada, user_id(&users[2])).await.error_object(403, "Forbidden");
    assert!(detail.contains('2'), "{detail}");
    provider.set_active(&users[2], false).await.scim_error(409);

    let [_, key, session] = credentials(&platform, ada.id, &ada.email).await;
    let open_id = format!("http://localhost/mxid2/id?id={}", users[2]);
    let open_id: String = url::form_urlencoded::byte_serialize(open_id.as_bytes()).collect();
    let call = platform.call(Method::PUT, &format!("/legacy-api/1/users/{open_id}"));
    let call = call.header("mendix-username", &ada.email).header("mendix-apikey", &key);
    let legacy = call.header("content-type", "application/json").body(r#"{"activeStatus":false}"#).send().await;
    assert_eq!((legacy.status.as_u16(), legacy.json()["errorCode"].as_str()), (403, Some("FORBIDDEN")), "{legacy:?}");
    assert_eq!(provider.status(&users[2]).await, Status::Active);

    let session = Secret::parse(Kind::Session, &session).unwrap();
    let admitted = platform.gate.authenticate(&session, Use::Passes).await.unwrap().unwrap();
    let mut console = operator();
    (console.actor, console.origin.door) = (admitted.actor, Door::Console);
    let kept = platform.directory.deactivate(&console, user_id(&users[2]), act()).await;
    let is_kept = matches!(kept, Err(domain::Error::Refused(domain::Refusal::GuardTripped { limit: 2, .. })));
    assert!(is_kept, "{kept:?}");
    assert_eq!(refused(&platform, "guard_tripped").await.len(), 4);
    assert_eq!(provider.status(&users[2]).await, Status::Active);
    let urgent = Request { confirmed: true, ..Request::default() };
    platform.directory.deactivate(&console, user_id(&users[2]), urgent).await.unwrap();
    assert_eq!(provider.status(&users[2]).await, Status::Deactivated, "the single urgent case passes");
    platform.directory.deactivate(&operator(), user_id(&users[3]), act()).await.unwrap();
    assert_eq!(provider.status(&users[3]).await, Status::Deactivated, "the host's operator is never kept");
    provider.set_active(&users[4], false).await.scim_error(409);
}

async fn a_company_may_have_no_guard(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::unguarded(&platform, &acme).await;
    for user in provider.users(6).await {
        provider.set_active(&user, false).await.scim(200);
    }
    assert!(refused(&platform, "guard_tripped").await.is_empty());
    assert_eq!(counted(&platform, "offboard_guard_trips_total").await, 0);
    assert_eq!(done(&platform, "company.set_guard").await.len(), 1);
}

async fn many_requests_at_once_do_not_exceed_the_limit(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let other = Provider::named(&platform, &acme, "another").await;
    let users = provider.users(16).await;
    provider.guard(GuardedDoors::Scim, 5).await;
    let calls = users.iter().enumerate().map(|(number, user)| {
        let provider = if number % 2 == 0 { &provider } else { &other };
        provider.set_active(user, false)
    });
    let answers = join_all(calls).await;
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(passed, 5, "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status.as_u16())), "{answers:?}");
    assert_eq!(provider.found("active eq true").await.len(), 11);
    assert_eq!(done(&platform, "user.deactivate").await.len(), 5);
}

async fn one_companys_leavers_do_not_stop_anothers(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let globex = platform.company("Globex").await;
    let provider = Provider::connected(&platform, &acme).await;
    let other = Provider::connected(&platform, &globex).await;
    let users = provider.users(2).await;
    let zoe = id_of(&other.make(&person("zoe@globex.example")).await);
    provider.guard(GuardedDoors::Scim, 1).await;
    provider.set_active(&users[0], false).await.scim(200);
    provider.set_active(&users[1], false).await.scim_error(409);
    other.set_active(&zoe, false).await.scim(200);
    assert_eq!(other.status(&zoe).await, Status::Deactivated);
}

async fn who_was_not_made_by_scim_is_counted_whatever_is_said_of_him(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let new = (0..20).map(|number| NewUser::parse(&address(&format!("new{number}")), "new", Role::Member).unwrap());
    platform.directory.create_users(&operator(), acme.id, new.collect()).await.unwrap();
    let found = provider.list("/Users", &[]).await;
    let mut gone = 0;
    for user in super::ids(&found) {
        let path = format!("/Users/{user}");
        let title = patch_of(json!([{"op": "replace", "path": "title", "value": "Boss"}]));
        provider.patch(&path, &title).await.scim(200);
        gone += u32::from(provider.delete(&path).await.status == 204);
    }
    assert_eq!(gone, 4, "20 % of 20");
}
