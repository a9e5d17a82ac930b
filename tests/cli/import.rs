//! `offboard user import`

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{ADA, Host, LEE, Run, array, assert_members, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    every_row_becomes_a_user,
    a_second_import_changes_nothing,
    rows_that_fail_are_told_and_the_others_made,
    two_spellings_of_an_address_are_one_user,
    a_row_that_is_not_utf_8_fails_alone,
    columns_stand_in_any_order_and_more_of_them_are_ignored,
    a_quotation_mark_that_is_never_closed_does_not_swallow_the_file,
    what_is_no_list_of_users_is_refused,
    some_thousand_rows_need_more_than_one_transaction,
}

fn import(host: &Host, csv: impl AsRef<[u8]>) -> Run {
    host.write("people.csv", csv);
    host.run(&["user", "import", "people.csv", "--company", "Acme", "--format", "json"])
}

/// The counts and the failures, by line, of an import with this exit status.
#[track_caller]
fn report(run: &Run, status: i32) -> (Value, Value, Vec<Value>) {
    assert_eq!((run.status, run.err.as_str()), (status, ""), "{run:?}");
    let document = run.document();
    assert_members(&document, &["created", "unchanged", "failed"]);
    let mut failed = array(&document, "failed");
    for failure in &failed {
        assert_members(failure, &["line", "email", "reason"]);
    }
    failed.sort_by_key(|failure| failure["line"].as_u64());
    (document["created"].clone(), document["unchanged"].clone(), failed)
}

async fn every_row_becomes_a_user(engine: Engine) {
    let host = Host::with_people(engine).await;
    let run =
        import(&host, "email,name,admin\nkim@acme.example,\"Kim \"\"K\"\" Lee\",true\nbo@acme.example,Bo,false\n");
    assert_eq!(report(&run, 0), (json!(2), json!(0), Vec::new()));
    let kim = host.user("kim@acme.example");
    assert_eq!((&kim["name"], &kim["admin"]), (&json!("Kim \"K\" Lee"), &json!(true)));
    assert_eq!(host.user("bo@acme.example")["admin"], json!(false));

    host.write("more.csv", "email,name,admin\nmax@acme.example,Max,\n");
    let told = host.text(&["user", "import", "more.csv", "--company", "Acme"]);
    assert!(told.starts_with("1 made"), "{told}");
}

async fn a_second_import_changes_nothing(engine: Engine) {
    const CSV: &str = "email,name,admin\nkim@acme.example,Kim,true\nbo@acme.example,Bo,false\n";
    let host = Host::with_people(engine).await;
    report(&import(&host, CSV), 0);
    let found = (host.json(&["user", "list"]), host.trail());
    assert_eq!(report(&import(&host, CSV), 0), (json!(0), json!(2), Vec::new()));
    assert_eq!((host.json(&["user", "list"]), host.trail()), found);
}

async fn rows_that_fail_are_told_and_the_others_made(engine: Engine) {
    const CSV: &str = "email,name,admin\n\
        kim@acme.example,Kim,true\n\
        no address,X,false\n\
        max@acme.example,Max,maybe\n\
        bob@other.example,Bob,false\n\
        lee@acme.example,Somebody Else,false\n\
        short@acme.example\n\
        bo@acme.example,Bo,false\n";
    let host = Host::with_people(engine).await;
    host.json(&["company", "create", "Other", "--domain", "other.example"]);
    let run = import(&host, CSV);
    let (created, unchanged, failed) = report(&run, 1);
    assert_eq!((created, unchanged), (json!(2), json!(0)));
    let expected = [
        (3, "no address", "e-mail address"),
        (4, "max@acme.example", "admin"),
        (5, "bob@other.example", "belongs to another company"),
        (6, LEE, "exists already"),
        (7, "short@acme.example", "name"),
    ];
    assert_eq!(failed.len(), expected.len(), "{failed:?}");
    for (failure, (line, email, reason)) in failed.iter().zip(expected) {
        assert_eq!((&failure["line"], &failure["email"]), (&json!(line), &json!(email)), "{failure}");
        assert!(string(failure, "reason").contains(reason), "{failure}");
    }
    host.user("bo@acme.example");

    let told = host.run(&["user", "import", "people.csv", "--company", "Acme"]);
    assert_eq!((told.status, told.err.as_str()), (1, ""), "{told:?}");
    assert!(told.out.contains("line 3: no address: ") && told.out.contains("2 there already, 5 failed"), "{told:?}");
}

async fn two_spellings_of_an_address_are_one_user(engine: Engine) {
    const CSV: &str = "email,name,admin\n\
        jos\u{e9}@acme.example,Jos\u{e9},false\n\
        JOSE\u{301}@ACME.EXAMPLE,Jos\u{e9},false\n\
        jos\u{e9}@acme.example,Jos\u{e9},true\n";
    let host = Host::with_people(engine).await;
    let (created, unchanged, failed) = report(&import(&host, CSV), 1);
    assert_eq!((created, unchanged), (json!(1), json!(1)));
    assert_eq!((failed.len(), &failed[0]["line"]), (1, &json!(4)), "{failed:?}");
    assert_eq!(host.user("jos\u{e9}@acme.example")["admin"], json!(false), "the first row counts");
}

async fn a_row_that_is_not_utf_8_fails_alone(engine: Engine) {
    let host = Host::with_people(engine).await;
    let run = import(&host, b"email,name,admin\nkim@acme.example,K\xefm,false\nbo@acme.example,Bo,false\n");
    let (created, _, failed) = report(&run, 1);
    assert_eq!((created, failed.len()), (json!(1), 1));
    assert!(failed[0]["line"] == 2 && string(&failed[0], "reason").contains("UTF-8"), "{failed:?}");
}

async fn columns_stand_in_any_order_and_more_of_them_are_ignored(engine: Engine) {
    let host = Host::with_people(engine).await;
    let run = import(&host, "\u{feff}Name,Phone,ADMIN,Email\r\nKim,1234,yes,kim@acme.example\r\n");
    assert_eq!(report(&run, 0), (json!(1), json!(0), Vec::new()));
    assert_eq!(host.user("kim@acme.example")["admin"], json!(true));
}

async fn a_quotation_mark_that_is_never_closed_does_not_swallow_the_file(engine: Engine) {
    let host = Host::with_people(engine).await;
    let rest = "bo@acme.example,Bo,false\n".repeat(200_000);
    let head = "email,name,admin\nkim@acme.example,Kim,false\nmax@acme.example,\"Max,false\n";
    let run = import(&host, format!("{head}{rest}"));
    assert_eq!((run.status, run.err.as_str()), (1, ""), "{run:?}");
    assert_eq!(run.document()["created"], 1, "{run:?}");
    assert!(run.out.contains("line 3: ") && run.out.contains("quotation mark"), "where and why it stopped: {run:?}");
}

async fn what_is_no_list_of_users_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    for csv in [
        "",
        "\n",
        "email,name\nx@acme.example,X\n",
        "x@acme.example,X,false\n",
        "email;name;admin\n",
        "email,name,admin,admin\n",
    ] {
        let error = import(&host, csv).refused();
        assert!(string(&error, "hint").contains("email,name,admin"), "{csv:?}: {error}");
    }
    host.write("people.csv", "email,name,admin\n");
    host.refusal(&["user", "import", "missing.csv", "--company", "Acme"]);
    host.refusal(&["user", "import", ".", "--company", "Acme"]);
    host.refusal(&["user", "import", "people.csv", "--company", "Nowhere"]);
    assert_eq!(array(&host.json(&["user", "list"]), "users").len(), 2);
}

fn rows(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user.{number}@acme.example,User {number},false\n"))
}

async fn some_thousand_rows_need_more_than_one_transaction(engine: Engine) {
    let host = Host::with_people(engine).await;
    let csv: String = std::iter::once("email,name,admin\n".to_owned()).chain(rows(2_001)).collect();
    assert_eq!(report(&import(&host, &csv), 0), (json!(2_001), json!(0), Vec::new()));
    assert_eq!(report(&import(&host, &csv), 0), (json!(0), json!(2_001), Vec::new()));
    let users = array(&host.json(&["user", "list"]), "users");
    assert_eq!(users.len(), 2_003);
    assert!(users.iter().any(|user| user["emailAddress"] == ADA));
}

/// Feeds many rows and looks, before it ends their stream, at the most memory that was ever in use.
#[cfg(target_os = "linux")]
fn feed(mut command: Command, count: usize) -> (Run, u64) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stream = BufWriter::new(child.stdin.take().unwrap());
    stream.write_all(b"email,name,admin\n").unwrap();
    for row in rows(count) {
        stream.write_all(row.as_bytes()).unwrap();
    }
    stream.flush().unwrap();
    let peak = crate::harness::peak_memory(child.id());
    drop(stream);
    (child.wait_with_output().unwrap().into(), peak)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hundred_thousand_rows_are_imported_in_bounded_memory() {
    const COUNT: usize = 100_000;
    let host = Host::with_people(Engine::Sqlite).await;
    let arguments = ["user", "import", "-", "--company", "Acme", "--format", "json"];
    for expected in [(json!(COUNT), json!(0), Vec::new()), (json!(0), json!(COUNT), Vec::new())] {
        let (run, peak) = feed(host.command(&arguments), COUNT);
        assert_eq!(report(&run, 0), expected);
        assert!(peak < 200 * 1024, "{peak} KiB");
    }
    assert_eq!(array(&host.json(&["user", "list"]), "users").len(), COUNT + 2);
}
