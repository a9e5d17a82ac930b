//! What writers and nodes owe each other, on PostgreSQL: a write returns when every node has heard, or its lease is over.

use std::sync::Arc;
use std::time::Duration;

use offboard::model::clock::{Clock, SystemClock, Timestamp};
use offboard::model::company::Company;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId};
use offboard::store::nodes::{Inbox, Node};
use offboard::store::{LEASE, Store, companies};
use tokio::task::JoinHandle;

use crate::support::database::{Database, Engine};

/// Far less than a lease, and far more than a round takes.
const SOON: Duration = Duration::from_millis(700);

struct Cluster {
    database: Database,
    store: Arc<Store>,
}

impl Cluster {
    async fn make() -> Self {
        let database = Database::fresh(Engine::Postgres).await;
        let store = Arc::new(database.open().await);
        Self { database, store }
    }

    async fn join(&self) -> (Node, Inbox) {
        self.store.join(id::random(&SystemEntropy)).await.unwrap().unwrap()
    }

    /// A process beside that makes a company.
    async fn writing(&self) -> JoinHandle<Duration> {
        let store = self.database.open().await;
        tokio::spawn(async move { write(&store).await })
    }
}

/// How long a write took.
async fn write(store: &Store) -> Duration {
    let clock = SystemClock::start();
    let id = CompanyId(id::random(&SystemEntropy));
    let name = id.to_string();
    let company = Company::new(id, name, Vec::new(), Timestamp(0));
    store.write(async move |tx| companies::insert(tx, &company).await).await.unwrap();
    clock.monotonic()
}

async fn waits(writing: &mut JoinHandle<Duration>) -> bool {
    tokio::time::timeout(Duration::from_millis(300), writing).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_until_each_node_has_heard() {
    let cluster = Cluster::make().await;
    let ((one, mut inbox_of_one), (other, mut inbox_of_other)) = (cluster.join().await, cluster.join().await);
    let before = one.changes_after(None).await.unwrap().last;
    let mut writing = cluster.writing().await;
    let (news_of_one, news_of_other) = (inbox_of_one.next().await.unwrap(), inbox_of_other.next().await.unwrap());
    one.changes_after(before.as_ref()).await.unwrap();
    one.confirm(news_of_one).await.unwrap();
    assert!(waits(&mut writing).await, "one of two has heard");
    other.confirm(news_of_other).await.unwrap();
    assert!(writing.await.unwrap() < LEASE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_silent_is_waited_for_for_a_lease_and_not_again() {
    let cluster = Cluster::make().await;
    let (node, _inbox) = cluster.join().await;
    assert!(write(&cluster.store).await >= LEASE);
    assert!(write(&cluster.store).await < SOON);
    assert!(!node.renew().await.unwrap(), "it finds that it is none any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_renews_and_hears_nothing_is_waited_for_each_time() {
    let cluster = Cluster::make().await;
    let (node, _inbox) = cluster.join().await;
    for _ in 0..2 {
        let mut writing = cluster.writing().await;
        assert!(waits(&mut writing).await);
        assert!(node.renew().await.unwrap());
        assert!(writing.await.unwrap() >= LEASE);
    }
    assert!(node.renew().await.unwrap(), "it may have heard by its renewal, and trusts its memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_left_is_not_waited_for() {
    let cluster = Cluster::make().await;
    let (node, _inbox) = cluster.join().await;
    node.leave().await.unwrap();
    assert!(write(&cluster.store).await < SOON);
    assert!(!node.renew().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_changes_nothing_waits_too() {
    let cluster = Cluster::make().await;
    let (node, mut inbox) = cluster.join().await;
    let store = Arc::clone(&cluster.store);
    let mut writing = tokio::spawn(async move {
        let clock = SystemClock::start();
        store.write(async |tx| companies::list_after(tx, None, 1).await.map(|_| ())).await.unwrap();
        clock.monotonic()
    });
    let news = inbox.next().await.unwrap();
    assert!(waits(&mut writing).await);
    node.confirm(news).await.unwrap();
    assert!(writing.await.unwrap() < LEASE);
}

/// The first time it is told as all are; from then on, while it is alone, it is asked without the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_the_node_of_its_own_process_each_time() {
    let cluster = Cluster::make().await;
    let (node, mut inbox) = cluster.join().await;
    for _ in 0..3 {
        let store = Arc::clone(&cluster.store);
        let mut writing = tokio::spawn(async move { write(&store).await });
        let news = inbox.next().await.unwrap();
        assert!(waits(&mut writing).await);
        node.confirm(news).await.unwrap();
        assert!(writing.await.unwrap() < LEASE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_joins_beside_the_own_one_is_waited_for_at_once() {
    let cluster = Cluster::make().await;
    let (own, mut own_inbox) = cluster.join().await;
    let writing = || {
        let store = Arc::clone(&cluster.store);
        tokio::spawn(async move { write(&store).await })
    };
    for _ in 0..2 {
        let written = writing();
        own.confirm(own_inbox.next().await.unwrap()).await.unwrap();
        assert!(written.await.unwrap() < LEASE);
    }
    let beside = cluster.database.open().await;
    let (other, mut inbox) = beside.join(id::random(&SystemEntropy)).await.unwrap().unwrap();
    for _ in 0..2 {
        let mut writing = writing();
        own.confirm(own_inbox.next().await.unwrap()).await.unwrap();
        assert!(waits(&mut writing).await, "the other one has not heard");
        other.confirm(inbox.next().await.unwrap()).await.unwrap();
        assert!(writing.await.unwrap() < LEASE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_node_that_went_away_is_waited_for_for_a_lease_and_not_again() {
    let cluster = Cluster::make().await;
    let (node, mut inbox) = cluster.join().await;
    for _ in 0..2 {
        let store = Arc::clone(&cluster.store);
        let writing = tokio::spawn(async move { write(&store).await });
        node.confirm(inbox.next().await.unwrap()).await.unwrap();
        assert!(writing.await.unwrap() < LEASE);
    }
    drop((node, inbox));
    assert!(write(&cluster.store).await >= LEASE);
    assert!(write(&cluster.store).await < SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_nobodys_access_does_not_wait() {
    let cluster = Cluster::make().await;
    let (_node, _inbox) = cluster.join().await;
    let clock = SystemClock::start();
    cluster.store.append(async |tx| companies::list_after(tx, None, 1).await.map(|_| ())).await.unwrap();
    assert!(clock.monotonic() < SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_writer_was_told_counts_for_no_other() {
    let cluster = Cluster::make().await;
    let (node, mut inbox) = cluster.join().await;
    let one = cluster.writing().await;
    let news = inbox.next().await.unwrap();
    let mut other = cluster.writing().await;
    let later = inbox.next().await.unwrap();
    node.confirm(news).await.unwrap();
    assert!(one.await.unwrap() < LEASE && waits(&mut other).await);
    node.confirm(later).await.unwrap();
    assert!(other.await.unwrap() < LEASE);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_at_once_share_a_round() {
    let cluster = Cluster::make().await;
    let (node, mut inbox) = cluster.join().await;
    let hearing = tokio::spawn(async move {
        let mut rounds = 0;
        while let Ok(Some(news)) = tokio::time::timeout(SOON, inbox.next()).await {
            rounds += 1;
            node.confirm(news).await.unwrap();
        }
        rounds
    });
    let writes = (0..100).map(|_| {
        let store = Arc::clone(&cluster.store);
        tokio::spawn(async move { write(&store).await })
    });
    for took in futures_util::future::join_all(writes).await {
        assert!(took.unwrap() < LEASE);
    }
    let rounds = hearing.await.unwrap();
    assert!((1..100).contains(&rounds), "{rounds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_in_one_database_do_not_wait_for_each_other() {
    let (one, other) = (Cluster::make().await, Cluster::make().await);
    let (_node, _inbox) = other.join().await;
    assert!(write(&one.store).await < SOON);
}

#[tokio::test]
async fn sqlite_has_one_node_and_no_wait() {
    let database = Database::fresh(Engine::Sqlite).await;
    let store = database.open().await;
    assert!(store.join(id::random(&SystemEntropy)).await.unwrap().is_none());
    assert!(write(&store).await < SOON);
}
