//! Every route, one line each, and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any_service, delete, get, patch, post};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::config::Settings;
use crate::context::{Surroundings, surround};
use crate::error::ApiError;
use crate::functions::{SWEEP, SweepTimer, ToolTrigger, refuse_forged, tool_panicked};
use crate::identity::{Door, Revocations};
use crate::limits::{Exceeded, SignInLimit, limit_sign_in};
use crate::mcp::{McpDoor, Served, list_as_json};
use crate::state::AppState;
use crate::{auth, chat, oauth, openapi, ops};

/// The largest body of `/auth` and of OAuth routes, in bytes.
const SMALL_BODY: usize = 64 * 1024;

/// The largest body of chat, in bytes.
const CHAT_BODY: usize = 256 * 1024;

/// The whole server, with `served` as what MCP clients find behind the doors.
pub fn router<S>(state: &AppState, settings: &Settings, served: &S) -> Router
where
    S: Served,
{
    let cors = cors(&settings.cors_origins);
    Router::new()
        .merge(open_to(open_routes(), open_cors()))
        .merge(open_to(
            limited(state, info_routes(), Exceeded::as_json),
            open_cors(),
        ))
        .merge(open_to(
            limited(
                state,
                stored(state, oauth_routes()),
                Exceeded::as_oauth_error,
            ),
            open_cors(),
        ))
        .merge(limited(
            state,
            stored(state, page_routes(settings)),
            Exceeded::as_page,
        ))
        .merge(open_to(
            limited(state, stored(state, sign_in_routes()), Exceeded::as_json),
            cors.clone(),
        ))
        .merge(open_to(account_routes(), cors.clone()))
        .merge(open_to(chat_routes(), cors.clone()))
        .merge(open_to(mcp_routes(state, served), cors))
        .merge(wrapped_routes(state, settings))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(Surroundings::from_ref(state), surround))
        .with_state(state.clone())
}

/// Routes that pages of other origins may call. What answers other methods is
/// set first: the layer has to stand around it too, since a browser asks by
/// `OPTIONS` whether it may.
fn open_to(routes: Router<AppState>, cors: CorsLayer) -> Router<AppState> {
    routes
        .method_not_allowed_fallback(no_such_method)
        .layer(cors)
}

/// Routes of which an address may ask so much and no more; `refuse` answers
/// the rest.
fn limited(
    state: &AppState,
    routes: Router<AppState>,
    refuse: fn(Exceeded) -> Response,
) -> Router<AppState> {
    let limit = SignInLimit {
        limits: state.0.limits.clone(),
        addresses: state.0.addresses.clone(),
        audit: state.0.grants.audit().clone(),
        refuse,
    };
    routes.route_layer(from_fn_with_state(limit, limit_sign_in))
}

/// Routes that ask storage before anybody is known: a server that has just
/// started opens it first. Who brings a token waits where that is looked at.
fn stored(state: &AppState, routes: Router<AppState>) -> Router<AppState> {
    let revocations = state.0.revocations.clone();
    routes.route_layer(from_fn_with_state(revocations, opened))
}

async fn opened(
    State(revocations): State<Arc<Revocations>>,
    request: Request,
    next: Next,
) -> Response {
    revocations.settled().await;
    next.run(request).await
}

/// Routes that anybody may read, as often as they like.
fn open_routes() -> Router<AppState> {
    let server = "/.well-known";
    let resource = "/.well-known/oauth-protected-resource";
    Router::new()
        .route("/", get(ops::root))
        .route("/health", get(ops::health))
        .route("/api/health", get(ops::health))
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/docs", get(openapi::swagger_ui))
        .route("/api/docs/{file}", get(openapi::asset))
        .route("/api/redoc", get(openapi::redoc))
        .route(resource, get(oauth::of_base))
        .route(&format!("{resource}/mcp"), get(oauth::of_mcp))
        .route(
            &format!("{resource}/runtime/webhooks/mcp"),
            get(oauth::of_webhook),
        )
        .route(
            &format!("{server}/oauth-authorization-server"),
            get(oauth::metadata::authorization_server),
        )
        .route(
            &format!("{server}/openid-configuration"),
            get(oauth::metadata::openid_configuration),
        )
        .route(
            &format!("{server}/jwks.json"),
            get(oauth::metadata::signing_keys),
        )
}

/// How to sign in, for programs.
fn info_routes() -> Router<AppState> {
    Router::new().route("/auth/info", get(auth::info::info))
}

/// Routes of the authorization server that programs call, from wherever they
/// run.
fn oauth_routes() -> Router<AppState> {
    Router::new()
        .route("/register", post(oauth::register))
        .route("/token", post(oauth::token::token))
        .route("/revoke", post(oauth::revoke::revoke))
        .layer(DefaultBodyLimit::max(SMALL_BODY))
}

/// Routes that people see in a browser: no other origin reads them.
fn page_routes(settings: &Settings) -> Router<AppState> {
    let mut routes = Router::new()
        .route(
            "/authorize",
            get(oauth::authorize::by_query).post(oauth::authorize::by_form),
        )
        .route(
            "/consent",
            get(oauth::consent::show).post(oauth::consent::submit),
        )
        .route("/auth/step-up/{id}", get(auth::step_up::step_up))
        .route("/auth/callback", get(auth::callback::callback));
    // A registration that was moved here may name another path.
    let registered = settings.callback_url.path();
    if registered != "/auth/callback" {
        routes = routes.route(registered, get(auth::callback::callback));
    }
    routes.layer(DefaultBodyLimit::max(SMALL_BODY))
}

/// Signing in for front ends.
fn sign_in_routes() -> Router<AppState> {
    Router::new()
        .route("/auth/login", get(auth::login::login))
        .route("/auth/exchange", post(auth::exchange::exchange))
        .route("/auth/refresh", post(auth::refresh::refresh))
        .route("/auth/logout", post(auth::logout::logout))
        .layer(DefaultBodyLimit::max(SMALL_BODY))
}

/// What the signed-in find of themselves.
fn account_routes() -> Router<AppState> {
    Router::new()
        .route("/api/auth/me", get(auth::me::me))
        .route("/api/grants", get(auth::my_grants::list))
        .route("/api/grants/{id}", delete(auth::my_grants::end))
        .layer(DefaultBodyLimit::max(SMALL_BODY))
}

/// Chat: agents, sessions, turns.
fn chat_routes() -> Router<AppState> {
    Router::new()
        .route("/api/agents", get(chat::agents_list::list_agents))
        .route("/api/agents/{id}", get(chat::agents_read::read_agent))
        .route("/api/sessions", get(chat::sessions_list::list_sessions))
        .route("/api/sessions", post(chat::sessions_create::create_session))
        .route("/api/sessions/{id}", get(chat::sessions_read::read_session))
        .route(
            "/api/sessions/{id}",
            patch(chat::sessions_rename::rename_session),
        )
        .route(
            "/api/sessions/{id}",
            delete(chat::sessions_delete::delete_session),
        )
        .route("/api/chat", post(chat::post::chat))
        .layer(DefaultBodyLimit::max(CHAT_BODY))
}

/// Routes of MCP clients. `/runtime/webhooks/mcp` is the Functions host's own
/// where there is one: it never reaches us then.
fn mcp_routes<S>(state: &AppState, served: &S) -> Router<AppState>
where
    S: Served,
{
    let guarded = |routes: Router<AppState>, door| {
        let door = Arc::new(McpDoor {
            door,
            gate: state.0.gate.clone(),
            origins: state.0.origins.clone(),
            registry: state.0.registry.clone(),
            direct: served.direct().cloned(),
        });
        routes.layer(from_fn_with_state(door, McpDoor::guard))
    };
    let service = || any_service(McpDoor::service(served.clone()));
    let mcp = Router::new()
        .route("/mcp", service())
        .route("/mcp/tools", get(list_as_json));
    let webhook = Router::new().route(Door::Webhook.path(), service());
    guarded(mcp, Door::Mcp).merge(guarded(webhook, Door::Webhook))
}

/// What the Functions host calls by itself: tools and the timer, each at the
/// name of its function. To everybody else there is nothing here, and nobody
/// calls where there is no host but in development.
fn wrapped_routes(state: &AppState, settings: &Settings) -> Router<AppState> {
    if !settings.takes_wrapped_calls() {
        return Router::new();
    }
    let pieces = &state.0;
    let timer = SweepTimer::new(pieces.sweep.clone(), pieces.clock.clone());
    let sweep = post(move || timer.clone().answer());
    let timer = Router::new().route(&format!("/{SWEEP}"), sweep);
    let tools = pieces.registry.all().map(|(tool, ..)| tool);
    let tools = tools.fold(Router::new(), |routes, tool| {
        let trigger = ToolTrigger::new(
            tool,
            pieces.gate.clone(),
            pieces.mcp.clone(),
            pieces.registry.clone(),
            settings.base_url.clone(),
        );
        let answer = move |request| trigger.clone().answer(request);
        routes.route(&format!("/{tool}"), post(answer))
    });
    tools
        .layer(CatchPanicLayer::custom(tool_panicked))
        .merge(timer)
        .method_not_allowed_fallback(no_such_route)
        .layer(from_fn(refuse_forged))
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| origin.trim_end_matches('/').parse().ok())
        .collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("mcp-protocol-version"),
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-method"),
            HeaderName::from_static("mcp-name"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            header::WWW_AUTHENTICATE,
            header::RETRY_AFTER,
            HeaderName::from_static("mcp-session-id"),
        ])
}

/// For documents that hold nothing of anybody: every origin, no credentials.
fn open_cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        // A wildcard would not cover `Authorization` (Fetch standard,
        // "CORS protocol and HTTP responses").
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
}

async fn no_such_route() -> ApiError {
    ApiError::no_such_route()
}

async fn no_such_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "This route does not take that method.",
    )
}
