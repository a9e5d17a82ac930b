//! Migrations: applied once, under a lock, and never by a version that does not know them.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use offboard::model::actor::{Door, Origin};
use offboard::model::audit::{Action, ActorRecord, Entry, Note, Outcome, Proof};
use offboard::model::clock::Timestamp;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{EntryId, RequestId, TokenId, UserId};
use offboard::store::{Error, Store, audit, changes, members, tokens, users};
use sha2::{Digest, Sha256};

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

on_both_engines! {
    nodes_that_start_at_once_do_not_collide,
    a_schema_of_a_newer_version_is_refused,
    an_edited_migration_is_refused,
    the_audit_trail_can_not_be_changed_by_statements,
    a_database_of_the_version_before_keeps_what_it_holds,
}

async fn nodes_that_start_at_once_do_not_collide(engine: Engine) {
    let database = Arc::new(Database::fresh(engine).await);
    let starts = (0..8).map(|_| {
        let database = Arc::clone(&database);
        tokio::spawn(async move { Store::open(database.location(), &SystemEntropy).await.map(|_| ()) })
    });
    for start in join_all(starts).await {
        start.unwrap().unwrap();
    }
}

async fn refused(database: &Database) {
    match Store::open(database.location(), &SystemEntropy).await {
        Err(Error::Broken(message)) => assert!(message.contains("does not know"), "{message}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a schema that this version does not know was opened"),
    }
}

async fn a_schema_of_a_newer_version_is_refused(engine: Engine) {
    let database = Database::fresh(engine).await;
    drop(database.open().await);
    database.db_execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'later', 'x')").await;
    refused(&database).await;
}

async fn an_edited_migration_is_refused(engine: Engine) {
    let database = Database::fresh(engine).await;
    drop(database.open().await);
    database.db_execute("UPDATE schema_migrations SET checksum = 'edited' WHERE number = 1").await;
    refused(&database).await;
}

fn entry() -> Entry {
    Entry {
        id: EntryId(uuid::Uuid::nil()),
        at: Timestamp(0),
        company: None,
        actor: ActorRecord::Operator(None),
        origin: Origin { door: Door::CommandLine, request: RequestId(uuid::Uuid::nil()), address: None },
        action: Action::CreateCompany,
        subject: None,
        person: None,
        outcome: Outcome::Done,
        note: Note::default(),
        detail: None,
    }
}

async fn the_audit_trail_can_not_be_changed_by_statements(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    let entry = entry();
    store.write(async move |tx| audit::append(tx, &entry).await).await.unwrap();
    let replace = match engine {
        Engine::Sqlite => Some("REPLACE INTO audit_entries SELECT * FROM audit_entries"),
        Engine::Postgres => Some("TRUNCATE audit_entries"),
    };
    for change in ["UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"].into_iter().chain(replace) {
        assert!(database.db_try_execute(change).await.is_err(), "{change}");
    }
    let kept = store
        .read(async |tx| audit::list(tx, &audit::Filter::default(), audit::Direction::Forward(0), 10).await)
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
}

#[test]
fn migrations_mirror_each_other_by_number_and_name() {
    let names = |engine: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

/// The database as the version before wrote it, brought up to date.
async fn a_database_of_the_version_before_keeps_what_it_holds(engine: Engine) {
    let database = Database::fresh(engine).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let folder = folder.join(if engine == Engine::Sqlite { "sqlite" } else { "postgres" });
    let mut before = "CREATE TABLE schema_migrations \
        (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL);"
        .to_owned();
    for (number, name) in [(1, "0001_initial"), (2, "0002_access_changes")] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.sql"))).unwrap();
        let checksum =
            Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        before += &text;
        before += &format!("INSERT INTO schema_migrations VALUES ({number}, '{name}', '{checksum}');");
    }
    let id = |last: u8| match engine {
        Engine::Sqlite => format!("X'{:032x}'", u128::from(last)),
        Engine::Postgres => format!("'{}'", uuid::Uuid::from_u128(last.into())),
    };
    let digest = |last: u8| match engine {
        Engine::Sqlite => format!("X'{last:064x}'"),
        Engine::Postgres => format!("'\\x{last:064x}'"),
    };
    let (company, lee, token, ended) = (id(1), id(2), id(3), id(4));
    before += &format!(
        "INSERT INTO companies VALUES ({company}, 'Acme', 'acme', 0);
         INSERT INTO users VALUES ({lee}, {company}, 'Lee@a.example', 'lee@a.example', 'Léa Ö', 'member', 'active', 0, 'x', 0);
         INSERT INTO tokens (id, user_id, name, digest, hint, scopes, created_at) VALUES ({token}, {lee}, 't', {}, 'abcd', '', 0);
         INSERT INTO tokens VALUES ({ended}, {lee}, 'e', {}, 'abcd', '', 0, NULL, NULL, 5, 'deleted');",
        digest(1),
        digest(2)
    );
    for (entry, actor, subject) in [
        (id(5), format!("'user', {lee}, {token}"), format!("'token', {ended}")),
        (id(6), "'operator', NULL, NULL".to_owned(), format!("'user', {lee}")),
        (id(7), "'operator', NULL, NULL".to_owned(), format!("'company', {company}")),
    ] {
        before += &format!(
            "INSERT INTO audit_entries (id, at, company_id, actor_kind, actor_user_id, actor_token_id, door, request_id, \
             action, subject_kind, subject_id, outcome) \
             VALUES ({entry}, 1, {company}, {actor}, 'api', {company}, 'x', {subject}, 'done');"
        );
    }
    database.db_execute(&before).await;

    let store = database.open().await;
    let entries = store
        .read(async |tx| audit::list(tx, &audit::Filter::default(), audit::Direction::Forward(0), 10).await)
        .await
        .unwrap();
    let lee = UserId(uuid::Uuid::from_u128(2));
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(entries.iter().map(|entry| entry.person).collect::<Vec<_>>(), [Some(lee), Some(lee), None]);
    let token = TokenId(uuid::Uuid::from_u128(3));
    assert_eq!(entries[0].actor, ActorRecord::User(lee, Proof::Token(token)));
    assert_eq!([entries[1].actor, entries[2].actor], [ActorRecord::Operator(None); 2]);
    let user = store.read(async move |tx| users::find(tx, lee).await).await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.email.as_str()), ("Léa Ö", "Lee@a.example"));
    let hash = store.read(async move |tx| users::find_password_hash(tx, lee).await).await.unwrap();
    assert_eq!(hash.as_deref(), Some("x"), "who could sign in still can");
    let tokens = store.read(async move |tx| tokens::list_of(tx, lee).await).await.unwrap();
    assert_eq!(tokens.iter().filter(|token| token.ended.is_some()).count(), 1);
    let selection = members::Selection {
        company: entries[0].company.unwrap(),
        status: offboard::model::user::Status::Active,
        terms: vec!["lea".to_owned()],
        order: members::Order::Name,
        descending: false,
    };
    let found = store.read(async move |tx| members::list(tx, &selection, None, 10).await).await.unwrap();
    assert_eq!(found.users.iter().map(|user| user.id).collect::<Vec<_>>(), [lee]);
    store.write(async |tx| audit::append(tx, &entry()).await).await.unwrap();
    let next = store
        .read(async |tx| audit::list(tx, &audit::Filter::default(), audit::Direction::Forward(3), 10).await)
        .await
        .unwrap();
    assert_eq!(next.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4], "the numbers go on");
    for change in ["UPDATE audit_entries SET action = 'y'", "DELETE FROM audit_entries"] {
        assert!(database.db_try_execute(change).await.is_err(), "{change}");
    }
    if engine == Engine::Sqlite {
        let before = store.read(async |tx| changes::list_after(tx, None).await).await.unwrap().last;
        database.db_execute("UPDATE tokens SET ended_at = 9, end_reason = 'rotated' WHERE ended_at IS NULL").await;
        let news = store.read(async move |tx| changes::list_after(tx, before.as_ref()).await).await.unwrap();
        assert_eq!(news.users, Some(vec![lee]), "memories hear of it");
    }
}
