//! Shapes that several doors share, for the API document.

use utoipa::ToSchema;

/// What the vendor's gateway answers over the limit.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer that is built by hand")]
pub(super) struct GatewayMessage {
    #[schema(example = "API rate limit exceeded")]
    message: String,
}

/// What the vendor's gateway answers when the service is gone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer that is built by hand")]
pub(super) struct GatewayUnavailable {
    #[schema(example = "The service is not available at the moment, try again later")]
    message: String,
    #[schema(example = "019ab0c48e4a7a3b9f153c5a2d1e0f77", pattern = "^[0-9a-f]{32}$")]
    request_id: String,
}
