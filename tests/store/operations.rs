//! Every operation says the same on both engines.

use offboard::model::actor::{Credential, Door, Origin};
use offboard::model::audit::{Action, ActorRecord, Entry, Note, Outcome, Proof, Subject};
use offboard::model::clock::Timestamp;
use offboard::model::company::{Company, Domain};
use offboard::model::email::Email;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId, EntryId, RequestId, TokenId, UserId};
use offboard::model::scope::Scope;
use offboard::model::secret::{Kind, Secret, SecretDigest};
use offboard::model::token::{EndReason, Token, TokenKind};
use offboard::model::user::{Role, Status, User};
use offboard::store::audit::{Direction, Filter};
use offboard::store::{self, Error, Store, audit, companies, tokens, transitions, users};
use uuid::Uuid;

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

on_both_engines! {
    a_company_is_found_by_id_by_name_and_by_domain,
    a_companys_name_and_domains_are_taken_once,
    locking_an_unknown_company_is_an_inconsistency,
    a_user_is_found_by_id_and_by_any_spelling_of_the_address,
    twins_are_refused_by_the_store_itself,
    locking_within_a_company_does_not_find_foreigners,
    identifiers_are_found_within_a_company_only,
    identifiers_that_are_users_are_found_with_their_companies,
    users_are_listed_by_pages_without_gaps,
    a_status_changes_once,
    deactivating_forgets_the_password,
    other_active_admins_are_counted,
    a_token_is_found_with_its_owners_live_state,
    a_token_ends_once_and_all_of_an_owner_at_once,
    a_use_is_noted_and_never_turned_back,
    an_audit_entry_is_kept_whole_and_in_order,
    an_impossible_audit_entry_is_refused,
}

const NOW: Timestamp = Timestamp(1_795_435_200_000_000);

fn random() -> Uuid {
    id::random(&SystemEntropy)
}

fn company(name: &str, domains: &[&str]) -> Company {
    let domains = domains.iter().map(|domain| Domain::parse(domain).unwrap()).collect();
    Company::new(CompanyId(random()), name.to_owned(), domains, NOW)
}

fn user(company: CompanyId, email: &str, role: Role) -> User {
    User {
        id: UserId(random()),
        company,
        email: Email::parse(email).unwrap(),
        name: "Somebody".to_owned(),
        role,
        status: Status::Active,
        status_since: NOW,
        created_at: NOW,
    }
}

fn token(owner: UserId) -> (Token, SecretDigest) {
    let secret = Secret::generate(Kind::Token, &SystemEntropy);
    let token = Token {
        kind: TokenKind::Pat,
        id: TokenId(random()),
        user: owner,
        name: "test".to_owned(),
        hint: secret.hint().to_owned(),
        scopes: [Scope::AuditLoggingRead, Scope::UserDeactivationWrite].into_iter().collect(),
        created_at: NOW,
        expires_at: Some(Timestamp(NOW.0 + 1)),
        last_used_at: None,
        ended: None,
    };
    (token, secret.digest())
}

/// An operation of the store, run alone as a transaction.
macro_rules! write {
    ($store:expr, |$tx:ident| $work:expr) => {
        $store.write(async move |$tx| $work.await).await
    };
}
macro_rules! read {
    ($store:expr, |$tx:ident| $work:expr) => {
        $store.read(async move |$tx| $work.await).await
    };
}

async fn add_company(store: &Store, name: &str, domains: &[&str]) -> Company {
    let new = company(name, domains);
    let added = new.clone();
    write!(store, |tx| companies::insert(tx, &new)).unwrap();
    added
}

async fn add_user(store: &Store, new: User) -> User {
    let added = new.clone();
    write!(store, |tx| users::insert(tx, &new)).unwrap();
    added
}

async fn add_token(store: &Store, owner: UserId) -> (Token, SecretDigest) {
    let (new, digest) = token(owner);
    let added = new.clone();
    write!(store, |tx| tokens::insert(tx, &new, digest)).unwrap();
    (added, digest)
}

async fn open(engine: Engine) -> (Database, Store) {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    (database, store)
}

async fn a_company_is_found_by_id_by_name_and_by_domain(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme Ünited", &["b.example", "a.example"]).await;
    let mut expected = acme.clone();
    expected.domains.sort();
    let (id, domain) = (acme.id, acme.domains[0].clone());
    assert_eq!(read!(store, |tx| companies::find(tx, id)).unwrap(), Some(expected.clone()));
    assert_eq!(read!(store, |tx| companies::find_by_name(tx, "ACME ÜNITED")).unwrap(), Some(expected));
    assert_eq!(read!(store, |tx| companies::find_owner_of_domain(tx, &domain)).unwrap(), Some(acme.id));
    let (other, nobody) = (CompanyId(random()), Domain::parse("c.example").unwrap());
    assert_eq!(read!(store, |tx| companies::find(tx, other)).unwrap(), None);
    assert_eq!(read!(store, |tx| companies::find_by_name(tx, "Acme")).unwrap(), None);
    assert_eq!(read!(store, |tx| companies::find_owner_of_domain(tx, &nobody)).unwrap(), None);
    let other = add_company(&store, "Globex", &["globex.example"]).await;
    let mut listed = read!(store, |tx| companies::list_after(tx, None, 1)).unwrap();
    let last = listed.last().map(|company| company.id);
    listed.extend(read!(store, |tx| companies::list_after(tx, last, 10)).unwrap());
    let mut ids = [acme.id, other.id];
    ids.sort();
    assert_eq!(listed.iter().map(|company| company.id).collect::<Vec<_>>(), ids);
    assert!(listed.iter().any(|company| company.domains == other.domains));
}

async fn a_companys_name_and_domains_are_taken_once(engine: Engine) {
    let (_database, store) = open(engine).await;
    add_company(&store, "Acme", &["acme.example"]).await;
    for twin in [company("ACME", &[]), company("Other", &["new.example", "acme.example"])] {
        let refused = write!(store, |tx| companies::insert(tx, &twin));
        assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
    }
    let new = Domain::parse("new.example").unwrap();
    assert_eq!(read!(store, |tx| companies::find_owner_of_domain(tx, &new)).unwrap(), None, "all or nothing");
    assert_eq!(read!(store, |tx| companies::list_after(tx, None, 10)).unwrap().len(), 1);
}

async fn locking_an_unknown_company_is_an_inconsistency(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let unknown = CompanyId(random());
    assert!(write!(store, |tx| companies::lock(tx, acme.id)).is_ok());
    assert!(matches!(write!(store, |tx| companies::lock(tx, unknown)), Err(Error::Broken(_))));
}

async fn a_user_is_found_by_id_and_by_any_spelling_of_the_address(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let jose = add_user(&store, user(acme.id, "Jos\u{e9}@Acme.example", Role::CompanyManager)).await;
    let id = jose.id;
    assert_eq!(read!(store, |tx| users::find(tx, id)).unwrap(), Some(jose.clone()));
    for spelling in ["Jos\u{e9}@Acme.example", "JOSE\u{301}@ACME.EXAMPLE"] {
        let email = Email::parse(spelling).unwrap();
        assert_eq!(read!(store, |tx| users::find_by_email(tx, &email)).unwrap(), Some(jose.clone()));
    }
    let (nobody, unknown) = (Email::parse("jose@acme.example").unwrap(), UserId(random()));
    assert_eq!(read!(store, |tx| users::find_by_email(tx, &nobody)).unwrap(), None);
    assert_eq!(read!(store, |tx| users::find(tx, unknown)).unwrap(), None);
}

async fn twins_are_refused_by_the_store_itself(engine: Engine) {
    let (_database, store) = open(engine).await;
    let (acme, globex) = (add_company(&store, "Acme", &[]).await, add_company(&store, "Globex", &[]).await);
    add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await;
    let twin = user(globex.id, "ADA@acme.example", Role::Member);
    assert!(matches!(write!(store, |tx| users::insert(tx, &twin)), Err(Error::Taken(_))));
    let orphan = user(CompanyId(random()), "bob@acme.example", Role::Member);
    assert!(matches!(write!(store, |tx| users::insert(tx, &orphan)), Err(Error::Broken(_))), "of no company");
}

async fn locking_within_a_company_does_not_find_foreigners(engine: Engine) {
    let (_database, store) = open(engine).await;
    let (acme, globex) = (add_company(&store, "Acme", &[]).await, add_company(&store, "Globex", &[]).await);
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await;
    let id = ada.id;
    assert_eq!(write!(store, |tx| users::lock(tx, id, None)).unwrap(), Some(ada.clone()));
    assert_eq!(write!(store, |tx| users::lock(tx, id, Some(acme.id))).unwrap(), Some(ada));
    assert_eq!(write!(store, |tx| users::lock(tx, id, Some(globex.id))).unwrap(), None);
    let unknown = UserId(random());
    assert_eq!(write!(store, |tx| users::lock(tx, unknown, None)).unwrap(), None);
}

async fn identifiers_are_found_within_a_company_only(engine: Engine) {
    let (_database, store) = open(engine).await;
    let (acme, globex) = (add_company(&store, "Acme", &[]).await, add_company(&store, "Globex", &[]).await);
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await;
    add_user(&store, user(globex.id, "zoe@globex.example", Role::Member)).await;
    let keys = ["ada@acme.example", "zoe@globex.example", "nobody@acme.example", "ada@acme.example"];
    let found = read!(store, |tx| users::find_ids_by_email(tx, acme.id, &keys)).unwrap();
    assert_eq!(found, [("ada@acme.example".to_owned(), ada.id)]);
    assert_eq!(read!(store, |tx| users::find_ids_by_email(tx, acme.id, &[])).unwrap(), []);
}

async fn identifiers_that_are_users_are_found_with_their_companies(engine: Engine) {
    let (_database, store) = open(engine).await;
    let (acme, globex) = (add_company(&store, "Acme", &[]).await, add_company(&store, "Globex", &[]).await);
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await;
    let zoe = add_user(&store, user(globex.id, "zoe@globex.example", Role::Member)).await;
    let mut asked = vec![zoe.id, UserId(random()), UserId(acme.id.0), ada.id, zoe.id];
    asked.resize_with(users::CHUNK, || UserId(random()));
    let mut found = read!(store, |tx| users::find_companies(tx, &asked)).unwrap();
    found.sort_by_key(|(_, company)| *company == globex.id);
    assert_eq!(found, [(ada.id, acme.id), (zoe.id, globex.id)]);
    assert_eq!(read!(store, |tx| users::find_companies(tx, &[])).unwrap(), []);
}

async fn users_are_listed_by_pages_without_gaps(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let mut expected = Vec::new();
    for number in 0..10 {
        expected.push(add_user(&store, user(acme.id, &format!("user{number}@acme.example"), Role::Member)).await.id);
    }
    expected.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = read!(store, |tx| users::list_after(tx, after, 3)).unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page.iter().map(|user| user.id));
    }
    assert_eq!(listed, expected);
}

async fn a_status_changes_once(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let id = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await.id;
    let later = Timestamp(NOW.0 + 5);
    write!(store, |tx| users::set_status(tx, id, Status::Suspended, later, Door::Api)).unwrap();
    let found = read!(store, |tx| users::find(tx, id)).unwrap().unwrap();
    assert_eq!((found.status, found.status_since), (Status::Suspended, later));
    let again = write!(store, |tx| users::set_status(tx, id, Status::Suspended, later, Door::Api));
    assert!(matches!(again, Err(Error::Broken(_))), "a write that changes no row is an inconsistency");
    let unknown = UserId(random());
    assert!(write!(store, |tx| users::set_status(tx, unknown, Status::Active, later, Door::Api)).is_err());
}

async fn deactivating_forgets_the_password(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let id = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await.id;
    assert_eq!(read!(store, |tx| users::find_password_hash(tx, id)).unwrap(), None);
    write!(store, |tx| users::set_password_hash(tx, id, "$argon2id$…")).unwrap();
    assert_eq!(read!(store, |tx| users::find_password_hash(tx, id)).unwrap(), Some("$argon2id$…".to_owned()));
    write!(store, |tx| transitions::deactivate(tx, id, NOW, NOW, Door::Api)).unwrap();
    assert_eq!(read!(store, |tx| users::find_password_hash(tx, id)).unwrap(), None);
    assert_eq!(read!(store, |tx| users::find(tx, id)).unwrap().unwrap().status, Status::Deactivated);
    assert!(matches!(write!(store, |tx| transitions::deactivate(tx, id, NOW, NOW, Door::Api)), Err(Error::Broken(_))));
    let unknown = UserId(random());
    assert!(write!(store, |tx| users::set_password_hash(tx, unknown, "x")).is_err());
}

async fn other_active_admins_are_counted(engine: Engine) {
    let (_database, store) = open(engine).await;
    let (acme, globex) = (add_company(&store, "Acme", &[]).await, add_company(&store, "Globex", &[]).await);
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::MendixAdmin)).await.id;
    let bob = add_user(&store, user(acme.id, "bob@acme.example", Role::MendixAdmin)).await.id;
    add_user(&store, user(acme.id, "max@acme.example", Role::CompanyManager)).await;
    add_user(&store, user(globex.id, "zoe@globex.example", Role::MendixAdmin)).await;
    assert_eq!(read!(store, |tx| users::count_other_active_admins(tx, acme.id, ada)).unwrap(), 1);
    write!(store, |tx| users::set_status(tx, bob, Status::Suspended, NOW, Door::Api)).unwrap();
    assert_eq!(read!(store, |tx| users::count_other_active_admins(tx, acme.id, ada)).unwrap(), 0);
}

async fn a_token_is_found_with_its_owners_live_state(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let ada = add_user(&store, user(acme.id, "Ada@acme.example", Role::MendixAdmin)).await;
    let (token, digest) = add_token(&store, ada.id).await;
    let held = read!(store, |tx| tokens::find_held(tx, digest)).unwrap().unwrap();
    let identity = &held.identity;
    let credential = Credential::Token(token.id);
    assert_eq!((identity.credential, identity.user, identity.company), (credential, ada.id, acme.id));
    assert_eq!((identity.email.as_str(), identity.name.as_str()), ("Ada@acme.example", "Somebody"));
    assert_eq!((identity.role, identity.status, identity.scopes), (Role::MendixAdmin, Status::Active, token.scopes));
    assert_eq!((held.ended, held.expires_at, held.last_used_at), (false, token.expires_at, None));
    let id = ada.id;
    write!(store, |tx| users::set_status(tx, id, Status::Suspended, NOW, Door::Api)).unwrap();
    assert_eq!(read!(store, |tx| tokens::find_held(tx, digest)).unwrap().unwrap().identity.status, Status::Suspended);
    let (_, unknown) = self::token(id);
    assert!(read!(store, |tx| tokens::find_held(tx, unknown)).unwrap().is_none());
    let twin = self::token(id).0;
    assert!(matches!(write!(store, |tx| tokens::insert(tx, &twin, digest)), Err(Error::Taken(_))));
}

async fn a_token_ends_once_and_all_of_an_owner_at_once(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await.id;
    let bob = add_user(&store, user(acme.id, "bob@acme.example", Role::Member)).await.id;
    let ((first, _), (second, _), (third, _), (other, _)) = (
        add_token(&store, ada).await,
        add_token(&store, ada).await,
        add_token(&store, ada).await,
        add_token(&store, bob).await,
    );
    let (one, later) = (first.id, Timestamp(NOW.0 + 9));
    assert!(write!(store, |tx| tokens::end(tx, one, NOW, EndReason::Deleted)).unwrap());
    assert!(!write!(store, |tx| tokens::end(tx, one, later, EndReason::Deleted)).unwrap());
    assert_eq!(read!(store, |tx| tokens::count_not_ended(tx, ada)).unwrap(), 2);
    assert_eq!(write!(store, |tx| transitions::deactivate(tx, ada, later, NOW, Door::Api)).unwrap().tokens, 2);
    write!(store, |tx| users::set_status(tx, ada, Status::Active, later, Door::Api)).unwrap();
    assert_eq!(
        write!(store, |tx| transitions::deactivate(tx, ada, Timestamp(later.0 + 1), NOW, Door::Api)).unwrap().tokens,
        0
    );
    assert_eq!(read!(store, |tx| tokens::find(tx, one)).unwrap().unwrap().ended, Some((NOW, EndReason::Deleted)));
    for id in [second.id, third.id] {
        let ended = read!(store, |tx| tokens::find(tx, id)).unwrap().unwrap().ended;
        assert_eq!(ended, Some((later, EndReason::OwnerDeactivated)));
    }
    let found = read!(store, |tx| tokens::list_of(tx, bob)).unwrap();
    assert_eq!(found, [other], "others keep theirs");
}

async fn a_use_is_noted_and_never_turned_back(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await.id;
    let id = add_token(&store, ada).await.0.id;
    for (at, expected) in [(10, 10), (5, 10), (20, 20)] {
        write!(store, |tx| tokens::note_use(tx, id, Timestamp(at))).unwrap();
        assert_eq!(read!(store, |tx| tokens::find(tx, id)).unwrap().unwrap().last_used_at, Some(Timestamp(expected)));
    }
}

fn entry(company: Option<CompanyId>, actor: ActorRecord, at: i64) -> Entry {
    Entry {
        id: EntryId(random()),
        at: Timestamp(at),
        company,
        actor,
        origin: Origin { door: Door::Api, request: RequestId(random()), address: Some([192, 0, 2, 1].into()) },
        action: Action::DeactivateUser,
        subject: Some(Subject::User(UserId(random()))),
        person: None,
        outcome: Outcome::Refused("no_such_user"),
        note: Note { reason: Some("left 'the' company; --".to_owned()), ticket: Some("HR-1".to_owned()) },
        detail: Some("{}".to_owned()),
    }
}

async fn an_audit_entry_is_kept_whole_and_in_order(engine: Engine) {
    let (_database, store) = open(engine).await;
    let acme = add_company(&store, "Acme", &[]).await;
    let ada = add_user(&store, user(acme.id, "ada@acme.example", Role::Member)).await.id;
    let token = add_token(&store, ada).await.0.id;
    let entries = [
        entry(Some(acme.id), ActorRecord::User(ada, Proof::Token(token)), 3),
        entry(None, ActorRecord::Operator(None), 2),
        entry(Some(acme.id), ActorRecord::Stranger, 1),
    ];
    for entry in entries.clone() {
        write!(store, |tx| audit::append(tx, &entry)).unwrap();
    }
    let all = read!(store, |tx| audit::list(tx, &Filter::default(), Direction::Forward(0), 10)).unwrap();
    assert_eq!(all.iter().map(|entry| entry.at.0).collect::<Vec<_>>(), [3, 2, 1], "in the order written");
    assert!(all.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let (kept, written) = (&all[0], &entries[0]);
    assert_eq!((kept.actor, kept.company), (ActorRecord::User(ada, Proof::Token(token)), Some(acme.id)));
    assert_eq!((kept.door.as_str(), kept.action.as_str()), ("api", "user.deactivate"));
    assert_eq!((kept.request, kept.address.as_deref()), (written.origin.request, Some("192.0.2.1")));
    assert_eq!((kept.subject, kept.subject_kind.as_deref()), (written.subject.map(Subject::id), Some("user")));
    assert_eq!(
        (&kept.reason, &kept.ticket, &kept.detail),
        (&written.note.reason, &written.note.ticket, &written.detail)
    );
    assert_eq!(kept.refusal.as_deref(), Some("no_such_user"));
    let filter = Filter { company: Some(acme.id), ..Filter::default() };
    let own = read!(store, |tx| audit::list(tx, &filter, Direction::Forward(0), 10)).unwrap();
    assert_eq!(own, [all[0].clone(), all[2].clone()]);
    let after = all[0].seq;
    assert_eq!(
        read!(store, |tx| audit::list(tx, &Filter::default(), Direction::Forward(after), 1)).unwrap(),
        [all[1].clone()]
    );
}

async fn an_impossible_audit_entry_is_refused(engine: Engine) {
    let (database, store) = open(engine).await;
    let ghost = entry(None, ActorRecord::User(UserId(random()), Proof::Token(TokenId(random()))), 1);
    let refused: store::Result<()> = write!(store, |tx| audit::append(tx, &ghost));
    assert!(matches!(refused, Err(Error::Broken(_))), "an actor who does not exist: {refused:?}");
    drop(database);
}
