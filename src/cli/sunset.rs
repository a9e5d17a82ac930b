//! When the User Management API ends, as its header `Sunset` says it (RFC 8594).

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use crate::model::Invalid;

/// Reads the last day, in UTC, or an HTTP date (RFC 9110, section 5.6.7), and gives an HTTP date; `off` is none.
///
/// # Errors
/// When it is neither.
pub(super) fn read(text: &str) -> Result<Option<String>, Invalid> {
    let wrong = || {
        Invalid::new(
            "write the last day, such as 2027-12-31, or an HTTP date such as 'Fri, 31 Dec 2027 23:59:59 GMT', or off",
        )
    };
    if text == "off" {
        return Ok(None);
    }
    let end: Timestamp = match format!("{text}T23:59:59Z").parse() {
        Ok(end) => end,
        Err(_) => DateTimeParser::new().parse_timestamp(text).map_err(|_| wrong())?,
    };
    DateTimePrinter::new().timestamp_to_rfc9110_string(&end).map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_an_http_date_become_an_http_date() {
        let end = Ok(Some("Fri, 31 Dec 2027 23:59:59 GMT".to_owned()));
        assert_eq!(read("2027-12-31"), end);
        assert_eq!(read("Fri, 31 Dec 2027 23:59:59 GMT"), end);
        assert_eq!(read("off"), Ok(None));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for wrong in ["", "soon", "2027-02-29", "31.12.2027", "Thu, 31 Dec 2027 23:59:59 GMT", "2027-12-31T12:00"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
