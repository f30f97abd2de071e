use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::directory::{self, Kind, Persona};
use crate::entra::certificates::CertificateRegistration;
use crate::entra::federation::Federation;
use crate::entra::keys::KeyRotation;
use crate::entra::people::PersonChange;
use crate::faults::Fault;
use crate::frame::Context;
use crate::requests::RecordedRequest;
use crate::serve::Arrival;
use crate::vault::VaultAccess;
use crate::{MintError, TokenRequest};

/// The control surface, without its prefix. The crate's documentation lists
/// the routes.
pub(crate) fn router(context: Context) -> Router {
    Router::new()
        .route("/token", post(token))
        .route("/people/{persona}", post(people))
        .route("/auto-sign-in", post(auto_sign_in))
        .route("/rotate-keys", post(rotate_keys))
        .route("/certificates", post(certificates))
        .route("/federated-credential", post(federated_credential))
        .route("/vault-access", post(vault_access))
        .route("/faults", post(faults))
        .route("/registration", post(registration))
        .route("/requests", get(requests))
        .route("/telemetry", get(telemetry).post(telemetry_access))
        .route("/reset", post(reset))
        .layer(middleware::from_fn(loopback_only))
        .with_state(context)
}

/// A refusal of the control surface: `{"error": …}`.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

fn bad_request(error: impl std::fmt::Display) -> Refused {
    Refused(StatusCode::BAD_REQUEST, error.to_string())
}

fn known_persona(name: &str) -> Result<&'static Persona, Refused> {
    directory::persona(name)
        .ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("there is no persona {name}")))
}

/// A JSON body whose faults are answered in this surface's form.
struct Body<T>(T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        Json::from_request(request, state)
            .await
            .map(|Json(value)| Self(value))
            .map_err(|rejection: JsonRejection| Refused(rejection.status(), rejection.body_text()))
    }
}

/// Middleware: nobody but a program on this machine. A page in a browser here
/// is no such program: it is known by its `Origin`, or (DNS rebinding) by the
/// name that it calls us.
async fn loopback_only(headers: HeaderMap, request: Request, next: Next) -> Response {
    let local_peer = request
        .extensions()
        .get::<Arrival>()
        .is_some_and(|arrival| arrival.peer.ip().is_loopback());
    let local_name = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| url::Url::parse(&format!("http://{host}")).ok())
        .is_some_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        });
    if local_peer && local_name && !headers.contains_key(ORIGIN) {
        return next.run(request).await;
    }
    Refused(
        StatusCode::FORBIDDEN,
        "the stand-ins are controlled from this machine alone, not from a web page".to_owned(),
    )
    .into_response()
}

async fn token(
    State(context): State<Context>,
    Body(request): Body<TokenRequest>,
) -> Result<Json<Value>, Refused> {
    let token = context.entra.mint(&request).map_err(|error| match error {
        MintError::Key(_) => Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        MintError::UnknownPersona(_) | MintError::UnknownResource(_) | MintError::NoIdToken => {
            bad_request(error)
        }
    })?;
    Ok(Json(json!({"access_token": token})))
}

async fn people(
    State(context): State<Context>,
    Path(name): Path<String>,
    Body(change): Body<PersonChange>,
) -> Result<Json<Value>, Refused> {
    let persona = known_persona(&name)?;
    let account = context
        .entra
        .people
        .change(persona, change, context.entra.stamp())
        .map_err(bad_request)?;
    Ok(Json(json!({
        "persona": persona.name,
        "disabled": account.disabled,
        "roles": context.entra.people.roles(persona),
        "interaction_required": account.interaction_required,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AutoSignIn {
    persona: Option<String>,
}

async fn auto_sign_in(
    State(context): State<Context>,
    Body(request): Body<AutoSignIn>,
) -> Result<Json<Value>, Refused> {
    let persona = request.persona.as_deref().map(known_persona).transpose()?;
    if persona.is_some_and(|persona| persona.kind == Kind::Application) {
        return Err(bad_request("an application does not sign in"));
    }
    context.entra.set_auto_sign_in(persona);
    Ok(Json(
        json!({"persona": persona.map(|persona| persona.name)}),
    ))
}

async fn rotate_keys(
    State(context): State<Context>,
    Body(rotation): Body<KeyRotation>,
) -> Result<Json<Value>, Refused> {
    let failed = |error: &dyn std::fmt::Display| {
        Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    let keys = tokio::task::spawn_blocking(move || context.entra.keys.rotate(rotation))
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    let keys: Vec<Value> = keys
        .into_iter()
        .map(|(kid, state)| json!({"kid": kid, "state": state}))
        .collect();
    Ok(Json(json!({"keys": keys})))
}

async fn certificates(
    State(context): State<Context>,
    Body(registration): Body<CertificateRegistration>,
) -> Result<Json<Value>, Refused> {
    let registered = context.entra.certificates.register(&registration);
    let thumbprint = registered.map_err(bad_request)?;
    Ok(Json(json!({"x5t#S256": thumbprint})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FederatedCredential {
    state: Federation,
}

async fn federated_credential(
    State(context): State<Context>,
    Body(change): Body<FederatedCredential>,
) -> StatusCode {
    context.entra.set_federation(change.state);
    StatusCode::NO_CONTENT
}

async fn vault_access(
    State(context): State<Context>,
    Body(access): Body<VaultAccess>,
) -> Result<StatusCode, Refused> {
    let changed = context.vault.assignments.change(&access);
    changed.map(|()| StatusCode::NO_CONTENT).ok_or_else(|| {
        let principal = access.principal;
        Refused(
            StatusCode::NOT_FOUND,
            format!("there is no principal {principal}"),
        )
    })
}

async fn faults(
    State(context): State<Context>,
    Body(fault): Body<Fault>,
) -> Result<StatusCode, Refused> {
    context.faults.add(fault).map_err(bad_request)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn registration(
    State(context): State<Context>,
    Body(patch): Body<Value>,
) -> Result<Json<Value>, Refused> {
    if !patch.is_object() {
        return Err(bad_request("a merge patch is an object"));
    }
    Ok(Json(context.registrations.patch(&patch)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestsQuery {
    #[serde(default)]
    path: String,
}

async fn requests(
    State(context): State<Context>,
    Query(query): Query<RequestsQuery>,
) -> Json<Vec<RecordedRequest>> {
    Json(context.requests.matching(&query.path))
}

async fn telemetry(State(context): State<Context>) -> Json<Vec<Value>> {
    Json(context.telemetry.items())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TelemetryAccess {
    authenticated: bool,
}

async fn telemetry_access(
    State(context): State<Context>,
    Body(access): Body<TelemetryAccess>,
) -> StatusCode {
    context.telemetry.authenticate(access.authenticated);
    StatusCode::NO_CONTENT
}

async fn reset(State(context): State<Context>) -> StatusCode {
    context.entra.reset();
    context.vault.reset();
    context.faults.clear();
    context.requests.clear();
    context.telemetry.reset();
    StatusCode::NO_CONTENT
}
