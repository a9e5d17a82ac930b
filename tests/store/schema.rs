//! Migrations: applied once, under a lock, and never by a version that does not know them.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use offboard::store::{Error, Store, audit};

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

on_both_engines! {
    nodes_that_start_at_once_do_not_collide,
    a_schema_of_a_newer_version_is_refused,
    an_edited_migration_is_refused,
    the_audit_trail_can_not_be_changed_by_statements,
}

async fn nodes_that_start_at_once_do_not_collide(engine: Engine) {
    let database = Arc::new(Database::fresh(engine).await);
    let starts = (0..8).map(|_| {
        let database = Arc::clone(&database);
        tokio::spawn(async move { Store::open(database.location()).await.map(|_| ()) })
    });
    for start in join_all(starts).await {
        start.unwrap().unwrap();
    }
}

async fn refused(database: &Database) {
    match Store::open(database.location()).await {
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

async fn the_audit_trail_can_not_be_changed_by_statements(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    let operator = offboard::model::audit::ActorRecord::Operator;
    let entry = offboard::model::audit::Entry {
        id: offboard::model::id::EntryId(uuid::Uuid::nil()),
        at: offboard::model::clock::Timestamp(0),
        company: None,
        actor: operator(None),
        origin: offboard::model::actor::Origin {
            door: offboard::model::actor::Door::CommandLine,
            request: offboard::model::id::RequestId(uuid::Uuid::nil()),
            address: None,
        },
        action: offboard::model::audit::Action::CreateCompany,
        subject: None,
        person: None,
        outcome: offboard::model::audit::Outcome::Done,
        note: offboard::model::audit::Note::default(),
        detail: None,
    };
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
