//! `offboard group …`

use std::io::BufWriter;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::choice;
use super::operator::Operator;
use super::output::{Failure, Format, Listing};
use super::user;
use crate::domain::Error;
use crate::domain::groups::{Edit, NewGroup};
use crate::model::group::{Group, Rights};
use crate::model::id::UserId;
use crate::model::user::Role;

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Make a group of a company
    #[command(after_help = "With --role or --scope, the group gives rights to all its members. Locked, only the \
        identity provider, scripts and the operator change its name and its members, and the console does not.\n\n\
        Examples:\n  offboard group create Platform --company Acme --description 'Runs the platform'\n  \
        offboard group create 'Mendix Admins' --company Acme --locked --role mendix_admin")]
    Create {
        /// Its name; no other group of the company has it, in whatever case
        name: String,
        /// Whose group it is: a company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Keep the console from changing its name and its members
        #[arg(long)]
        locked: bool,
        /// The role that members have at least
        #[arg(long, value_name = "ROLE", value_parser = choice::role(&Role::ALL[1..]))]
        role: Option<Role>,
        /// A scope that members may give to their tokens; may be given again
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// List the groups of a company, by name
    List {
        /// The company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: String,
        /// Only those whose name holds this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show a group
    Show(Which),
    /// Change a group's name, description, lock or rights
    #[command(after_help = "Examples:\n  offboard group change Platform --company Acme --name 'Platform team'\n  \
        offboard group change 'Mendix Admins' --company Acme --lock --role mendix_admin")]
    Change {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        changes: Changes,
    },
    /// Delete a group: its members stay, and lose the rights that it gave
    Delete(Which),
    /// List the members of a group, by e-mail address
    Members(Which),
    /// Take users of the company into a group
    #[command(
        after_help = "Example:\n  offboard group add-member Platform lee@acme.example max@acme.example --company Acme"
    )]
    AddMember {
        #[command(flatten)]
        which: Which,
        /// E-mail address or UUID; who is a member already stays one
        #[arg(value_name = "EMAIL", required = true)]
        users: Vec<String>,
    },
    /// Take users out of a group
    RemoveMember {
        #[command(flatten)]
        which: Which,
        /// E-mail address or UUID; who is no member is left alone
        #[arg(value_name = "EMAIL", required = true)]
        users: Vec<String>,
    },
}

/// Names a group.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Name or UUID
    group: String,
    /// Whose group it is: a company, by name or UUID
    #[arg(long, value_name = "NAME|UUID")]
    company: String,
}

/// What is to be changed about a group: at least one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Changes {
    /// Give it another name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Say what it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Keep the console from changing its name and its members
    #[arg(long, conflicts_with = "unlock")]
    lock: bool,
    /// Let the console change it again
    #[arg(long)]
    unlock: bool,
    /// The role that members have at least
    #[arg(long, value_name = "ROLE", value_parser = choice::role(&Role::ALL[1..]), conflicts_with = "no_role")]
    role: Option<Role>,
    /// Let it give no role
    #[arg(long)]
    no_role: bool,
    /// A scope that members may give to their tokens, in the place of those before; may be given again
    #[arg(long = "scope", value_name = "SCOPE", conflicts_with = "no_scopes")]
    scopes: Vec<String>,
    /// Let it give no scopes
    #[arg(long)]
    no_scopes: bool,
}

/// How many groups, or members, are read at once.
const PAGE: u64 = 1000;

impl GroupCommand {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let Operator { directory, caller, .. } = operator;
        match self {
            Self::Create { name, company, description, locked, role, scopes } => {
                let rights = Rights { role, scopes: choice::scopes(&scopes)? };
                let description = description.unwrap_or_default();
                let company = directory.find_company(&company).await?;
                let new = NewGroup { name, description, locked, rights, ..NewGroup::default() };
                let group = directory.create_group(caller, company.id, new).await?;
                format.print(&document(&group), || format!("Made the group {} ({})", group.name, group.id))
            }
            Self::List { company, search } => list(operator, &company, &search.unwrap_or_default(), format).await,
            Self::Show(which) => {
                let group = which.find(operator).await?;
                format.print(&document(&group), || show(&group))
            }
            Self::Change { which, changes } => {
                let found = which.find(operator).await?;
                let (expected, edits) = changes.read(&found)?;
                let group = directory.edit_group(caller, found.company, found.id, expected, edits).await?;
                format.print(&document(&group), || show(&group))
            }
            Self::Delete(which) => {
                let group = which.find(operator).await?;
                directory.delete_group(caller, group.company, group.id, None).await?;
                let document = json!({"uuid": group.id.to_string()});
                format.print(&document, || format!("Deleted the group {} ({})", group.name, group.id))
            }
            Self::Members(which) => list_members(operator, &which.find(operator).await?, format).await,
            Self::AddMember { which, users } => {
                which.edit(operator, Edit::Add(find_all(operator, &users).await?), format).await
            }
            Self::RemoveMember { which, users } => {
                which.edit(operator, Edit::Remove(find_all(operator, &users).await?), format).await
            }
        }
    }
}

impl Which {
    async fn find(&self, operator: &Operator) -> Result<Group, Failure> {
        let company = operator.directory.find_company(&self.company).await?;
        Ok(operator.directory.find_group(company.id, &self.group).await?)
    }

    /// Makes one edit, and tells how many members the group has then.
    async fn edit(&self, operator: &Operator, edit: Edit, format: Format) -> Result<(), Failure> {
        let Operator { directory, caller, .. } = operator;
        let found = self.find(operator).await?;
        let group = directory.edit_group(caller, found.company, found.id, None, vec![edit]).await?;
        format.print(&document(&group), || format!("Members of {}: {}", group.name, group.member_count))
    }
}

impl Changes {
    /// The edits, and the revision of the group that they go by, where they do.
    fn read(self, group: &Group) -> Result<(Option<i64>, Vec<Edit>), Failure> {
        let mut edits = Vec::new();
        edits.extend(self.name.map(Edit::Rename));
        edits.extend(self.description.map(Edit::Describe));
        if self.lock || self.unlock {
            edits.push(Edit::Lock(self.lock));
        }
        let role = if self.no_role { None } else { self.role.or(group.rights.role) };
        let keeps_scopes = self.scopes.is_empty() && !self.no_scopes;
        let scopes = if keeps_scopes { group.rights.scopes } else { choice::scopes(&self.scopes)? };
        let rights = Rights { role, scopes };
        if rights == group.rights {
            return Ok((None, edits));
        }
        // What was not named stays as it was found: so nothing may have changed since.
        edits.push(Edit::SetRights(rights));
        Ok((Some(group.revision), edits))
    }
}

async fn find_all(operator: &Operator, references: &[String]) -> Result<Vec<UserId>, Failure> {
    let mut found = Vec::with_capacity(references.len());
    for reference in references {
        found.push(operator.directory.find_user(reference).await?.id);
    }
    Ok(found)
}

async fn list(operator: &Operator, company: &str, search: &str, format: Format) -> Result<(), Failure> {
    let company = operator.directory.find_company(company).await?.id;
    let page = async |offset| operator.directory.list_groups(company, search, offset, Some(PAGE)).await;
    let none = "There are no such groups; offboard group create makes one";
    list_pages("groups", none, format, page, |group| (document(group), line(group))).await
}

async fn list_members(operator: &Operator, group: &Group, format: Format) -> Result<(), Failure> {
    let page = async |offset| operator.directory.group_members(group.company, group.id, offset, Some(PAGE)).await;
    list_pages("members", "The group has no members", format, page, |member| {
        (user::document(member), user::line(member))
    })
    .await
}

/// Writes what is read page by page, from an offset on, together with how much there is.
async fn list_pages<T>(
    name: &str,
    none: &str,
    format: Format,
    page: impl AsyncFn(u64) -> Result<(Vec<T>, u64), Error>,
    show: impl Fn(&T) -> (Value, String),
) -> Result<(), Failure> {
    let (mut items, all) = page(0).await?;
    let mut listing = Listing::begin(BufWriter::new(std::io::stdout()), format, name)?;
    let mut listed = 0;
    while !items.is_empty() {
        for (document, text) in items.iter().map(&show) {
            listing.item(&document, &text)?;
        }
        listed += items.len() as u64;
        if listed >= all {
            break;
        }
        items = match page(listed).await {
            Ok((items, _)) => items,
            Err(error) => return listing.stop(&error),
        };
    }
    let text = if listing.is_empty() { none } else { "" };
    Ok(listing.end(&[], text)?)
}

fn document(group: &Group) -> Value {
    json!({
        "uuid": group.id.to_string(),
        "name": group.name,
        "description": group.description,
        "locked": group.locked,
        "externalId": group.external_id,
        "role": group.rights.role.map(Role::as_str),
        "scopes": group.rights.scopes.names(),
        "memberCount": group.member_count,
        "companyUuid": group.company.to_string(),
    })
}

fn line(group: &Group) -> String {
    let lock = if group.locked { "locked" } else { "" };
    format!("{}  {:>7}  {lock:<6}  {}", group.id, group.member_count, group.name)
}

fn show(group: &Group) -> String {
    let mut lines = vec![group.name.clone()];
    if !group.description.is_empty() {
        lines.push(group.description.clone());
    }
    lines.push(format!("UUID:    {}\nCompany: {}\nMembers: {}", group.id, group.company, group.member_count));
    lines.push(format!("Locked:  {}", if group.locked { "yes" } else { "no" }));
    if let Some(external_id) = &group.external_id {
        lines.push(format!("Known to the identity provider as {external_id}"));
    }
    lines.push(format!("Gives:   {}", rights(group.rights)));
    lines.join("\n")
}

/// What membership gives, in words.
fn rights(rights: Rights) -> String {
    if rights.is_empty() {
        return "nothing".to_owned();
    }
    let role = rights.role.map(|role| format!("the role {}", role.label()));
    let scopes = rights.scopes.names().into_iter().map(|scope| format!("the scope {scope}"));
    role.into_iter().chain(scopes).collect::<Vec<_>>().join(", ")
}
