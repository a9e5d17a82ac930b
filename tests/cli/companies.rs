//! `offboard company …`

use serde_json::json;

use crate::harness::{Host, Run, assert_members, assert_uuid, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_company_is_made_with_its_domains,
    a_name_or_a_domain_belongs_to_one_company,
    what_is_no_name_or_no_domain_is_refused,
}

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
