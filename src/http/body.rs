//! Bodies: bounded in size and time, read as JSON whatever their type says.

use std::error::Error;

use axum::body::{Bytes, HttpBody};
use axum::extract::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, de};

use super::app::App;
use super::failure::Failure;
use crate::model::scim::fault::{Fault, FaultKind};

/// Reads a body to its end.
pub(super) async fn read(app: &App, body: impl Arriving) -> Result<Bytes, Failure> {
    read_up_to(app, body, app.settings.body_limit).await
}

/// Reads a body of at most so many bytes as JSON.
pub(super) async fn read_json(app: &App, request: Request, limit: usize) -> Result<serde_json::Value, Failure> {
    let bytes = read_up_to(app, request.into_body(), limit).await?;
    let wrong = |detail: String| Fault::new(FaultKind::InvalidSyntax, detail);
    let read: Result<Distinct, _> = serde_json::from_slice(&bytes);
    Ok(read.map_err(|error| wrong(format!("the body is not as expected: {error}")))?.0)
}

/// A body on its way here.
pub(super) trait Arriving: HttpBody<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> {}

impl<B: HttpBody<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>> Arriving for B {}

/// As [`read`], of at most so many bytes.
pub(super) async fn read_up_to(app: &App, body: impl Arriving, limit: usize) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Failure::TooLarge);
    }
    match tokio::time::timeout(app.settings.body_timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Ok(Err(_)) => Err(Failure::Invalid("the body broke off".to_owned())),
        Err(_) => Err(Failure::TooSlow),
    }
}

/// Takes a body as one JSON object of this shape; members that the shape does not have are ignored.
pub(super) fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let invalid = |error: &dyn std::fmt::Display| Failure::Invalid(format!("The body is not as expected: {error}."));
    let text = std::str::from_utf8(bytes).map_err(|_| invalid(&"it is not UTF-8"))?;
    serde_json::from_str::<Object<T>>(text).map(|Object(value)| value).map_err(|error| invalid(&error))
}

/// A JSON object. A derived shape alone would take an array of its members' values too.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
                Err(A::Error::invalid_type(de::Unexpected::Seq, &self))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}

/// Any JSON in which no object has two members of one name: which of them would count?
struct Distinct(serde_json::Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor).map(Self)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = serde_json::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(serde_json::Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Distinct(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some((name, Distinct(value))) = map.next_entry::<String, _>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("'{name}' is given twice")));
            }
            members.insert(name, value);
        }
        Ok(members.into())
    }
}
