//! Mail: links that work once, sent to those whom they are for, by SMTP.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::model::Invalid;
use crate::model::company::Company;
use crate::model::link::{Link, Purpose};
use crate::model::user::User;

/// The longest that handing over a message may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Hands messages to one SMTP server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A message in plain text to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    name: String,
    address: String,
    subject: String,
    text: String,
}

/// Reads who sends mail.
///
/// # Errors
/// When it is no address, with or without a name.
pub fn sender(text: &str) -> Result<Mailbox, Invalid> {
    text.parse().map_err(|_| Invalid::new("write the sender as Offboard <offboard@example.com>"))
}

impl Mailer {
    /// A mailer by URL: `smtps://USER:PASSWORD@HOST` (TLS), `smtp://…?tls=required` (STARTTLS), or `smtp://HOST` (plain).
    ///
    /// # Errors
    /// When the URL is of no known form.
    pub fn new(url: &str, from: Mailbox) -> Result<Self, Invalid> {
        let wrong = |_| {
            Invalid::new(
                "write smtps://USER:PASSWORD@HOST, smtp://USER:PASSWORD@HOST?tls=required, or smtp://HOST:PORT",
            )
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(wrong)?;
        Ok(Self { transport: transport.timeout(Some(TIMEOUT)).build(), from })
    }

    /// Hands a message over. When this has returned, the server has taken it.
    ///
    /// # Errors
    /// Says what the server answered, for a person to read.
    pub async fn send(&self, message: &Message) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let address: Address = message.address.parse().map_err(|error| failed(&error))?;
        let to = Mailbox::new(Some(message.name.clone()), address);
        let message = MessageBuilder::new()
            .from(self.from.clone())
            .to(to)
            .subject(message.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|error| failed(&error))?;
        match tokio::time::timeout(TIMEOUT * 2, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err("the mail server did not answer in time".to_owned()),
        }
    }
}

impl Message {
    /// The message that brings a link to the user whom it is for.
    pub fn link(user: &User, company: &Company, link: &Link, url: &str) -> Self {
        let (subject, why) = match link.purpose {
            Purpose::Invitation(_) => ("Set your password", "You have an account at"),
            Purpose::Reset(_) | Purpose::BreakGlass(..) => ("Set a new password", "A new password was asked for at"),
        };
        let text = format!(
            "Hello {},\n\n{why} {}. With this link you set your password:\n\n{url}\n\n\
             It works once, until {} (UTC). If you did not expect this message, you need not do anything.\n",
            user.name,
            company.name,
            minute(&link.expires_at.to_string()),
        );
        let subject = format!("{subject} ({})", company.name);
        Self { name: user.name.clone(), address: user.email.to_string(), subject, text }
    }
}

/// `2026-11-23 13:33` of an instant in RFC 3339.
fn minute(instant: &str) -> String {
    instant.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn urls_and_senders_have_a_form() {
        let sender = sender("Offboard <offboard@acme.example>").unwrap();
        for good in ["smtp://127.0.0.1:2525", "smtps://user:secret@mail.example", "smtp://mail.example?tls=required"] {
            assert!(Mailer::new(good, sender.clone()).is_ok(), "{good}");
        }
        for wrong in ["", "mail.example", "http://mail.example"] {
            assert!(Mailer::new(wrong, sender.clone()).is_err(), "{wrong}");
        }
        assert!(super::sender("nobody").is_err());
    }
}
