//! The pages: server-rendered, plain links and forms; a script adds what is pleasant and nothing that is needed.
//!
//! A request for a page passes [`admission`], which makes the session's owner a [`Visitor`]. Handlers give a page or a
//! [`Failure`](super::failure::Failure), which admission shows as a page too.

mod admins;
mod admission;
mod assets;
mod audit;
mod company;
mod export;
mod groups;
mod guard;
mod legacy;
mod links;
mod live;
mod members;
mod page;
mod scim;
mod scopes;
mod services;
mod settings;
mod sign_in;
mod words;

pub use links::{BREAK_GLASS, SET_PASSWORD};

use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tower_http::csrf::CsrfLayer;

pub(super) use admission::{no_such_page, signed_in};
pub(super) use assets::Assets;

use super::app::App;
use crate::model::service::Purpose;
use crate::model::token::TokenKind;

/// Every page.
pub(super) fn routes(app: &App) -> Router<App> {
    let settings = settings_routes().layer(from_fn_with_state(app.clone(), admission::admit));
    let control_center = control_center_routes()
        .layer(from_fn_with_state(app.clone(), admission::admins_only))
        .layer(from_fn_with_state(app.clone(), admission::admit));
    open_routes()
        .layer(from_fn_with_state(app.clone(), admission::guests))
        .merge(settings)
        .merge(control_center)
        .layer(cross_site(app))
        .layer(from_fn_with_state(app.clone(), admission::same_site))
        .layer(map_response(page::harden))
        .route("/assets/{name}", get(assets::serve))
}

/// For who has not signed in.
fn open_routes() -> Router<App> {
    let set_password = get(links::show_set_password).post(links::set_password);
    let break_glass = get(links::show_break_glass).post(links::open_break_glass);
    Router::new()
        .route("/", get(sign_in::home))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/forgot-password", get(links::show_forgot_password).post(links::forgot_password))
        .route("/set-password/{secret}", set_password)
        .route("/break-glass/{secret}", break_glass)
        .route("/events", get(live::events))
}

/// For everybody who has signed in.
fn settings_routes() -> Router<App> {
    use settings::{profile, sessions};

    Router::new()
        .route("/settings", get(profile::begin))
        .route("/settings/profile", get(profile::show).post(profile::rename))
        .route("/settings/password", get(profile::show_password).post(profile::change_password))
        .route("/settings/sessions", get(sessions::list))
        .route("/settings/sessions/end-others", post(sessions::end_others))
        .route("/settings/sessions/{id}/end", post(sessions::end))
        .merge(token_routes())
        .merge(api_key_routes())
}

fn token_routes() -> Router<App> {
    use settings::tokens;

    Router::new()
        .route("/settings/tokens", get(tokens::list).post(tokens::create))
        .route("/settings/tokens/new", get(tokens::show_new))
        .route("/settings/tokens/{id}", get(tokens::show))
        .route("/settings/tokens/{id}/rotate", get(tokens::confirm_rotate).post(tokens::rotate))
        .route("/settings/tokens/{id}/delete", get(tokens::confirm_delete).post(tokens::delete))
        .layer(Extension(TokenKind::Pat))
}

fn api_key_routes() -> Router<App> {
    use settings::tokens;

    Router::new()
        .route("/settings/api-keys", get(tokens::list).post(tokens::create))
        .route("/settings/api-keys/new", get(tokens::show_new))
        .route("/settings/api-keys/{id}", get(tokens::show))
        .route("/settings/api-keys/{id}/rotate", get(tokens::confirm_rotate).post(tokens::rotate))
        .route("/settings/api-keys/{id}/delete", get(tokens::confirm_delete).post(tokens::delete))
        .layer(Extension(TokenKind::ApiKey))
}

/// For Mendix Admins.
fn control_center_routes() -> Router<App> {
    use members::{act, invite, list, member};

    Router::new()
        .route("/control-center", get(list::begin))
        .route("/control-center/members", get(list::list).post(invite::invite))
        .route("/control-center/members/new", get(invite::show))
        .route("/control-center/members/export", get(list::export_all).post(list::export_selection))
        .route("/control-center/members/confirm", get(list::begin).post(act::confirm))
        .route("/control-center/members/apply", get(list::begin).post(act::apply))
        .route("/control-center/members/{id}", get(member::show))
        .route("/control-center/members/{id}/invite", post(invite::make_link))
        .route("/control-center/members/{id}/admin", post(admins::set))
        .route("/control-center/members/{id}/sessions/{session}/end", post(member::end_session))
        .route("/control-center/members/{id}/tokens/{token}/delete", post(member::delete_token))
        .route("/control-center/admins", get(admins::list).post(admins::add))
        .route("/control-center/audit", get(audit::list))
        .route("/control-center/audit/export", get(audit::export))
        .route("/control-center/audit/{seq}", get(audit::show))
        .route("/control-center/company", get(company::show).post(company::rename))
        .route("/control-center/company/domains", post(company::add_domain))
        .route("/control-center/company/domains/remove", post(company::remove_domain))
        .route("/control-center/company/policy", post(company::set_policy))
        .route("/control-center/deprecated-api", get(legacy::show))
        .merge(group_routes())
        .merge(service_routes())
        .merge(scim_routes())
}

fn group_routes() -> Router<App> {
    use groups::{delete, group, list, members, new, rights};

    Router::new()
        .route("/control-center/groups", get(list::list).post(new::create))
        .route("/control-center/groups/new", get(new::show))
        .route("/control-center/groups/{id}", get(group::show).post(group::describe))
        .route("/control-center/groups/{id}/rights", post(rights::set))
        .route("/control-center/groups/{id}/lock", post(group::lock))
        .route("/control-center/groups/{id}/members", post(members::add))
        .route("/control-center/groups/{id}/members/{user}/remove", post(members::remove))
        .route("/control-center/groups/{id}/delete", get(delete::confirm).post(delete::delete))
}

fn service_routes() -> Router<App> {
    Router::new()
        .route("/control-center/services", get(services::list).post(services::create))
        .route("/control-center/services/{id}/rotate", get(services::confirm_rotate).post(services::rotate))
        .route("/control-center/services/{id}/delete", get(services::confirm_delete).post(services::delete))
        .layer(Extension(Purpose::Checks))
}

fn scim_routes() -> Router<App> {
    Router::new()
        .route("/control-center/scim", get(scim::show))
        .route("/control-center/scim/authority", post(scim::set_authority))
        .route("/control-center/scim/guard", post(guard::set))
        .route("/control-center/scim/confirm", post(guard::confirm))
        .route("/control-center/scim/tokens", post(services::create))
        .route("/control-center/scim/tokens/{id}/rotate", get(services::confirm_rotate).post(services::rotate))
        .route("/control-center/scim/tokens/{id}/delete", get(services::confirm_delete).post(services::delete))
        .layer(Extension(Purpose::Provisions))
}

/// Refuses what another site has a browser send.
fn cross_site(app: &App) -> CsrfLayer {
    let layer = CsrfLayer::new();
    layer.clone().add_trusted_origin(&app.settings.public_url).unwrap_or(layer)
}
