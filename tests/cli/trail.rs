//! `offboard audit export`

use serde_json::{Value, json};

use crate::harness::{ADA, DEACTIVATE, Host, LEE, READ_LOG, assert_members, lines, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    what_commands_did_stands_in_the_trail_in_its_order,
    who_acted_is_told_with_what_proved_it,
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

async fn who_acted_is_told_with_what_proved_it(engine: Engine) {
    const PASSWORD: &str = "correct horse battery";
    let host = Host::with_people(engine).await;
    let (ada, lee, admin) = (host.uuid(ADA), host.uuid(LEE), host.token(ADA, DEACTIVATE));
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    let follow = |command: &[&str], form: &str| {
        let link = string(&host.json(command), "link");
        let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();
        assert_eq!(server.ask("POST", path, None, form).status, 303, "{command:?}");
    };
    follow(&["user", "invite", LEE], "password=correct+horse+battery&again=correct+horse+battery");
    assert_eq!(server.ask("POST", "/sign-in", None, &format!("email={LEE}&password=x")).status, 401);
    assert_eq!(server.visit("POST", "/sign-out", &server.sign_in(LEE, PASSWORD)).status, 303);
    follow(&["break-glass", "Acme", "--reason", "locked out"], "");
    assert_eq!(server.deactivate(&lee, &admin).status, 204);

    let trail = host.trail();
    let [token, invited, set, failed, started, ended, prepared, entered, deactivated] = &trail[3..] else {
        panic!("{:?}", actions(&trail))
    };
    let operator = json!({"kind": "operator"});
    assert_eq!([&token["actor"], &invited["actor"], &prepared["actor"]], [&operator; 3]);
    assert_eq!(set["actor"], json!({"kind": "user", "uuid": lee, "linkUuid": invited["detail"]["link"]}));
    assert_eq!((&failed["actor"], &failed["refusal"]), (&json!({"kind": "stranger"}), &json!("wrong_password")));
    let session = json!({"kind": "user", "uuid": lee, "sessionUuid": started["subject"]["uuid"]});
    assert_eq!([&started["actor"], &ended["actor"]], [&session; 2]);
    assert_eq!(entered["actor"], json!({"kind": "operator", "sessionUuid": entered["subject"]["uuid"]}));
    assert_eq!(deactivated["actor"], json!({"kind": "user", "uuid": ada, "tokenUuid": admin.uuid}));
    for entry in [invited, set, failed, started, ended, deactivated] {
        assert_eq!(entry["personUuid"], lee, "{entry}");
    }
    assert_eq!(token["personUuid"], ada, "whose it is");
    assert_eq!([&prepared["personUuid"], &entered["personUuid"]], [&Value::Null; 2], "they concern nobody");
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
