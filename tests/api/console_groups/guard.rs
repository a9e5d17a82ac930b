//! The guard against a runaway sync, on the pages: set, told of, confirmed, and passed in the urgent case.

use std::time::Duration;

use offboard::model::actor::{Actor, Caller, Door, Origin, Provisioner};
use offboard::model::company::{Company, GuardedDoors};
use offboard::model::id::RequestId;
use offboard::model::service::Purpose;

use super::{SCIM, Scene, conceals, rejected, says, scene};
use crate::browser::Browser;
use crate::harness::{Answer, Person, Platform, act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    the_guard_is_set_within_bounds,
    a_guard_that_has_stopped_is_told_and_confirmed,
    a_guard_of_all_doors_stops_the_console_but_not_the_urgent_case,
}

const STOPPED: &str = "The guard has stopped";
const URGENT: &str = "This is urgent: let this one pass";

/// An identity provider of a company.
async fn provider(platform: &Platform, company: &Company) -> Caller {
    let purpose = Purpose::Provisions;
    let made = platform.directory.create_service(&operator(), "idp", Some(company.id), purpose).await.unwrap();
    let origin = Origin { door: Door::Scim, request: RequestId(uuid::Uuid::nil()), address: None };
    Caller { actor: Actor::Provisioner(Provisioner { company: company.id, service: made.0.id }), origin }
}

async fn members<const N: usize>(platform: &Platform, company: &Company, names: [&str; N]) -> Vec<Person> {
    let mut people = Vec::new();
    for name in names {
        people.push(platform.member(company, name).await);
    }
    people
}

/// Deactivates people by the form that follows the page that asks.
async fn deactivate(admin: &mut Browser<'_>, people: &[&Person], urgent: bool) -> Answer {
    let ids: Vec<String> = people.iter().map(|person| person.id.to_string()).collect();
    let mut fields: Vec<(&str, &str)> = ids.iter().map(|id| ("user", id.as_str())).collect();
    fields.extend([("act", "deactivate"), ("reason", "left")]);
    if urgent {
        fields.push(("urgent", "true"));
    }
    admin.post("/control-center/members/apply", &fields).await
}

async fn confirm(admin: &mut Browser<'_>, act: &str, people: &[&Person]) -> Answer {
    let ids: Vec<String> = people.iter().map(|person| person.id.to_string()).collect();
    let mut fields: Vec<(&str, &str)> = ids.iter().map(|id| ("user", id.as_str())).collect();
    fields.push(("act", act));
    admin.post("/control-center/members/confirm", &fields).await
}

async fn the_guard_is_set_within_bounds(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let path = format!("{SCIM}/guard");
    let shown = ["name=\"count\" value=\"100\"", "name=\"percent\" value=\"20\"", "name=\"minutes\" value=\"60\""];
    says(&admin.get(SCIM).await, &shown);
    says(&admin.get(SCIM).await, &["<option value=\"scim\" selected>", "0 people of 3 lost access"]);
    let good = [("doors", "all"), ("count", "5"), ("percent", "50"), ("minutes", "30")];
    for (place, wrong) in [
        (0, ("doors", "none")),
        (1, ("count", "0")),
        (1, ("count", "-1")),
        (1, ("count", "1000001")),
        (2, ("percent", "101")),
        (2, ("percent", "many")),
        (3, ("minutes", "0")),
        (3, ("minutes", "44641")),
        (3, ("minutes", "4294967295")),
    ] {
        let mut fields = good;
        fields[place] = wrong;
        let answer = admin.post(&path, &fields).await;
        assert_eq!(answer.status, 400, "{fields:?}");
        assert!(answer.body.contains("id=\"form-error\""), "{answer:?}");
        assert!(
            answer.body.contains("name=\"percent\" value=") && !answer.body.contains("name=\"percent\" value=\"20\"")
        );
    }
    assert_eq!(platform.directory.company(acme.id).await.unwrap().guard, acme.guard, "nothing has changed");
    for _ in 0..2 {
        assert_eq!(admin.post(&path, &good).await.sent_on(), "/control-center/scim?done=saved");
    }
    let guard = platform.directory.company(acme.id).await.unwrap().guard;
    assert_eq!((guard.doors, guard.count, guard.percent), (GuardedDoors::All, 5, 50));
    assert_eq!(guard.window, Duration::from_mins(30));
    assert_eq!(platform.trail_of("company.set_guard").await.len(), 1, "what is so already is no change");
    let off = [("doors", "off"), ("count", "5"), ("percent", "50"), ("minutes", "30")];
    assert_eq!(admin.post(&path, &off).await.status, 303);
    conceals(&admin.get(SCIM).await, &["lost access since"]);
}

async fn a_guard_that_has_stopped_is_told_and_confirmed(engine: Engine) {
    const MEMBERS: &str = "/control-center/members";
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let provider = provider(&platform, &acme).await;
    let people = members(&platform, &acme, ["ann", "bob", "cat", "dan", "eve"]).await;
    for page in [SCIM, MEMBERS] {
        conceals(&admin.get(page).await, &[STOPPED]);
    }
    for person in &people[..3] {
        platform.directory.deactivate(&provider, person.id, act()).await.unwrap();
    }
    assert!(platform.directory.deactivate(&provider, people[3].id, act()).await.is_err());
    for page in [SCIM, MEMBERS] {
        let texts = [STOPPED, "3 people lost access since", "within 1 hour", "name=\"allowance\" value=\"3\""];
        says(&admin.get(page).await, &texts);
    }
    conceals(&confirm(&mut admin, "deactivate", &[&people[4]]).await, &[URGENT, STOPPED]);

    let path = format!("{SCIM}/confirm");
    for wrong in ["", "0", "-1", "x", "1000001"] {
        rejected(&admin.post(&path, &[("allowance", wrong), ("place", "members")]).await, "how many more may lose");
    }
    assert!(platform.directory.deactivate(&provider, people[3].id, act()).await.is_err());
    platform.clock.advance(Duration::from_secs(1));
    let confirmed = admin.post(&path, &[("allowance", "1"), ("place", "members")]).await;
    assert_eq!(confirmed.sent_on(), "/control-center/members?done=guard-confirmed");
    assert_eq!(platform.trail_of("company.confirm_guard").await.len(), 1);
    platform.clock.advance(Duration::from_secs(1));
    conceals(&admin.get(MEMBERS).await, &[STOPPED]);
    platform.directory.deactivate(&provider, people[3].id, act()).await.unwrap();
    says(&admin.get(SCIM).await, &[STOPPED, "1 person lost access since"]);
    let again = admin.post(&path, &[("allowance", "5"), ("place", "scim")]).await;
    assert_eq!(again.sent_on(), "/control-center/scim?done=guard-confirmed");
    says(&admin.get("/control-center/scim?done=guard-confirmed").await, &["The guard counts anew"]);
    assert_eq!(platform.me(&people[4].token).await, 200);
}

async fn a_guard_of_all_doors_stops_the_console_but_not_the_urgent_case(engine: Engine) {
    const REFUSED: &str = "The guard stopped this: it lets 1 person lose access within 1 hour";
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let people = members(&platform, &acme, ["ann", "bob", "cat"]).await;
    let (ann, bob, cat) = (&people[0], &people[1], &people[2]);
    let guard = [("doors", "all"), ("count", "1"), ("percent", "100"), ("minutes", "60")];
    assert_eq!(admin.post(&format!("{SCIM}/guard"), &guard).await.status, 303);
    conceals(&confirm(&mut admin, "deactivate", &[ann]).await, &[URGENT, "The guard"]);
    says(&confirm(&mut admin, "deactivate", &[ann, bob]).await, &["The guard lets only 1 more go."]);
    let outcome = deactivate(&mut admin, &[ann, bob], false).await;
    says(&outcome, &["1 done, 1 not", REFUSED]);
    assert_eq!((platform.me(&ann.token).await.as_u16(), platform.me(&bob.token).await.as_u16()), (401, 200));
    says(&admin.get("/control-center/members").await, &[STOPPED]);

    says(&confirm(&mut admin, "deactivate", &[bob]).await, &[STOPPED, URGENT]);
    says(&confirm(&mut admin, "suspend", &[bob]).await, &[STOPPED, URGENT]);
    let many = confirm(&mut admin, "deactivate", &[bob, cat]).await;
    says(&many, &[STOPPED, "confirm it on the page SCIM"]);
    conceals(&many, &[URGENT]);
    conceals(&confirm(&mut admin, "reactivate", &[ann]).await, &["The guard"]);
    says(&deactivate(&mut admin, &[bob, cat], true).await, &["0 done, 2 not", REFUSED]);
    says(&deactivate(&mut admin, &[bob], false).await, &["0 done, 1 not", REFUSED]);
    assert_eq!(platform.me(&bob.token).await, 200);
    says(&deactivate(&mut admin, &[bob], true).await, &["1 done"]);
    assert_eq!((platform.me(&bob.token).await.as_u16(), platform.me(&cat.token).await.as_u16()), (401, 200));
    let refused = platform.trail_of("user.deactivate").await;
    let refused = refused.iter().filter(|entry| entry.refusal.as_deref() == Some("guard_tripped"));
    assert_eq!(refused.count(), 4, "each attempt stands in the trail");
}
