//! Sessions, and links that work once: found with what is live of them, bounded in time, ended for good.

use offboard::model::actor::{Actor, BreakGlass, Credential, Door};
use offboard::model::clock::Timestamp;
use offboard::model::company::Company;
use offboard::model::email::Email;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId, LinkId, SessionId, UserId};
use offboard::model::link::{self, Link, Purpose};
use offboard::model::scope::Scopes;
use offboard::model::secret::{Kind, Secret, SecretDigest};
use offboard::model::session::{self, Opening, Session};
use offboard::model::user::{Role, Status, User};
use offboard::store::sessions::Owner;
use offboard::store::{Error, Store, companies, links, sessions, users};
use uuid::Uuid;

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

on_both_engines! {
    a_session_is_found_with_its_owners_live_state,
    a_break_glass_session_is_a_companys_and_nobodys,
    a_session_ends_once_and_all_of_an_owner_but_one,
    a_session_lives_up_to_its_bounds,
    a_use_of_a_session_is_never_turned_back,
    a_link_is_found_whole_until_its_time,
    a_link_ends_once_and_all_of_a_user_at_once,
    what_somebody_made_for_others_ends_apart_from_what_is_his,
    a_link_counts_as_made_lately_while_it_lives,
}

const NOW: i64 = 1_795_435_200_000_000;
/// When every session and link here is over.
const END: i64 = 100;

pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp(NOW + micros)
}

pub(super) fn random() -> Uuid {
    id::random(&SystemEntropy)
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

pub(super) struct Scene {
    _database: Database,
    pub(super) store: Store,
    pub(super) company: CompanyId,
    pub(super) ada: UserId,
    pub(super) lee: UserId,
}

/// A company, its admin Ada and its member Lee.
pub(super) async fn scene(engine: Engine) -> Scene {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    let company = CompanyId(random());
    let name = "Acme".to_owned();
    let new = Company::new(company, name, Vec::new(), at(0));
    write!(store, |tx| companies::insert(tx, &new)).unwrap();
    let user = |email, role| User {
        id: UserId(random()),
        company,
        email: Email::parse(email).unwrap(),
        name: "Somebody".to_owned(),
        role,
        status: Status::Active,
        status_since: at(0),
        created_at: at(0),
    };
    let (admin, member) = (user("Ada@acme.example", Role::MendixAdmin), user("lee@acme.example", Role::Member));
    let (ada, lee) = (admin.id, member.id);
    for new in [admin, member] {
        write!(store, |tx| users::insert(tx, &new)).unwrap();
    }
    Scene { _database: database, store, company, ada, lee }
}

fn session() -> (Session, SecretDigest) {
    let session = Session {
        id: SessionId(random()),
        opened_by: Opening::Password,
        device: "Firefox on Linux".to_owned(),
        address: Some("192.0.2.1".to_owned()),
        created_at: at(0),
        last_seen_at: at(0),
        expires_at: at(END),
    };
    (session, Secret::generate(Kind::Session, &SystemEntropy).digest())
}

fn link(purpose: Purpose, made_by: Option<UserId>) -> (Link, SecretDigest) {
    let link = Link { id: LinkId(random()), purpose, made_by, created_at: at(0), expires_at: at(END) };
    (link, Secret::generate(Kind::Link, &SystemEntropy).digest())
}

impl Scene {
    pub(super) async fn open_session(&self, owner: UserId) -> (Session, SecretDigest) {
        let (new, digest) = session();
        let added = new.clone();
        write!(self.store, |tx| sessions::insert(tx, Owner::User(owner), &new, digest)).unwrap();
        (added, digest)
    }

    pub(super) async fn held(&self, digest: SecretDigest) -> Option<sessions::Held> {
        read!(self.store, |tx| sessions::find_held(tx, digest)).unwrap()
    }

    pub(super) async fn add_link(&self, purpose: Purpose, made_by: Option<UserId>) -> (Link, SecretDigest) {
        let (new, digest) = link(purpose, made_by);
        let added = new.clone();
        write!(self.store, |tx| links::insert(tx, &new, digest)).unwrap();
        (added, digest)
    }

    pub(super) async fn find_link(&self, digest: SecretDigest, now: Timestamp) -> Option<Link> {
        read!(self.store, |tx| links::find_live(tx, digest, now)).unwrap()
    }
}

async fn a_session_is_found_with_its_owners_live_state(engine: Engine) {
    let scene = scene(engine).await;
    let (store, ada) = (&scene.store, scene.ada);
    let (session, digest) = scene.open_session(ada).await;
    let held = scene.held(digest).await.unwrap();
    assert_eq!((held.session, &*held.company_name, held.ended), (session.id, "Acme", false));
    assert_eq!((held.last_seen_at, held.expires_at), (session.last_seen_at, session.expires_at));
    let Actor::User(identity) = &held.actor else { panic!("{held:?}") };
    let credential = Credential::Session(session.id);
    assert_eq!((identity.credential, identity.user, identity.company), (credential, ada, scene.company));
    assert_eq!((identity.email.as_str(), identity.name.as_str()), ("Ada@acme.example", "Somebody"));
    assert_eq!((identity.role, identity.status), (Role::MendixAdmin, Status::Active));

    write!(store, |tx| users::set_rights(tx, ada, Role::Member, Scopes::default())).unwrap();
    write!(store, |tx| users::set_status(tx, ada, Status::Suspended, at(1), Door::Api)).unwrap();
    let held = scene.held(digest).await.unwrap();
    let Actor::User(identity) = &held.actor else { panic!("{held:?}") };
    assert_eq!((identity.role, identity.status), (Role::Member, Status::Suspended));

    let id = session.id;
    assert_eq!(read!(store, |tx| sessions::find_user(tx, id)).unwrap(), Some(ada));
    let (twin, unknown) = self::session();
    assert!(scene.held(unknown).await.is_none());
    let refused = write!(store, |tx| sessions::insert(tx, Owner::User(ada), &twin, digest));
    assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
}

async fn a_break_glass_session_is_a_companys_and_nobodys(engine: Engine) {
    let scene = scene(engine).await;
    let (store, company, lee) = (&scene.store, scene.company, scene.lee);
    let (planned, digest) = session();
    let glass = Session { opened_by: Opening::BreakGlass, ..planned };
    let id = glass.id;
    let new = glass.clone();
    assert!(write!(store, |tx| sessions::insert(tx, Owner::User(lee), &new, digest)).is_err(), "no user opens one");
    write!(store, |tx| sessions::insert(tx, Owner::Operator(company), &glass, digest)).unwrap();
    let held = scene.held(digest).await.unwrap();
    let reach = BreakGlass { company, session: id };
    assert!(matches!(held.actor, Actor::BreakGlass(found) if found == reach), "{held:?}");
    assert_eq!(&*held.company_name, "Acme");
    assert_eq!(read!(store, |tx| sessions::find_user(tx, id)).unwrap(), None);
    assert!(read!(store, |tx| sessions::is_live(tx, id, at(END - 1))).unwrap());
}

async fn a_session_ends_once_and_all_of_an_owner_but_one(engine: Engine) {
    let scene = scene(engine).await;
    let (store, lee) = (&scene.store, scene.lee);
    let ((one, _), (own, own_digest), (third, third_digest), (_, other_digest)) = (
        scene.open_session(lee).await,
        scene.open_session(lee).await,
        scene.open_session(lee).await,
        scene.open_session(scene.ada).await,
    );
    let (one, own, third) = (one.id, own.id, third.id);
    let reason = session::EndReason::Ended;
    assert!(write!(store, |tx| sessions::end(tx, one, at(1), reason)).unwrap());
    assert!(!write!(store, |tx| sessions::end(tx, one, at(2), reason)).unwrap(), "once");
    let unknown = SessionId(random());
    assert!(!write!(store, |tx| sessions::end(tx, unknown, at(2), reason)).unwrap());

    assert_eq!(write!(store, |tx| sessions::end_all_of(tx, lee, Some(own), at(3), at(-1), reason)).unwrap(), 1);
    assert!(scene.held(third_digest).await.unwrap().ended && !scene.held(own_digest).await.unwrap().ended);
    assert!(!read!(store, |tx| sessions::is_live(tx, third, at(4))).unwrap());
    assert!(read!(store, |tx| sessions::is_live(tx, own, at(4))).unwrap());
    for expected in [1, 0] {
        assert_eq!(write!(store, |tx| sessions::end_all_of(tx, lee, None, at(5), at(-1), reason)).unwrap(), expected);
    }
    assert!(scene.held(own_digest).await.unwrap().ended);
    assert!(!scene.held(other_digest).await.unwrap().ended, "others keep theirs");
}

async fn a_session_lives_up_to_its_bounds(engine: Engine) {
    let scene = scene(engine).await;
    let (store, lee) = (&scene.store, scene.lee);
    let session = scene.open_session(lee).await.0;
    let id = session.id;
    for (now, idle_since, live) in [(END - 1, -1, 1), (END, -1, 0), (END - 1, 0, 0)] {
        let (now, idle_since) = (at(now), at(idle_since));
        let listed = read!(store, |tx| sessions::list_live_of(tx, lee, now, idle_since)).unwrap();
        assert_eq!(listed, vec![session.clone(); live], "{now} {idle_since}");
        let count = read!(store, |tx| sessions::count_live_of(tx, lee, None, now, idle_since)).unwrap();
        assert_eq!(count, live as u64, "{now} {idle_since}");
        let but = read!(store, |tx| sessions::count_live_of(tx, lee, Some(id), now, idle_since)).unwrap();
        assert_eq!(but, 0, "{now} {idle_since}");
        // How long it idled is a second question.
        assert_eq!(read!(store, |tx| sessions::is_live(tx, id, now)).unwrap(), now < at(END), "{now}");
    }
    write!(store, |tx| sessions::end(tx, id, at(1), session::EndReason::SignedOut)).unwrap();
    assert!(!read!(store, |tx| sessions::is_live(tx, id, at(2))).unwrap());
    assert_eq!(read!(store, |tx| sessions::count_live_of(tx, lee, None, at(2), at(-1))).unwrap(), 0);
    assert_eq!(read!(store, |tx| sessions::list_live_of(tx, lee, at(2), at(-1))).unwrap(), []);
}

async fn a_use_of_a_session_is_never_turned_back(engine: Engine) {
    let scene = scene(engine).await;
    let (store, lee) = (&scene.store, scene.lee);
    let ((used, digest), (unused, _)) = (scene.open_session(lee).await, scene.open_session(lee).await);
    let id = used.id;
    for (used_at, expected) in [(10, 10), (5, 10), (20, 20)] {
        write!(store, |tx| sessions::note_use(tx, id, at(used_at))).unwrap();
        assert_eq!(scene.held(digest).await.unwrap().last_seen_at, at(expected));
    }
    let listed = read!(store, |tx| sessions::list_live_of(tx, lee, at(21), at(-1))).unwrap();
    assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [used.id, unused.id], "the latest first");
}

async fn a_link_is_found_whole_until_its_time(engine: Engine) {
    let scene = scene(engine).await;
    let store = &scene.store;
    for (purpose, made_by) in [
        (Purpose::Invitation(scene.lee), Some(scene.ada)),
        (Purpose::Reset(scene.lee), None),
        (Purpose::BreakGlass(scene.company, "both 'admins' are locked out; --".to_owned()), None),
    ] {
        let (link, digest) = scene.add_link(purpose, made_by).await;
        assert_eq!(scene.find_link(digest, at(END - 1)).await, Some(link.clone()));
        assert_eq!(scene.find_link(digest, at(END)).await, None, "{link:?}");
        let (twin, unknown) = self::link(link.purpose, made_by);
        assert_eq!(scene.find_link(unknown, at(0)).await, None);
        let refused = write!(store, |tx| links::insert(tx, &twin, digest));
        assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
    }
}

async fn a_link_ends_once_and_all_of_a_user_at_once(engine: Engine) {
    let scene = scene(engine).await;
    let (store, lee) = (&scene.store, scene.lee);
    let (used, digest) = scene.add_link(Purpose::Invitation(lee), None).await;
    let mut own = Vec::new();
    for made_by in [None, Some(scene.ada)] {
        own.push(scene.add_link(Purpose::Reset(lee), made_by).await.1);
    }
    let others = [
        scene.add_link(Purpose::Reset(scene.ada), Some(lee)).await.1,
        scene.add_link(Purpose::BreakGlass(scene.company, "x".to_owned()), None).await.1,
    ];
    let id = used.id;
    assert!(write!(store, |tx| links::end(tx, id, at(1), link::EndReason::Used)).unwrap());
    assert!(!write!(store, |tx| links::end(tx, id, at(2), link::EndReason::Used)).unwrap(), "once");
    assert_eq!(scene.find_link(digest, at(2)).await, None);
    for expected in [2, 0] {
        let end = write!(store, |tx| links::end_all_of(tx, lee, at(3), link::EndReason::Replaced));
        assert_eq!(end.unwrap(), expected);
    }
    for digest in own {
        assert_eq!(scene.find_link(digest, at(4)).await, None);
    }
    for digest in others {
        assert!(scene.find_link(digest, at(4)).await.is_some(), "others keep theirs");
    }
}

async fn what_somebody_made_for_others_ends_apart_from_what_is_his(engine: Engine) {
    let scene = scene(engine).await;
    let (store, ada) = (&scene.store, scene.ada);
    let made = scene.add_link(Purpose::Invitation(scene.lee), Some(ada)).await.1;
    let asked_for = scene.add_link(Purpose::Reset(scene.lee), None).await.1;
    let own = scene.add_link(Purpose::Reset(ada), None).await.1;
    for expected in [1, 0] {
        assert_eq!(write!(store, |tx| links::end_all_made_by(tx, ada, at(1))).unwrap(), expected);
    }
    assert_eq!(scene.find_link(made, at(2)).await, None);
    for digest in [asked_for, own] {
        assert!(scene.find_link(digest, at(2)).await.is_some());
    }
}

async fn a_link_counts_as_made_lately_while_it_lives(engine: Engine) {
    let scene = scene(engine).await;
    let (store, lee, ada) = (&scene.store, scene.lee, scene.ada);
    let id = scene.add_link(Purpose::Reset(lee), None).await.0.id;
    for (user, after, expected) in [(lee, -1, true), (lee, 0, false), (ada, -1, false)] {
        assert_eq!(read!(store, |tx| links::was_made_since(tx, user, at(after))).unwrap(), expected, "{after}");
    }
    write!(store, |tx| links::end(tx, id, at(1), link::EndReason::Used)).unwrap();
    assert!(!read!(store, |tx| links::was_made_since(tx, lee, at(-1))).unwrap(), "an ended one is no matter");
}
