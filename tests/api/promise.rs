//! The promise: when the call has returned, nothing that begins afterwards succeeds. Races, and random histories.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use offboard::domain;
use offboard::model::entropy::{Entropy, SeededEntropy};
use offboard::model::id::TokenId;
use offboard::model::scope::Scope;
use offboard::model::token::TokenKind;
use offboard::model::user::Status;

use crate::harness::{Person, Platform, act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    no_live_token_is_left_when_issuing_races_deactivation,
    two_admins_who_deactivate_each_other_leave_exactly_one,
    a_crowd_of_admins_leaves_exactly_one,
    no_check_that_begins_after_the_answer_succeeds,
    what_one_node_ends_every_node_refuses,
    an_admin_who_was_deactivated_meanwhile_changes_nothing_more,
    random_histories_agree_with_the_rules,
}

async fn no_live_token_is_left_when_issuing_races_deactivation(engine: Engine) {
    let platform = Arc::new(Platform::start(engine).await);
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let mut issued = 0;
    for round in 0..60 {
        let lee = platform.member(&acme, &format!("lee{round}")).await;
        let issuing = (0..6).map(|_| {
            let (platform, owner) = (Arc::clone(&platform), lee.id);
            tokio::spawn(async move {
                let scopes = Scope::ALL.into_iter().collect();
                platform.directory.issue_token(&operator(), owner, TokenKind::Pat, "race", scopes, None).await
            })
        });
        let (outcomes, answer) = tokio::join!(join_all(issuing), platform.deactivate(&ada, lee.id));
        assert_eq!(answer.status, 204);
        for outcome in outcomes {
            match outcome.unwrap() {
                Ok((_, secret)) => {
                    issued += 1;
                    assert_eq!(platform.me(secret.reveal()).await, 401);
                }
                Err(error) => assert!(
                    matches!(error, domain::Error::Refused(domain::Refusal::WrongStatus(Status::Deactivated))),
                    "{error}"
                ),
            }
        }
        let tokens = platform.directory.list_tokens(lee.id).await.unwrap();
        assert!(tokens.iter().all(|token| token.ended.is_some()), "{tokens:?}");
    }
    assert!(issued > 0, "the race never let a token through: it tests nothing");
}

async fn two_admins_who_deactivate_each_other_leave_exactly_one(engine: Engine) {
    let platform = Platform::start(engine).await;
    for round in 0..40 {
        let company = platform.company(&format!("Acme{round}")).await;
        let (ada, bob) = (platform.admin(&company, "ada").await, platform.admin(&company, "bob").await);
        let (one, other) = tokio::join!(platform.deactivate(&ada, bob.id), platform.deactivate(&bob, ada.id));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert!(statuses == [204, 403] || statuses == [204, 401], "{statuses:?}");
        let alive = [platform.me(&ada.token).await, platform.me(&bob.token).await];
        assert_eq!(alive.iter().filter(|status| **status == 200).count(), 1, "{alive:?}");
    }
}

async fn a_crowd_of_admins_leaves_exactly_one(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let admins: Vec<Person> = join_all(["a", "b", "c", "d", "e", "f"].map(|name| platform.admin(&acme, name))).await;
    let calls = admins.iter().flat_map(|caller| {
        let others = admins.iter().filter(|target| target.id != caller.id);
        others.map(|target| platform.deactivate(caller, target.id))
    });
    join_all(calls.collect::<Vec<_>>()).await;
    let alive = join_all(admins.iter().map(|admin| platform.me(&admin.token))).await;
    assert_eq!(alive.iter().filter(|status| **status == 200).count(), 1, "{alive:?}");
}

async fn no_check_that_begins_after_the_answer_succeeds(engine: Engine) {
    let platform = Arc::new(Platform::start(engine).await);
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for round in 0..10 {
        let lee = Arc::new(platform.member(&acme, &format!("lee{round}")).await);
        let (returned, let_in) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let checkers = (0..4).map(|_| {
            let (platform, lee) = (Arc::clone(&platform), Arc::clone(&lee));
            let (returned, let_in) = (Arc::clone(&returned), Arc::clone(&let_in));
            tokio::spawn(async move {
                let mut after = 0;
                while after < 5 {
                    let began_after = returned.load(Ordering::SeqCst);
                    let status = platform.me(&lee.token).await;
                    if began_after {
                        after += 1;
                        assert_eq!(status, 401, "a check that began after T0 was let in");
                    } else if status == 200 {
                        let_in.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        let checkers: Vec<_> = checkers.collect();
        while let_in.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
        returned.store(true, Ordering::SeqCst);
        for checker in checkers {
            checker.await.unwrap();
        }
    }
}

async fn what_one_node_ends_every_node_refuses(engine: Engine) {
    let platform = Platform::start(engine).await;
    let other = platform.another_node().await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for round in 0..20 {
        let lee = platform.member(&acme, &format!("lee{round}")).await;
        for _ in 0..10 {
            assert_eq!(platform.me_at(&other, &lee.token).await, 200, "warm every memory there may be");
        }
        platform.deactivate(&ada, lee.id).await;
        assert_eq!(platform.me_at(&other, &lee.token).await, 401);
        assert_eq!(platform.me(&lee.token).await, 401);
    }
}

async fn an_admin_who_was_deactivated_meanwhile_changes_nothing_more(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, bob, lee) =
        (platform.admin(&acme, "ada").await, platform.admin(&acme, "bob").await, platform.member(&acme, "lee").await);
    // The gate let Bob in; then Ada deactivates him, before his request reaches its transaction.
    let token = offboard::model::secret::Secret::parse(offboard::model::secret::Kind::Token, &bob.token).unwrap();
    let admitted = platform.gate.authenticate(&token, offboard::access::Use::Counts).await.unwrap().unwrap();
    let mut caller = operator();
    caller.actor = admitted.actor;
    platform.deactivate(&ada, bob.id).await;
    let refused = platform.directory.deactivate(&caller, lee.id, act()).await;
    assert!(matches!(refused, Err(domain::Error::Refused(domain::Refusal::CallerEnded))), "{refused:?}");
    assert_eq!(platform.me(&lee.token).await, 200);
}

/// What the rules say of one person, kept beside the real thing.
struct Expected {
    status: Status,
    tokens: Vec<(TokenId, String, bool)>,
}

async fn random_histories_agree_with_the_rules(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    platform.admin(&acme, "ada").await;
    for seed in 0..12 {
        history(&platform, platform.member(&acme, &format!("lee{seed}")).await, seed).await;
    }
}

async fn history(platform: &Platform, lee: Person, seed: u64) {
    let dice = SeededEntropy::new(seed);
    let roll = |sides: u8| {
        let mut byte = [0];
        dice.fill(&mut byte);
        byte[0] % sides
    };
    let mut expected = Expected { status: Status::Active, tokens: vec![(lee.token_id, lee.token.clone(), true)] };
    for step in 0..40 {
        let context = format!("seed {seed}, step {step}");
        apply_random_step(platform, &lee, &mut expected, roll(7), roll(8), &context).await;
        platform.clock.advance(Duration::from_secs(1));
        for (_, token, live) in &expected.tokens {
            let lets_in = *live && expected.status == Status::Active;
            assert_eq!(platform.me(token).await, if lets_in { 200 } else { 401 }, "{context}");
        }
        assert_eq!(platform.directory.find_user(&lee.email).await.unwrap().status, expected.status, "{context}");
    }
}

async fn apply_random_step(
    platform: &Platform,
    lee: &Person,
    expected: &mut Expected,
    act_number: u8,
    pick: u8,
    context: &str,
) {
    let directory = &platform.directory;
    let (from, who) = (expected.status, operator());
    let outcome = match act_number {
        0 | 1 => {
            let scopes = Scope::ALL.into_iter().collect();
            let issued = directory.issue_token(&who, lee.id, TokenKind::Pat, "history", scopes, None).await;
            assert_eq!(issued.is_ok(), from == Status::Active, "{context}");
            if let Ok((token, secret)) = issued {
                expected.tokens.push((token.id, secret.reveal().to_owned(), true));
            }
            return;
        }
        2 => {
            let place = usize::from(pick) % expected.tokens.len();
            directory.delete_token(&who, expected.tokens[place].0).await.unwrap();
            expected.tokens[place].2 = false;
            return;
        }
        3 => (directory.suspend(&who, lee.id, act()).await, Status::Suspended, from != Status::Deactivated),
        4 => (directory.resume(&who, lee.id, act()).await, Status::Active, from != Status::Deactivated),
        5 => (directory.deactivate(&who, lee.id, act()).await, Status::Deactivated, true),
        _ => (directory.reactivate(&who, lee.id, act()).await, Status::Active, from != Status::Suspended),
    };
    let (transition, to, allowed) = outcome;
    assert_eq!(transition.is_ok(), allowed, "{context}: {transition:?}");
    if allowed {
        expected.status = to;
    }
    if to == Status::Deactivated {
        expected.tokens.iter_mut().for_each(|(_, _, live)| *live = false);
    }
}

/// Warms what a node remembers of these people.
async fn warm(platform: &Platform, people: &[&Person]) {
    for _ in 0..2 {
        for person in people {
            assert_eq!(platform.me(&person.token).await, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_changes_in_the_file_holds_at_once() {
    let platform = Platform::start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (ada, lee, max) =
        (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    let (_, second) = platform.token(max.id, &[Scope::AuditLoggingRead]).await;
    for (change, dead, alive) in [
        (format!("UPDATE users SET status = 'suspended' WHERE id = x'{}'", lee.id.0.simple()), &lee.token, &max.token),
        (format!("UPDATE tokens SET expires_at = 1 WHERE id = x'{}'", max.token_id.0.simple()), &max.token, &second),
        (format!("DELETE FROM tokens WHERE user_id = x'{}'", max.id.0.simple()), &second, &ada.token),
    ] {
        assert_eq!(
            (platform.me(dead).await, platform.me(alive).await),
            (200.try_into().unwrap(), 200.try_into().unwrap())
        );
        platform.database.db_execute(&change).await;
        assert_eq!(platform.me(dead).await, 401, "{change}");
        assert_eq!(platform.me(alive).await, 200, "{change}");
    }
    warm(&platform, &[&ada]).await;
    platform.database.db_execute("UPDATE users SET role = 'member'").await;
    platform.deactivate(&ada, lee.id).await.error_object(403, "Forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_changes_than_are_told_one_by_one_are_heard_all_the_same() {
    let platform = Platform::start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    warm(&platform, &[&ada, &lee]).await;
    let log = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
               INSERT INTO access_changes (user_id) SELECT zeroblob(16) FROM n";
    let suspend = format!("UPDATE users SET status = 'suspended' WHERE id = x'{}'", lee.id.0.simple());
    platform.database.db_execute(&format!("BEGIN; {log}; {suspend}; {log}; COMMIT")).await;
    assert_eq!(
        (platform.me(&lee.token).await, platform.me(&ada.token).await),
        (401.try_into().unwrap(), 200.try_into().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_put_back_into_the_file_is_believed() {
    let platform = Platform::start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    let path = platform.database.url().strip_prefix("sqlite:").unwrap();
    let backup = format!("{path}.backup");
    rusqlite::Connection::open(path).unwrap().backup("main", &backup, None::<fn(_)>).unwrap();
    for _ in 0..3 {
        platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
        warm(&platform, &[&ada, &lee]).await;
        platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
        platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
        warm(&platform, &[&ada, &lee]).await;
        rusqlite::Connection::open(path).unwrap().restore("main", &backup, None::<fn(_)>).unwrap();
        assert_eq!(platform.me(&lee.token).await, 401, "suspended in the backup");
        assert_eq!(platform.me(&ada.token).await, 200);
    }
    // The log of the backup grows to the length that was heard of the other one, before anybody listens again.
    platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
    warm(&platform, &[&ada, &lee]).await;
    let max = platform.member(&acme, "max").await;
    rusqlite::Connection::open(path).unwrap().backup("main", &backup, None::<fn(_)>).unwrap();
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    warm(&platform, &[&ada, &max]).await;
    rusqlite::Connection::open(path).unwrap().restore("main", &backup, None::<fn(_)>).unwrap();
    platform.directory.suspend(&operator(), max.id, act()).await.unwrap();
    let answers = [platform.me(&max.token).await, platform.me(&lee.token).await];
    assert_eq!(answers.map(|status| status.as_u16()), [401, 200]);
}
