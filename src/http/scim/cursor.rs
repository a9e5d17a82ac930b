//! Cursors (RFC 9865): a place in a list, for who asked and what was asked, and nothing that a client can make up.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::people::{Key, Place};
use crate::model::scim::fault::{Fault, FaultKind};
use crate::model::secret::SecretDigest;

/// How many bytes prove a cursor.
const PROOF: usize = 16;
/// How many an identifier has.
const IDENTIFIER: usize = 16;

/// What a list is: a cursor of another one, or of another caller, is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of these parts, by the holder of this token.
    pub(super) fn of(key: &SecretDigest, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(key.0);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// Of the page of that list that begins here.
    pub(super) fn page(self, start: u64) -> [u8; 32] {
        Sha256::new().chain_update(self.0).chain_update(start.to_be_bytes()).finalize().into()
    }

    fn proof(self, payload: &[u8]) -> [u8; PROOF] {
        let hash: [u8; 32] = Sha256::new().chain_update(self.0).chain_update(payload).finalize().into();
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&hash[..PROOF]);
        proof
    }
}

/// Writes a place.
pub(super) fn write(place: &Place, list: Fingerprint) -> String {
    let mut bytes = place.id.as_bytes().to_vec();
    match &place.key {
        Key::Number(number) => {
            bytes.push(b'n');
            bytes.extend(number.to_be_bytes());
        }
        Key::Text(text) => {
            bytes.push(b't');
            bytes.extend(text.as_bytes());
        }
    }
    let proof = list.proof(&bytes);
    bytes.extend(proof);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is no cursor of this list.
pub(super) fn wrong() -> Fault {
    Fault::new(FaultKind::InvalidCursor, "The cursor is none that was given for this list and this token.")
}

/// Reads a place that was written for this list.
pub(super) fn read(text: &str, list: Fingerprint) -> Result<Place, Fault> {
    let wrong =
        || Fault::new(FaultKind::InvalidCursor, "The cursor is none that was given for this list and this token.");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (payload, proof) = bytes.split_last_chunk::<PROOF>().ok_or_else(wrong)?;
    if !bool::from(list.proof(payload).ct_eq(proof)) {
        return Err(wrong());
    }
    let (id, key) = payload.split_first_chunk::<IDENTIFIER>().ok_or_else(wrong)?;
    let key = match key.split_first() {
        Some((b'n', number)) => Key::Number(i64::from_be_bytes(number.try_into().map_err(|_| wrong())?)),
        Some((b't', text)) => Key::Text(String::from_utf8(text.to_vec()).map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    Ok(Place { key, id: Uuid::from_bytes(*id) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str) -> Fingerprint {
        Fingerprint::of(&SecretDigest([7; 32]), &["company", name])
    }

    #[test]
    fn a_cursor_is_read_for_the_list_that_it_was_written_for_and_no_other() {
        for key in [Key::Number(-5), Key::Text("ünï".to_owned()), Key::Text(String::new())] {
            let place = Place { key, id: Uuid::from_u128(9) };
            let text = write(&place, list("a"));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{text}");
            assert_eq!(read(&text, list("a")), Ok(place));
            assert!(read(&text, list("b")).is_err());
            let other = Fingerprint::of(&SecretDigest([8; 32]), &["company", "a"]);
            assert!(read(&text, other).is_err());
        }
    }

    #[test]
    fn what_was_changed_or_made_up_is_no_cursor() {
        let text = write(&Place { key: Key::Number(1), id: Uuid::from_u128(9) }, list("a"));
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            assert!(read(&String::from_utf8_lossy(&changed), list("a")).is_err());
        }
        for wrong in ["", "x", "....", "ä", &text[1..]] {
            assert!(read(wrong, list("a")).is_err());
        }
    }
}
