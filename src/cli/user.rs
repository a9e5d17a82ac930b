//! `offboard user …`

use std::io::{BufWriter, IsTerminal, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::operator::Operator;
use super::output::{Failure, Format, Listing};
use super::{choice, import};
use crate::domain::passwords::Password;
use crate::domain::transitions::{Request, Transition};
use crate::domain::users::NewUser;
use crate::http;
use crate::model::audit::Note;
use crate::model::group::Group;
use crate::model::text::{NAME_LENGTH, REASON_LENGTH, one_line};
use crate::model::user::{Role, User};
use crate::outbound::mail::Message;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make a user
    #[command(after_help = "Example:\n  \
        offboard user create ada@acme.example --company Acme --name 'Ada Admin' --admin")]
    Create {
        /// The e-mail address; nobody else has it, in whatever spelling
        email: String,
        /// The company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: String,
        /// What the person is called
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// Make the person a Mendix Admin
        #[arg(long)]
        admin: bool,
    },
    /// Show a user
    Show {
        /// E-mail address or UUID
        user: String,
    },
    /// List all users
    List,
    /// Make many users from a CSV file; running it again changes nothing
    #[command(after_help = "The file's first line is: email,name,admin\n\
        Rows that can't be made are told with their line, and the others are made.\n\n\
        Example:\n  offboard user import joiners.csv --company Acme")]
    Import {
        /// The file; - reads standard input
        file: PathBuf,
        /// The company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: String,
    },
    /// Give a user another role
    #[command(after_help = "What a group gives stays: who is a Mendix Admin by a group is one until he leaves it.\n\n\
        Example:\n  offboard user set-role max@acme.example --role company_manager")]
    SetRole {
        /// E-mail address or UUID
        user: String,
        /// What the user may do
        #[arg(long, value_name = "ROLE", value_parser = choice::role(&Role::ALL))]
        role: Role,
    },
    /// Set a user's password, read from standard input
    #[command(after_help = "Example:\n  offboard user set-password ada@acme.example --stdin < password.txt")]
    SetPassword {
        /// E-mail address or UUID
        user: String,
        /// Read the password from standard input; a line break at its end is not part of it
        #[arg(long, required = true)]
        stdin: bool,
    },
    /// Make a link with which a user sets a password and signs in; it works once, and earlier links stop working
    #[command(after_help = "Example:\n  offboard user invite ada@acme.example\n\n\
        The link begins with public_url, which must be how people reach the server. Where smtp_url is set, the link is \
        sent to the user as well.")]
    Invite {
        /// E-mail address or UUID
        user: String,
    },
    /// Stop a user for a while: sessions end, and the other credentials sleep until resume
    Suspend(Act),
    /// Let a suspended user back in
    Resume(Act),
    /// End all access of a user; its tokens are revoked for good
    #[command(after_help = "Example:\n  \
        offboard user deactivate lee@acme.example --reason 'left the company' --ticket HR-42")]
    Deactivate(Act),
    /// Let a deactivated user back in, with no credential at all
    Reactivate(Act),
}

/// A change of a user's status.
#[derive(Debug, Args)]
pub(super) struct Act {
    /// E-mail address or UUID
    user: String,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The ticket that asks for it, for the audit trail
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// Only tell what would happen
    #[arg(long)]
    dry_run: bool,
}

/// How many users are read at once.
const PAGE: u32 = 1000;

impl UserCommand {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let Operator { directory, caller, .. } = operator;
        match self {
            Self::Create { email, company, name, admin } => {
                let company = directory.find_company(&company).await?;
                let role = if admin { Role::MendixAdmin } else { Role::Member };
                let user = directory.create_user(caller, company.id, NewUser::parse(&email, &name, role)?).await?;
                format.print(&document(&user), || format!("Made the user {} ({})", user.email, user.id))
            }
            Self::Show { user } => {
                let user = directory.find_user(&user).await?;
                let groups = directory.groups_of(user.company, user.id).await?;
                format.print(&document(&user), || show(&user, &groups))
            }
            Self::List => list(operator, format).await,
            Self::Import { file, company } => {
                let company = directory.find_company(&company).await?;
                import::run(operator, &file, company.id, format).await
            }
            Self::SetRole { user, role } => {
                let user = directory.find_user(&user).await?;
                let user = directory.set_role(caller, user.id, role).await?;
                format.print(&document(&user), || format!("{} is {} now", user.email, user.role.label()))
            }
            Self::SetPassword { user, stdin: _ } => {
                let user = directory.find_user(&user).await?;
                directory.set_password(caller, user.id, read_password()?).await?;
                let document = json!({"uuid": user.id.to_string()});
                format.print(&document, || format!("Set the password of {}", user.email))
            }
            Self::Invite { user } => invite(operator, &user, format).await,
            Self::Suspend(act) => {
                let (user, request) = act.read(operator).await?;
                act.tell(&directory.suspend(caller, user.id, request).await?, format)
            }
            Self::Resume(act) => {
                let (user, request) = act.read(operator).await?;
                act.tell(&directory.resume(caller, user.id, request).await?, format)
            }
            Self::Deactivate(act) => {
                let (user, request) = act.read(operator).await?;
                act.tell(&directory.deactivate(caller, user.id, request).await?, format)
            }
            Self::Reactivate(act) => {
                let (user, request) = act.read(operator).await?;
                act.tell(&directory.reactivate(caller, user.id, request).await?, format)
            }
        }
    }
}

async fn invite(operator: &Operator, user: &str, format: Format) -> Result<(), Failure> {
    let user = operator.directory.find_user(user).await?;
    let (link, secret) = operator.directory.make_link(&operator.caller, user.id).await?;
    let url = operator.link(http::console::SET_PASSWORD, &secret);
    if let Some(mailer) = &operator.mailer {
        let company = operator.directory.company(user.company).await?;
        match mailer.send(&Message::link(&user, &company, &link, &url)).await {
            Ok(()) => eprintln!("Sent the link to {}", user.email),
            Err(error) => eprintln!("The link could not be sent to {}: {error}. Hand it over yourself.", user.email),
        }
    }
    let document = json!({"uuid": user.id.to_string(), "link": url, "expiresAt": link.expires_at});
    // The link alone on standard output, so that a script can take it; the rest is for people.
    if format == Format::Text {
        eprintln!("With this link, {} sets a password. It works once, until {}:", user.email, link.expires_at);
    }
    format.print(&document, || url.clone())
}

impl Act {
    async fn read(&self, operator: &Operator) -> Result<(User, Request), Failure> {
        let reason = self.reason.as_deref().map(|text| one_line("reason", text, REASON_LENGTH)).transpose()?;
        let ticket = self.ticket.as_deref().map(|text| one_line("ticket", text, NAME_LENGTH)).transpose()?;
        let user = operator.directory.find_user(&self.user).await?;
        let note = Note { reason, ticket };
        Ok((user, Request { note, dry_run: self.dry_run, ..Request::default() }))
    }

    fn tell(&self, transition: &Transition, format: Format) -> Result<(), Failure> {
        let mut user = transition.user.clone();
        if !self.dry_run {
            user.status = transition.to;
        }
        let document = json!({
            "user": document(&user),
            "from": transition.user.status.as_str(),
            "to": transition.to.as_str(),
            "at": transition.at.to_string(),
            "sessionsEnded": transition.sessions_ended,
            "tokensRevoked": transition.tokens_revoked,
            "dryRun": self.dry_run,
        });
        format.print(&document, || {
            let (email, to) = (&user.email, transition.to.as_str());
            let ended =
                format!("sessions ended: {}, tokens revoked: {}", transition.sessions_ended, transition.tokens_revoked);
            match (transition.changed(), self.dry_run) {
                (false, _) => format!("{email} is {to} since {}; nothing to do", transition.at),
                (true, true) => format!("{email} would be {to}, {ended}"),
                (true, false) => format!("{email} is {to}, {ended}"),
            }
        })
    }
}

/// A user as every command shows it.
pub(super) fn document(user: &User) -> Value {
    json!({
        "uuid": user.id.to_string(),
        "emailAddress": user.email.to_show(),
        "name": user.name,
        "companyUuid": user.company.to_string(),
        "admin": user.role.is_admin(),
        "status": user.status.as_str(),
    })
}

/// A table that reads well without colour.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// A user on one line.
pub(super) fn line(user: &User) -> String {
    let role = if user.role.is_admin() { "admin" } else { "member" };
    format!("{}  {:<11}  {role:<6}  {}  {}", user.id, user.status.as_str(), address(user), user.name)
}

fn address(user: &User) -> &str {
    user.email.to_show().unwrap_or("(no e-mail address)")
}

fn show(user: &User, groups: &[Group]) -> String {
    let role = match user.role {
        Role::Member => String::new(),
        role => format!(", {}", role.label()),
    };
    let mut text = format!(
        "{} ({}{role})\nUUID:    {}\nCompany: {}\nStatus:  {} since {}\nMade:    {}",
        address(user),
        user.name,
        user.id,
        user.company,
        user.status.as_str(),
        user.status_since,
        user.created_at
    );
    if !groups.is_empty() {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        text.push_str(&format!("\nGroups:  {}", names.join(", ")));
    }
    text
}

async fn list(operator: &Operator, format: Format) -> Result<(), Failure> {
    let mut users = operator.directory.list_users(None, PAGE).await?;
    let mut listing = Listing::begin(BufWriter::new(std::io::stdout()), format, "users")?;
    loop {
        for user in &users {
            listing.item(&document(user), &line(user))?;
        }
        let Some(last) = users.last().filter(|_| users.len() == PAGE as usize) else { break };
        users = match operator.directory.list_users(Some(last.id), PAGE).await {
            Ok(users) => users,
            Err(error) => return listing.stop(&error),
        };
    }
    let none = listing.is_empty();
    listing.end(&[], if none { "There are no users yet; offboard user create makes one" } else { "" })?;
    Ok(())
}

fn read_password() -> Result<Password, Failure> {
    const LONGEST: u64 = 4096;
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("Type the password, then Ctrl-D:");
    }
    let mut text = String::new();
    stdin.lock().take(LONGEST).read_to_string(&mut text)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Password::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}
