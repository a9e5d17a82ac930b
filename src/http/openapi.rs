//! The API document, made from the handlers, and the page that shows it.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Offboard",
        description = "Users of a development platform, their personal access tokens, and the moment in which \
            one of them stops working.\n\nTo try an operation, choose **Authorize** and enter `MxToken`, a space, \
            and a personal access token.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    tags(
        (name = "User Deactivation API", description = "API 1 of the vendor: end all access of a user."),
        (name = "User Identifiers API", description = "API 2 of the vendor: from e-mail addresses to UUIDs."),
        (name = "Offboard API", description = "Our own."),
        (name = "User Management (deprecated)", description = "API 4 of the vendor, which API 1 replaces."),
        (name = "Services", description = "For registered services and gateways: is this credential good?"),
    ),
    // Shapes of failures, which the operations name in a way that does not bring them along.
    components(schemas(
        super::api::problem::Problem,
        super::legacy::ManagementError,
        super::mendix::deactivation::ErrorObject,
        super::mendix::deactivation::Unauthorized,
        super::mendix::identifiers::ErrorFields,
        super::mendix::identifiers::Unidentified,
        super::schema::GatewayMessage,
        super::schema::GatewayUnavailable,
    )),
    modifiers(&Credentials),
)]
pub(super) struct ApiDocument;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut Document) {
        let help = "`MxToken`, a space, and a personal access token";
        let scheme = ApiKey::Header(ApiKeyValue::with_description("Authorization", help));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("MxToken", SecurityScheme::ApiKey(scheme));
        let help = "The cookie of who signed in to the console; for reading alone";
        let scheme = ApiKey::Cookie(ApiKeyValue::with_description("__Host-offboard", help));
        components.add_security_scheme("Session", SecurityScheme::ApiKey(scheme));
        for (name, header, help) in [
            ("MendixUsername", "Mendix-Username", "The e-mail address of the API key's owner"),
            ("MendixApiKey", "Mendix-ApiKey", "A key of the User Management API"),
        ] {
            let scheme = ApiKey::Header(ApiKeyValue::with_description(header, help));
            components.add_security_scheme(name, SecurityScheme::ApiKey(scheme));
        }
        let mut scheme = Http::new(HttpAuthScheme::Basic);
        scheme.description = Some("Client id and secret of a registered service".to_owned());
        components.add_security_scheme("Service", SecurityScheme::Http(scheme));
    }
}

/// The document at `/openapi.json` and Swagger UI at `/docs`, from assets in the binary.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(document: Document) -> Router<S> {
    let config = Config::from("/openapi.json").try_it_out_enabled(true).display_request_duration(true);
    let page = SwaggerUi::new("/docs").url("/openapi.json", document).config(config);
    Router::new().merge(page).layer(axum::middleware::map_response(loosen))
}

/// Swagger UI sets styles from its script; everything else stays as strict as elsewhere.
async fn loosen(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
        img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
