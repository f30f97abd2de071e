use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::super::Entra;
use super::super::authority::Authority;
use super::super::claims::Credential;
use super::super::error::{EntraError, OAuthError};
use super::super::parameters::Parameters;
use super::super::refusal;
use super::assertion;
use crate::directory::{self, Application};

/// What a request says about its client.
struct Presented {
    client_id: String,
    secret: Option<String>,
}

/// Who the client is, and how it proved it (Microsoft Learn, "OAuth 2.0
/// authorization code flow" and "Application authentication certificate
/// credentials"): secret by post or HTTP Basic, or a signed assertion.
pub(super) fn authenticate(
    entra: &Entra,
    authority: Authority,
    endpoint: &str,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<(&'static Application, Credential), EntraError> {
    let presented = presented(headers, parameters)?;
    let client = find(&presented.client_id, authority)?;
    let assertion = parameters.get("client_assertion");
    if !client.is_confidential() {
        return if presented.secret.is_some() || assertion.is_some() {
            Err(EntraError::new(
                700_025,
                OAuthError::InvalidClient,
                "Client is public so neither 'client_assertion' nor 'client_secret' should be \
                 presented.",
            ))
        } else {
            Ok((client, Credential::None))
        };
    }
    match (presented.secret, assertion) {
        (None, None) => Err(refusal::missing_credential()),
        (Some(secret), _) if client.secret == Some(secret.as_str()) => {
            Ok((client, Credential::Secret))
        }
        (Some(_), _) => Err(EntraError::new(
            7_000_215,
            OAuthError::InvalidClient,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is \
                 the client secret value, not the client secret ID, for a secret added to app '{}'.",
                client.client_id
            ),
        )),
        (None, Some(assertion)) => {
            let kind = parameters.required("client_assertion_type")?;
            assertion::check_kind(kind)?;
            assertion::check(entra, client, assertion, endpoint)?;
            Ok((client, Credential::Assertion))
        }
    }
}

/// The registered application with this id, usable at this endpoint.
pub(crate) fn find(
    client_id: &str,
    authority: Authority,
) -> Result<&'static Application, EntraError> {
    Uuid::try_parse(client_id)
        .ok()
        .and_then(directory::application)
        .filter(|client| !client.first_party)
        .filter(|client| match authority {
            Authority::Tenant(tenant) => client.exists_in(tenant.id),
            Authority::Organizations | Authority::Common | Authority::Consumers => true,
        })
        .ok_or_else(|| refusal::unknown_client(client_id, authority))
}

fn presented(headers: &HeaderMap, parameters: &Parameters) -> Result<Presented, EntraError> {
    let Some(basic) = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
    else {
        return Ok(Presented {
            client_id: parameters.required("client_id")?.to_owned(),
            secret: parameters.get("client_secret").map(str::to_owned),
        });
    };
    let malformed = || refusal::invalid_request("The Authorization header is malformed.");
    let decoded = STANDARD.decode(basic).map_err(|_| malformed())?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (client_id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let client_id = form_decoded(client_id);
    if parameters
        .get("client_id")
        .is_some_and(|id| id != client_id)
    {
        return Err(refusal::invalid_request(
            "The client_id of the request and of the Authorization header differ.",
        ));
    }
    Ok(Presented {
        client_id,
        secret: Some(form_decoded(secret)),
    })
}

/// Id and secret are form-encoded inside HTTP Basic (RFC 6749 section 2.3.1).
fn form_decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("v={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
