//! `offboard break-glass`

use clap::Args;
use serde_json::json;

use super::operator::Operator;
use super::output::{Failure, Format};
use crate::http;
use crate::model::audit::Note;
use crate::model::text::{NAME_LENGTH, REASON_LENGTH, one_line};

#[derive(Debug, Args)]
#[command(
    after_help = "The link works once, within 15 minutes; the session that it opens ends after an hour. In it, you act \
    in the console as a Mendix Admin of the company, under the name 'operator'. The company's audit trail records the \
    link, the session, and everything that is done in it.\n\n\
    Example:\n  offboard break-glass Acme --reason 'both admins are locked out' --ticket OPS-7"
)]
pub(super) struct BreakGlass {
    /// The company, by name or UUID
    company: String,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The ticket that asks for it, for the audit trail
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
}

impl BreakGlass {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let company = operator.directory.find_company(&self.company).await?;
        let reason = Some(one_line("reason", &self.reason, REASON_LENGTH)?);
        let ticket = self.ticket.map(|ticket| one_line("ticket", &ticket, NAME_LENGTH)).transpose()?;
        let note = Note { reason, ticket };
        let (link, secret) = operator.directory.break_glass(&operator.caller, company.id, note).await?;
        let url = operator.link(http::console::BREAK_GLASS, &secret);
        let document = json!({"companyUuid": company.id.to_string(), "link": url, "expiresAt": link.expires_at});
        if format == Format::Text {
            eprintln!(
                "This link opens a break-glass session for {}, once, until {}. The audit trail says so:",
                company.name, link.expires_at
            );
        }
        format.print(&document, || url.clone())
    }
}
