//! `offboard user suspend|resume|deactivate|reactivate`

use serde_json::{Value, json};

use crate::harness::{ADA, Host, LEE, READ_LOG, Run, USER, assert_members, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    each_act_tells_what_it_did,
    to_do_it_again_is_fine_and_changes_nothing,
    a_dry_run_tells_and_changes_nothing,
    a_deactivation_ends_the_tokens_and_a_suspension_does_not,
    an_act_that_does_not_fit_the_status_is_refused,
    the_last_admin_stays,
    a_user_whom_nobody_knows_is_refused,
    reason_and_ticket_stand_in_the_trail,
    in_text_the_new_status_is_told,
}

/// More may join them.
const MEMBERS: [&str; 7] = ["user", "from", "to", "at", "sessionsEnded", "tokensRevoked", "dryRun"];

#[track_caller]
fn act(host: &Host, verb: &str, more: &[&str]) -> Value {
    let told = host.json(&[&["user", verb, LEE][..], more].concat());
    for member in MEMBERS {
        assert!(told.get(member).is_some(), "{verb} does not tell '{member}': {told}");
    }
    assert_members(&told["user"], &USER);
    told
}

async fn each_act_tells_what_it_did(engine: Engine) {
    let host = Host::with_people(engine).await;
    let uuid = host.uuid(LEE);
    for (verb, from, to) in [
        ("suspend", "active", "suspended"),
        ("resume", "suspended", "active"),
        ("deactivate", "active", "deactivated"),
        ("reactivate", "deactivated", "active"),
        ("suspend", "active", "suspended"),
        ("deactivate", "suspended", "deactivated"),
    ] {
        let told = act(&host, verb, &[]);
        assert_eq!((&told["from"], &told["to"]), (&json!(from), &json!(to)), "{verb}: {told}");
        assert_eq!((&told["dryRun"], &told["sessionsEnded"]), (&json!(false), &json!(0)), "{verb}: {told}");
        assert_eq!(told["user"]["uuid"], uuid, "{verb}: {told}");
        assert_eq!(told["user"], host.user(LEE), "{verb} shows the user as it is afterwards");
        assert_eq!(host.user(LEE)["status"], to, "{verb}");
        assert_eq!(host.trail().last().unwrap()["at"], told["at"], "{verb}");
    }
}

async fn to_do_it_again_is_fine_and_changes_nothing(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.token(LEE, READ_LOG);
    for verb in ["suspend", "resume", "deactivate", "reactivate"] {
        let first = act(&host, verb, &[]);
        let trail = host.trail();
        let again = act(&host, verb, &[]);
        assert_eq!(again["at"], first["at"], "{verb}: the first time stamp stays");
        assert_eq!((&again["from"], &again["to"]), (&first["to"], &first["to"]), "{verb}");
        assert_eq!(again["tokensRevoked"], 0, "{verb}");
        assert_eq!(host.trail(), trail, "{verb}: again is no second entry");
    }
}

async fn a_dry_run_tells_and_changes_nothing(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.token(LEE, READ_LOG);
    for (before, verb, to) in [
        ("resume", "suspend", "suspended"),
        ("resume", "deactivate", "deactivated"),
        ("suspend", "resume", "active"),
        ("deactivate", "reactivate", "active"),
    ] {
        act(&host, before, &[]);
        let state = || (host.user(LEE), host.tokens(LEE), host.trail());
        let found = state();
        let told = act(&host, verb, &["--dry-run"]);
        assert_eq!((&told["to"], &told["dryRun"]), (&json!(to), &json!(true)), "{verb}: {told}");
        assert_eq!(told["tokensRevoked"], u8::from(verb == "deactivate"), "{verb}: {told}");
        assert_eq!(state(), found, "{verb} --dry-run");
    }
}

async fn a_deactivation_ends_the_tokens_and_a_suspension_does_not(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.token(LEE, READ_LOG);
    host.token(LEE, READ_LOG);
    assert_eq!(act(&host, "suspend", &[])["tokensRevoked"], 0);
    assert!(host.tokens(LEE).iter().all(|token| token["endedAt"].is_null()));
    let told = act(&host, "deactivate", &[]);
    assert_eq!(told["tokensRevoked"], 2);
    for token in host.tokens(LEE) {
        assert_eq!((&token["endedAt"], &token["endReason"]), (&told["at"], &json!("owner_deactivated")));
    }
    act(&host, "reactivate", &[]);
    assert!(host.tokens(LEE).iter().all(|token| token["endedAt"] == told["at"]), "they stay ended");
}

async fn an_act_that_does_not_fit_the_status_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    let cases: [(&str, &str, &[&str]); 2] =
        [("suspend", "suspended", &["reactivate"]), ("deactivate", "deactivated", &["suspend", "resume"])];
    for (before, status, refused) in cases {
        act(&host, before, &[]);
        for verb in refused {
            let trail = host.trail();
            let error = Run::of(host.command(&["user", verb, LEE]).args(["--format", "json"])).refused();
            assert!(string(&error, "message").contains(status) && error["hint"].is_string(), "{verb}: {error}");
            assert_eq!(host.user(LEE)["status"], status, "{verb}");
            let after = host.trail();
            assert_eq!(after[..trail.len()], trail, "{verb}");
            assert_eq!(after.len(), trail.len() + 1, "{verb}");
            assert_eq!(after[trail.len()]["refusal"], "wrong_status", "{verb}");
        }
    }
}

async fn the_last_admin_stays(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["company", "create", "Other"]);
    host.json(&["user", "create", "eve@other.example", "--company", "Other", "--name", "Eve", "--admin"]);
    for verb in ["suspend", "deactivate"] {
        for more in [&["--dry-run"][..], &[]] {
            let refusal = host.refusal(&[&["user", verb, ADA][..], more].concat());
            assert!(refusal.contains("Mendix Admin"), "{verb} {more:?}: {refusal}");
        }
        assert_eq!(host.user(ADA)["status"], "active", "{verb}");
        assert_eq!(host.trail().last().unwrap()["refusal"], "last_admin", "{verb}");
    }
    // A suspended admin is nobody to count on; an active one is.
    host.json(&["user", "create", "bob@acme.example", "--company", "Acme", "--name", "Bob", "--admin"]);
    host.json(&["user", "suspend", "bob@acme.example"]);
    host.refusal(&["user", "deactivate", ADA]);
    host.json(&["user", "resume", "bob@acme.example"]);
    host.json(&["user", "deactivate", ADA]);
}

async fn a_user_whom_nobody_knows_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    for verb in ["suspend", "resume", "deactivate", "reactivate"] {
        for nobody in ["nobody@acme.example", "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11"] {
            let refusal = host.refusal(&["user", verb, nobody]);
            assert!(refusal.contains("no user"), "{verb} {nobody}: {refusal}");
        }
    }
}

async fn reason_and_ticket_stand_in_the_trail(engine: Engine) {
    let host = Host::with_people(engine).await;
    act(&host, "deactivate", &["--reason", "left the company", "--ticket", "HR-42"]);
    let entry = host.trail().pop().unwrap();
    assert_eq!((&entry["reason"], &entry["ticket"]), (&json!("left the company"), &json!("HR-42")), "{entry}");
    assert_eq!((&entry["action"], &entry["actor"]["kind"]), (&json!("user.deactivate"), &json!("operator")), "{entry}");
    for note in [["--reason", ""], ["--reason", "two\nlines"], ["--ticket", " "]] {
        host.refusal(&[&["user", "reactivate", LEE][..], &note].concat());
    }
    assert_eq!(host.user(LEE)["status"], "deactivated");
}

async fn in_text_the_new_status_is_told(engine: Engine) {
    let host = Host::with_people(engine).await;
    let cases: [(&[&str], &str); 3] =
        [(&["--dry-run"], "would be deactivated"), (&[], "is deactivated"), (&[], "nothing to do")];
    for (arguments, told) in cases {
        let text = host.text(&[&["user", "deactivate", LEE][..], arguments].concat());
        assert!(text.contains(LEE) && text.contains(told), "{arguments:?}: {text}");
    }
}
