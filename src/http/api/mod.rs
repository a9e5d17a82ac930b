//! Our own API, `/api/v1`: JSON in camelCase, errors as RFC 9457 `application/problem+json`.

pub(super) mod me;
pub(super) mod problem;
