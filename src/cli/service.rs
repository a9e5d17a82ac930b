//! `offboard service …`, and what SCIM tokens have in common with services.

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::Operator;
use super::output::{Failure, Format};
use super::user::table;
use crate::domain::{Error, Unknown};
use crate::model::secret::Secret;
use crate::model::service::{Purpose, Service};

#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Register a service; its secret is shown this once
    #[command(after_help = "It asks by HTTP Basic, with its client id and its secret:\n  \
        curl -u CLIENT_ID:SECRET -d token=TOKEN http://127.0.0.1:8080/oauth2/introspect\n\n\
        Examples:\n  offboard service create gateway\n  offboard service create billing --company Acme")]
    Create {
        /// What it is called; nothing else in its company has that name, in whatever case
        name: String,
        /// Whose people it may ask about: a company, by name or UUID; everybody's when not given
        #[arg(long, value_name = "COMPANY")]
        company: Option<String>,
    },
    /// List the services, by name
    List,
    /// Give a service another secret, shown this once; the one before is refused from then on
    Rotate {
        /// Name or UUID
        service: String,
    },
    /// Delete a service: it is refused from then on
    Delete {
        /// Name or UUID
        service: String,
    },
}

const SERVICES: Kind =
    Kind { purpose: Purpose::Checks, noun: "service", hint: "offboard service list shows which there are" };

impl ServiceCommand {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let Operator { directory, caller, .. } = operator;
        match self {
            Self::Create { name, company } => {
                let company = match company {
                    Some(key) => Some(directory.find_company(&key).await?.id),
                    None => None,
                };
                let (service, secret) = directory.create_service(caller, &name, company, Purpose::Checks).await?;
                show_secret(&service, &secret, format)
            }
            Self::List => {
                let services = directory.list_services(caller, Purpose::Checks).await?;
                let document = json!({"services": services.iter().map(document).collect::<Vec<_>>()});
                format.print(&document, || list(&services))
            }
            Self::Rotate { service } => {
                let (service, secret) = SERVICES.rotate(operator, &service).await?;
                show_secret(&service, &secret, format)
            }
            Self::Delete { service } => SERVICES.delete(operator, &service, format).await,
        }
    }
}

/// Services of one purpose, and what commands call them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) purpose: Purpose,
    pub(super) noun: &'static str,
    /// What helps who named one that there is not.
    pub(super) hint: &'static str,
}

impl Kind {
    /// Gives the one with this name or UUID another secret.
    pub(super) async fn rotate(self, operator: &Operator, key: &str) -> Result<(Service, Secret), Failure> {
        let service = self.find(operator, key).await?;
        Ok(operator.directory.rotate_service(&operator.caller, service.id).await?)
    }

    /// Deletes the one with this name or UUID, and tells so.
    pub(super) async fn delete(self, operator: &Operator, key: &str, format: Format) -> Result<(), Failure> {
        let service = self.find(operator, key).await?;
        let service = operator.directory.delete_service(&operator.caller, service.id).await?;
        let document = json!({"uuid": service.id.to_string()});
        format.print(&document, || format!("Deleted the {} '{}' ({})", self.noun, service.name, service.id))
    }

    async fn find(self, operator: &Operator, key: &str) -> Result<Service, Failure> {
        match operator.directory.find_service(&operator.caller, key, self.purpose).await {
            Err(Error::NotFound(Unknown::Service(key))) => {
                Err(Failure::new(format!("there is no {} '{key}'", self.noun), self.hint))
            }
            found => Ok(found?),
        }
    }
}

fn show_secret(service: &Service, secret: &Secret, format: Format) -> Result<(), Failure> {
    let document = json!({
        "uuid": service.id.to_string(),
        "clientId": service.id.to_string(),
        "clientSecret": secret.reveal(),
    });
    // What a script takes alone on standard output: user and password, as curl's -u wants them.
    if format == Format::Text {
        eprintln!("Client id and secret of the service '{}'. The secret is shown only now:", service.name);
    }
    format.print(&document, || format!("{}:{}", service.id, secret.reveal()))
}

fn document(service: &Service) -> Value {
    json!({
        "uuid": service.id.to_string(),
        "name": service.name,
        "clientId": service.id.to_string(),
        "companyUuid": service.company.map(|company| company.to_string()),
        "hint": service.hint,
        "createdAt": service.created_at,
    })
}

fn list(services: &[Service]) -> String {
    if services.is_empty() {
        return "There are no services yet; offboard service create makes one".to_owned();
    }
    let mut table = table(["CLIENT ID", "NAME", "ASKS ABOUT", "SECRET ENDS IN", "MADE"]);
    for service in services {
        table.add_row([
            service.id.to_string(),
            service.name.clone(),
            service.company.map_or("everybody".to_owned(), |company| company.to_string()),
            format!("…{}", service.hint),
            service.created_at.to_string(),
        ]);
    }
    table.to_string()
}
