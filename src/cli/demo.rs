//! `offboard serve --demo`: a sample company in a database that is thrown away, and what to try with it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::operator::Operator;
use super::output::Failure;
use crate::domain::Policy;
use crate::domain::groups::NewGroup;
use crate::domain::passwords::Password;
use crate::domain::users::NewUser;
use crate::model::company::Domain;
use crate::model::entropy::SystemEntropy;
use crate::model::id;
use crate::model::scope::Scope;
use crate::model::service::Purpose;
use crate::model::token::TokenKind;
use crate::model::user::{Role, User};
use crate::store::Store;

/// Of everybody in the sample company who has one; the database is thrown away.
const DEMO_PASSWORD: &str = "correct horse battery staple 42";

/// A folder that is deleted when the server stops.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("offboard-demo-{}", id::random(&SystemEntropy).simple()));
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
            .create(&path)
            .map_err(|error| Failure::of_file(&path, &error))?;
        Ok(Self(path))
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.join("offboard.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fills the database and prints the walk of the User Deactivation API as lines to paste.
pub(super) async fn fill(folder: &Folder, store: Arc<Store>, policy: Policy, url: &str) -> Result<(), Failure> {
    let operator = Operator::over(store, policy, url.to_owned());
    let Operator { directory, caller, .. } = &operator;
    let company = directory.create_company(caller, "Acme", vec![Domain::parse("acme.example")?]).await?;
    let mut users = Vec::new();
    for (email, name, role) in [
        ("ada.admin@acme.example", "Ada Admin", Role::MendixAdmin),
        ("lee.leaver@acme.example", "Lee Leaver", Role::Member),
        ("max.member@acme.example", "Max Member", Role::Member),
    ] {
        users.push(directory.create_user(caller, company.id, NewUser::parse(email, name, role)?).await?);
    }
    for user in &users[..2] {
        let password = Password::new(DEMO_PASSWORD.to_owned());
        directory.set_password(caller, user.id, password).await?;
    }
    let admin = [Scope::UserDeactivationWrite, Scope::UserIdentifiersRead];
    let admin = token(&operator, &users[0], "joiner-mover-leaver", &admin).await?;
    let leaver = token(&operator, &users[1], "a script", &[Scope::AuditLoggingRead]).await?;
    let members = users[1..].iter().map(|user| user.id).collect();
    let group = NewGroup { name: "Platform".to_owned(), members, ..NewGroup::default() };
    directory.create_group(caller, company.id, group).await?;
    let (_, scim) = directory.create_service(caller, "demo", Some(company.id), Purpose::Provisions).await?;
    let (uuid, scim) = (users[1].id.to_string(), scim.reveal().to_owned());
    print(&mut std::io::stdout().lock(), &Walk { url, admin, leaver, scim, uuid, database: &folder.database() })?;
    Ok(())
}

async fn token(operator: &Operator, owner: &User, name: &str, scopes: &[Scope]) -> Result<String, Failure> {
    let scopes = scopes.iter().copied().collect();
    let Operator { directory, caller, .. } = operator;
    let (_, secret) = directory.issue_token(caller, owner.id, TokenKind::Pat, name, scopes, None).await?;
    Ok(secret.reveal().to_owned())
}

struct Walk<'a> {
    url: &'a str,
    admin: String,
    leaver: String,
    /// What an identity provider shows.
    scim: String,
    uuid: String,
    database: &'a Path,
}

fn print(out: &mut impl Write, walk: &Walk<'_>) -> std::io::Result<()> {
    let Walk { url, admin, leaver, scim, uuid, database } = walk;
    let database = database.display();
    write!(
        out,
        "\
Offboard serves a sample company, Acme, at {url} (forgotten when it stops).
Ada Admin is its Mendix Admin; Lee Leaver is about to leave. Paste these lines into another terminal:

# 1. Lee's personal access token works.
curl -i {url}/api/v1/me -H 'Authorization: MxToken {leaver}'

# 2. Ada looks up Lee's UUID by e-mail address.
curl -s {url}/v1/uuids -H 'Authorization: MxToken {admin}' -d '{{\"emailAddresses\":[{{\"emailAddress\":\"lee.leaver@acme.example\"}}]}}'

# 3. Ada deactivates Lee.
curl -i -X PATCH {url}/v1/platform-users/{uuid} -H 'Authorization: MxToken {admin}' -d '{{\"active\":false}}'

# 4. Lee's personal access token is refused.
curl -i {url}/api/v1/me -H 'Authorization: MxToken {leaver}'

# 5. An identity provider, which keeps users and groups by SCIM, sees it too: \"active\":false.
curl -s '{url}/scim/v2/Users?filter=userName%20eq%20%22lee.leaver@acme.example%22' -H 'Authorization: Bearer {scim}'

# The command line works on the same data, while the server runs.
offboard --database sqlite:{database} user show lee.leaver@acme.example
offboard --database sqlite:{database} audit export

Console: {url}/sign-in (ada.admin@acme.example or lee.leaver@acme.example, password: {DEMO_PASSWORD})
API page: {url}/docs (choose Authorize and enter: MxToken {admin})
Ctrl-C stops.
"
    )?;
    out.flush()
}
