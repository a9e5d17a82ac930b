//! Transactions: all or nothing, alone or in a group, again after a conflict.

use std::sync::Arc;

use futures_util::future::join_all;
use offboard::model::clock::Timestamp;
use offboard::model::company::Company;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId};
use offboard::store::{Error, Store, companies};

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

on_both_engines! {
    a_failed_transaction_leaves_nothing,
    one_failure_in_a_group_does_not_touch_the_others,
    a_written_row_is_read_at_once_by_every_store,
    a_reader_can_not_write,
    transactions_that_lock_each_others_rows_all_end_well,
    a_caller_that_goes_away_leaves_no_half_transaction,
}

fn company(name: &str) -> Company {
    let id = CompanyId(id::random(&SystemEntropy));
    Company::new(id, name.to_owned(), Vec::new(), Timestamp(0))
}

async fn count(store: &Store) -> usize {
    store.read(async |tx| companies::list_after(tx, None, 1000).await).await.unwrap().len()
}

async fn insert(store: &Store, company: Company) -> Result<(), Error> {
    store.write(async move |tx| companies::insert(tx, &company).await).await
}

async fn a_failed_transaction_leaves_nothing(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    let (one, other) = (company("one"), company("other"));
    let outcome: Result<(), Error> = store
        .write(async move |tx| {
            companies::insert(tx, &one).await?;
            companies::insert(tx, &other).await?;
            Err(Error::Broken("as the test wants it".to_owned()))
        })
        .await;
    assert!(matches!(outcome, Err(Error::Broken(_))));
    assert_eq!(count(&store).await, 0);
    insert(&store, company("one")).await.unwrap();
}

async fn one_failure_in_a_group_does_not_touch_the_others(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    insert(&store, company("taken")).await.unwrap();
    let names = (0..200).map(|number| if number % 3 == 0 { "taken".to_owned() } else { format!("company {number}") });
    let outcomes = join_all(names.map(|name| insert(&store, company(&name)))).await;
    let failed = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Taken(_)))).count();
    assert_eq!((failed, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (67, 133));
    assert_eq!(count(&store).await, 134);
}

async fn a_written_row_is_read_at_once_by_every_store(engine: Engine) {
    let database = Database::fresh(engine).await;
    let (one, other) = (database.open().await, database.open().await);
    for number in 0..50 {
        let (writer, reader) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        insert(writer, company(&format!("company {number}"))).await.unwrap();
        assert_eq!(count(reader).await, number + 1);
    }
}

async fn a_reader_can_not_write(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    let new = company("one");
    let outcome = store.read(async move |tx| companies::insert(tx, &new).await).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(count(&store).await, 0);
}

async fn transactions_that_lock_each_others_rows_all_end_well(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = Arc::new(database.open().await);
    let (one, other) = (company("one"), company("other"));
    let (a, b) = (one.id, other.id);
    insert(&store, one).await.unwrap();
    insert(&store, other).await.unwrap();
    let tasks = (0..6).map(|number| {
        let store = Arc::clone(&store);
        let (first, second) = if number % 2 == 0 { (a, b) } else { (b, a) };
        tokio::spawn(async move {
            store
                .write(async move |tx| {
                    companies::lock(tx, first).await?;
                    companies::lock(tx, second).await
                })
                .await
        })
    });
    for outcome in join_all(tasks).await {
        outcome.unwrap().unwrap();
    }
}

async fn a_caller_that_goes_away_leaves_no_half_transaction(engine: Engine) {
    let database = Database::fresh(engine).await;
    let store = Arc::new(database.open().await);
    for number in 0..50 {
        let task = tokio::spawn({
            let store = Arc::clone(&store);
            let (one, other) = (company(&format!("one {number}")), company(&format!("other {number}")));
            async move {
                store
                    .write(async move |tx| {
                        companies::insert(tx, &one).await?;
                        companies::insert(tx, &other).await
                    })
                    .await
            }
        });
        for _ in 0..number {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _ = task.await;
    }
    // A last write queues behind all that may still run.
    insert(&store, company("last")).await.unwrap();
    assert_eq!(count(&store).await % 2, 1, "pairs, and the last one");
}

#[tokio::test]
async fn a_revision_stays_until_anybody_commits() {
    let database = Database::fresh(Engine::Sqlite).await;
    let (one, other) = (database.open().await, database.open().await);
    insert(&one, company("first")).await.unwrap();
    let revision = |store: &Store| store.revision(std::time::Duration::ZERO).unwrap().unwrap();
    let before = revision(&one);
    assert_eq!(count(&one).await, 1);
    assert_eq!((revision(&one), revision(&other)), (before, before), "reading changes nothing");

    let mut seen = vec![before];
    for number in 0..50 {
        let writer = if number % 2 == 0 { &one } else { &other };
        insert(writer, company(&format!("company {number}"))).await.unwrap();
        let after = revision(&one);
        assert!(!seen.contains(&after), "a commit is seen at once, and no revision comes back");
        seen.push(after);
    }
    database.db_execute("UPDATE companies SET created_at = 1; PRAGMA wal_checkpoint(TRUNCATE)").await;
    assert!(!seen.contains(&revision(&one)), "by another program too");
}

/// A link to the file, with the leftovers of another database beside the link.
#[tokio::test]
async fn a_database_behind_a_symbolic_link_is_watched_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link.db"), folder.path().join("target.db"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    std::fs::write(folder.path().join("link.db-shm"), vec![7; 32_768]).unwrap();
    let store = Store::open(offboard::store::Location::Sqlite(link), &SystemEntropy).await.unwrap();
    let other = Store::open(offboard::store::Location::Sqlite(target), &SystemEntropy).await.unwrap();
    let revision = |store: &Store| store.revision(std::time::Duration::ZERO).unwrap().unwrap();
    let before = revision(&store);
    insert(&other, company("one")).await.unwrap();
    assert_ne!(revision(&store), before);
    assert_eq!(count(&store).await, 1);
}
