//! `offboard audit export`

use serde_json::{Value, json};

use crate::harness::{Host, LEE, READ_LOG, assert_members, lines, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    what_commands_did_stands_in_the_trail_in_its_order,
    a_company_s_trail_holds_nothing_of_another,
    the_trail_can_be_written_to_a_file,
    a_trail_that_can_not_be_written_is_a_failure,
}

fn actions(trail: &[Value]) -> Vec<String> {
    trail.iter().map(|entry| string(entry, "action")).collect()
}

async fn what_commands_did_stands_in_the_trail_in_its_order(engine: Engine) {
    const ENTRY: [&str; 15] = [
        "seq",
        "at",
        "companyUuid",
        "actor",
        "door",
        "requestId",
        "clientAddress",
        "action",
        "subject",
        "outcome",
        "refusal",
        "reason",
        "ticket",
        "detail",
        "personUuid",
    ];
    let host = Host::with_people(engine).await;
    let token = host.token(LEE, READ_LOG);
    host.json(&["token", "delete", &token.uuid]);
    host.json(&["user", "deactivate", LEE]);
    let trail = host.trail();
    assert_eq!(
        actions(&trail),
        ["company.create", "user.create", "user.create", "token.create", "token.delete", "user.deactivate"]
    );
    for entry in &trail {
        assert_members(entry, &ENTRY);
        assert_eq!((&entry["actor"]["kind"], &entry["outcome"]), (&json!("operator"), &json!("done")), "{entry}");
    }
    assert!(trail.is_sorted_by_key(|entry| entry["seq"].as_i64()));
}

async fn a_company_s_trail_holds_nothing_of_another(engine: Engine) {
    let host = Host::with_people(engine).await;
    let other = host.json(&["company", "create", "Other"]);
    let uuid = string(&other, "uuid");
    for reference in ["Other", &uuid] {
        let trail = lines(&host.text(&["audit", "export", "--company", reference]));
        assert_eq!(actions(&trail), ["company.create"], "{reference}");
        assert_eq!(trail[0]["companyUuid"], other["uuid"]);
    }
    host.refusal(&["audit", "export", "--company", "Nowhere"]);
}

async fn the_trail_can_be_written_to_a_file(engine: Engine) {
    let host = Host::with_people(engine).await;
    assert_eq!(host.text(&["audit", "export", "--out", "trail.jsonl"]), "");
    let written = std::fs::read_to_string(host.path("trail.jsonl")).unwrap();
    assert_eq!(lines(&written), host.trail());
}

async fn a_trail_that_can_not_be_written_is_a_failure(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.refusal(&["audit", "export", "--out", "no/such/folder/trail.jsonl"]);
}
