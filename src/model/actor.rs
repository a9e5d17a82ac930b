//! Who asks, through which door, from where.

use std::net::IpAddr;
use std::sync::Arc;

use super::id::{CompanyId, RequestId, ServiceId, SessionId, TokenId, UserId};
use super::scope::Scopes;
use super::user::{Role, Status};

/// A request's author and circumstances; every operation of the domain takes one.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks.
    pub actor: Actor,
    /// How the question came in.
    pub origin: Origin,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Actor {
    /// A person, proven by a credential.
    User(Arc<Identity>),
    /// Whoever runs the host, at the command line.
    Operator,
    /// Whoever runs the host, in a browser, for one company and a short while.
    BreakGlass(BreakGlass),
    /// An identity provider, by its SCIM token.
    Provisioner(Provisioner),
}

/// Whom an identity provider acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisioner {
    /// The one company.
    pub company: CompanyId,
    /// Whose token it showed.
    pub service: ServiceId,
}

/// What a break-glass session may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakGlass {
    /// The one company.
    pub company: CompanyId,
    /// The session.
    pub session: SessionId,
}

/// What proved who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credential {
    /// A personal access token.
    Token(TokenId),
    /// A session of somebody who signed in.
    Session(SessionId),
    /// A key of the User Management API.
    ApiKey(TokenId),
    /// An identity provider's SCIM token.
    Scim(ServiceId),
}

impl Credential {
    /// What services know it as.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Token(_) => "pat",
            Self::Session(_) => "session",
            Self::ApiKey(_) => "api_key",
            Self::Scim(_) => "scim",
        }
    }

    /// Its identifier.
    pub fn id(self) -> uuid::Uuid {
        match self {
            Self::Token(id) | Self::ApiKey(id) => id.0,
            Self::Session(id) => id.0,
            Self::Scim(id) => id.0,
        }
    }
}

/// A person together with the credential that proved it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The person.
    pub user: UserId,
    /// The person's company.
    pub company: CompanyId,
    /// The person's address, as written.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Live status at the time of the check; only an active user is ever let in.
    pub status: Status,
    /// What was shown.
    pub credential: Credential,
    /// What that may be used for; a session, for all that the role allows.
    pub scopes: Scopes,
}

/// How a question came in.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Through which surface.
    pub door: Door,
    /// Under which id it stands in log and audit trail.
    pub request: RequestId,
    /// From which address; the command line has none.
    pub address: Option<IpAddr>,
}

/// A surface through which requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// User Deactivation API.
    UserDeactivation,
    /// User Identifiers API.
    UserIdentifiers,
    /// Our own HTTP API.
    Api,
    /// The pages in the browser.
    Console,
    /// The command line on the host.
    CommandLine,
    /// SCIM.
    Scim,
    /// The deprecated User Management API.
    UserManagement,
}

impl Door {
    /// Every door that there is.
    pub const ALL: [Self; 7] = [
        Self::UserDeactivation,
        Self::UserIdentifiers,
        Self::Api,
        Self::Console,
        Self::CommandLine,
        Self::Scim,
        Self::UserManagement,
    ];

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::UserDeactivation => "User Deactivation API",
            Self::UserIdentifiers => "User Identifiers API",
            Self::Api => "API",
            Self::Console => "Console",
            Self::CommandLine => "Command line",
            Self::Scim => "SCIM",
            Self::UserManagement => "User Management API",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.as_str() == text)
    }

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserDeactivation => "user_deactivation_api",
            Self::UserIdentifiers => "user_identifiers_api",
            Self::Api => "api",
            Self::Console => "console",
            Self::CommandLine => "command_line",
            Self::Scim => "scim",
            Self::UserManagement => "user_management_api",
        }
    }
}
