//! `offboard company …`

use serde_json::json;

use crate::harness::{Host, LEE, Run, assert_members, assert_uuid, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_company_is_made_with_its_domains,
    a_name_or_a_domain_belongs_to_one_company,
    what_is_no_name_or_no_domain_is_refused,
    a_company_is_shown_with_its_guard,
    what_an_identity_provider_may_do_is_set,
    what_a_guard_can_not_be_is_refused,
    more_leavers_than_the_guard_lets_are_confirmed,
    whom_the_command_line_stops_is_not_counted,
}

const SHOWN: [&str; 5] = ["uuid", "name", "domains", "providerIsAuthority", "guard"];
const GUARD: [&str; 8] = ["doors", "count", "percent", "windowSeconds", "limit", "departed", "since", "tripped"];

async fn a_company_is_made_with_its_domains(engine: Engine) {
    let host = Host::fresh(engine).await;
    let domains = ["--domain", "B\u{fc}cher.example", "--domain", "acme.example", "--domain", "ACME.example"];
    let company = host.json(&[&["company", "create", "Acme"][..], &domains].concat());
    assert_members(&company, &["uuid", "name", "domains"]);
    assert_uuid(&string(&company, "uuid"));
    assert_eq!(company["name"], "Acme");
    assert_eq!(company["domains"], json!(["acme.example", "xn--bcher-kva.example"]));

    let told = host.text(&["company", "create", "Bare"]);
    assert!(told.contains("Bare"), "{told}");
}

async fn a_name_or_a_domain_belongs_to_one_company(engine: Engine) {
    let host = Host::fresh(engine).await;
    host.json(&["company", "create", "Acme", "--domain", "b\u{fc}cher.example"]);
    for name in ["Acme", "ACME", " acme "] {
        assert!(host.refusal(&["company", "create", name]).contains("exists already"), "{name}");
    }
    for domain in ["b\u{fc}cher.example", "BU\u{308}CHER.example", "xn--bcher-kva.example."] {
        let refusal = host.refusal(&["company", "create", "Beta", "--domain", "beta.example", "--domain", domain]);
        assert!(refusal.contains("exists already"), "{domain}: {refusal}");
    }
    // Nothing is left of the refused ones.
    host.json(&["company", "create", "Beta", "--domain", "beta.example"]);
}

async fn what_is_no_name_or_no_domain_is_refused(engine: Engine) {
    let host = Host::fresh(engine).await;
    for name in ["", "  ", "A\nB", "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11", &"x".repeat(201)] {
        host.refusal(&["company", "create", name]);
    }
    for domain in ["", "a b.example", "a@b.example", "192.0.2.1", "a..example"] {
        host.refusal(&["company", "create", "Acme", "--domain", domain]);
    }
    let told = Run::of(&mut host.command(&["company", "create", ""]));
    assert_eq!((told.status, told.out.as_str()), (1, ""), "{told:?}");
    assert!(told.err.starts_with("error: "), "{told:?}");
}

async fn a_company_is_shown_with_its_guard(engine: Engine) {
    let host = Host::with_people(engine).await;
    let shown = host.json(&["company", "show", "ACME"]);
    assert_members(&shown, &SHOWN);
    assert_eq!((&shown["name"], &shown["domains"]), (&json!("Acme"), &json!(["acme.example"])));
    assert_eq!(shown["providerIsAuthority"], false);
    let guard = &shown["guard"];
    assert_members(guard, &GUARD);
    let settings = ["doors", "count", "percent", "windowSeconds"].map(|member| guard[member].clone());
    assert_eq!(settings, [json!("scim"), json!(100), json!(20), json!(3600)]);
    let state = ["limit", "departed", "tripped"].map(|member| guard[member].clone());
    assert_eq!(state, [json!(3), json!(0), json!(false)], "three of a small company may always go");
    let uuid = string(&shown, "uuid");
    let told = host.text(&["company", "show", &uuid]);
    assert!(told.contains(&uuid) && told.contains("SCIM") && told.contains("1h"), "{told}");
    assert!(host.refusal(&["company", "show", "Nowhere"]).starts_with("there is no company"));
}

async fn what_an_identity_provider_may_do_is_set(engine: Engine) {
    let host = Host::with_people(engine).await;
    let mut expected = host.json(&["company", "show", "Acme"]);
    let mut set = |arguments: &[&str], changed: &[(&str, serde_json::Value)]| {
        for (member, value) in changed {
            expected["guard"][*member] = value.clone();
        }
        let mut shown = host.json(&[&["company", "set", "Acme"][..], arguments].concat());
        // The window's begin goes with the clock.
        shown["guard"]["since"] = expected["guard"]["since"].clone();
        expected["providerIsAuthority"] = shown["providerIsAuthority"].clone();
        assert_eq!(shown, expected, "{arguments:?}");
        shown["providerIsAuthority"] == true
    };
    assert!(set(&["--provider-is-authority", "true"], &[]));
    let smaller = [("doors", json!("all")), ("count", json!(2)), ("limit", json!(2))];
    assert!(set(&["--guard-doors", "all", "--guard-count", "2"], &smaller));
    let longer = [("percent", json!(50)), ("windowSeconds", json!(5400))];
    assert!(set(&["--guard-percent", "50", "--guard-window", "90m"], &longer));
    assert!(!set(&["--guard-doors", "scim", "--provider-is-authority", "false"], &[("doors", json!("scim"))]));

    let trail = host.trail();
    let actions: Vec<String> = trail.iter().map(|entry| string(entry, "action")).collect();
    let count = |action: &str| actions.iter().filter(|found| *found == action).count();
    assert_eq!([count("company.set_authority"), count("company.set_guard")], [2, 3]);
    let shown = host.json(&["company", "create", "Other"]);
    assert_members(&shown, &["uuid", "name", "domains"]);
}

async fn what_a_guard_can_not_be_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    let before = host.json(&["company", "show", "Acme"])["guard"]["windowSeconds"].clone();
    for (option, value) in [
        ("--guard-count", "0"),
        ("--guard-percent", "0"),
        ("--guard-percent", "101"),
        ("--guard-window", "soon"),
        ("--guard-window", "0s"),
        ("--guard-window", "32d"),
    ] {
        host.refusal(&["company", "set", "Acme", option, value]);
    }
    for arguments in [
        &["--guard-doors", "windows"][..],
        &[],
        &["--guard-count", "-1"],
        &["--guard-count", "many"],
        &["--provider-is-authority", "maybe"],
        &["--provider-is-authority"],
    ] {
        let run = host.run(&[&["company", "set", "Acme"][..], arguments].concat());
        assert_eq!(run.status, 2, "{arguments:?}: {run:?}");
    }
    assert_eq!(host.run(&["company", "confirm-guard", "Acme"]).status, 2);
    host.refusal(&["company", "confirm-guard", "Acme", "--allow", "0"]);
    assert_eq!(host.json(&["company", "show", "Acme"])["guard"]["windowSeconds"], before);
}

async fn more_leavers_than_the_guard_lets_are_confirmed(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["company", "set", "Acme", "--guard-count", "1"]);
    let shown = host.json(&["company", "confirm-guard", "Acme", "--allow", "250"]);
    assert_members(&shown, &SHOWN);
    assert_eq!((&shown["guard"]["limit"], &shown["guard"]["departed"]), (&json!(250), &json!(0)));
    let told = host.text(&["company", "show", "Acme"]);
    assert!(told.contains("0 of 250"), "{told}");
    assert_eq!(host.trail().last().unwrap()["action"], "company.confirm_guard");
}

async fn whom_the_command_line_stops_is_not_counted(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["company", "set", "Acme", "--guard-doors", "all", "--guard-count", "1"]);
    for act in ["suspend", "deactivate", "reactivate", "deactivate"] {
        host.json(&["user", act, LEE]);
    }
    let guard = &host.json(&["company", "show", "Acme"])["guard"];
    assert_eq!((&guard["departed"], &guard["limit"]), (&json!(0), &json!(1)));
}
