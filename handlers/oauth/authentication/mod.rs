//! Client authentication at `/token` and `/revoke` (RFC 6749 section 2.3).

mod assertion;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use url::form_urlencoded;

use super::clients::{Client, ClientAuthentication};
use super::{AuthorizationServer, OAuthError, Parameters};

/// The `client_assertion_type` of RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client presents.
enum Credential {
    /// Its id alone.
    None,
    /// A secret.
    Secret(SecretString),
    /// A signed assertion.
    Assertion(SecretString),
}

struct Presented {
    client_id: String,
    credential: Credential,
    used_basic: bool,
}

/// The client that makes a request, authenticated as it registered.
///
/// # Errors
/// 401 `invalid_client` for a client that is not known or not proven (with a
/// `Basic` challenge if it used that scheme); 400 for more than one method at
/// once.
pub(super) async fn authenticate(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Client, OAuthError> {
    let presented = presented(headers, parameters)?;
    let used_basic = presented.used_basic;
    prove(server, presented)
        .await
        .map_err(|error| error.with_basic_challenge(used_basic))
}

async fn prove(server: &AuthorizationServer, presented: Presented) -> Result<Client, OAuthError> {
    let client = server.clients.find_itself(&presented.client_id).await?;
    let proven = match (&client.authentication, &presented.credential) {
        (ClientAuthentication::None, Credential::None) => true,
        (authentication @ ClientAuthentication::Secret { .. }, Credential::Secret(secret)) => {
            authentication.accepts_secret(secret)
        }
        (ClientAuthentication::PrivateKeyJwt { keys }, Credential::Assertion(assertion)) => {
            assertion::verify(server, &client.id, keys, assertion).await?;
            true
        }
        _ => {
            return Err(OAuthError::invalid_client(
                "the client does not authenticate as it registered",
            ));
        }
    };
    if proven {
        Ok(client)
    } else {
        Err(OAuthError::invalid_client("the client secret is not right"))
    }
}

fn presented(headers: &HeaderMap, parameters: &Parameters) -> Result<Presented, OAuthError> {
    let basic = basic(headers)?;
    let secret = parameters.get("client_secret");
    let assertion = parameters.get("client_assertion");
    let methods = [basic.is_some(), secret.is_some(), assertion.is_some()];
    if methods.into_iter().filter(|used| *used).count() > 1 {
        return Err(OAuthError::invalid_request(
            "the client authenticates in more than one way",
        ));
    }
    let named = parameters.get("client_id").map(str::to_owned);
    let used_basic = basic.is_some();
    let (claimed, credential) = if let Some((id, secret)) = basic {
        let credential = secret.map_or(Credential::None, Credential::Secret);
        (Some(id), credential)
    } else if let Some(secret) = secret {
        (None, Credential::Secret(SecretString::from(secret)))
    } else if let Some(assertion) = assertion {
        if parameters.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(OAuthError::invalid_request(
                "client_assertion_type is not the one for JWTs",
            ));
        }
        let subject = assertion::claimed_subject(assertion);
        (
            subject,
            Credential::Assertion(SecretString::from(assertion)),
        )
    } else {
        (None, Credential::None)
    };
    if let (Some(named), Some(claimed)) = (&named, &claimed)
        && named != claimed
    {
        return Err(
            OAuthError::invalid_client("client_id is another one than the credential's")
                .with_basic_challenge(used_basic),
        );
    }
    let client_id = claimed
        .or(named)
        .ok_or_else(|| OAuthError::invalid_client("client_id is missing"))?;
    Ok(Presented {
        client_id,
        credential,
        used_basic,
    })
}

/// Id and secret of a `Basic` header, each form-encoded within it (RFC 6749
/// section 2.3.1). An empty secret is none.
fn basic(headers: &HeaderMap) -> Result<Option<(String, Option<SecretString>)>, OAuthError> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let malformed = || {
        OAuthError::invalid_client("the Authorization header is not a Basic one with id and secret")
            .with_basic_challenge(true)
    };
    let encoded = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .map(|(_, encoded)| encoded.trim())
        .ok_or_else(malformed)?;
    let decoded = STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(malformed)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let secret = form_decoded(secret);
    Ok(Some((
        form_decoded(id),
        (!secret.is_empty()).then(|| SecretString::from(secret)),
    )))
}

fn form_decoded(text: &str) -> String {
    // Not as pairs: a `=` or `&` in it is data. What is not encoded is
    // itself.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn basic_credentials_are_form_decoded() {
        let header = format!("Basic {}", STANDARD.encode("https%3A%2F%2Fa%2Fb:s%2Be=c&r"));
        let headers =
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&header).unwrap())]);
        let (id, secret) = basic(&headers).unwrap().unwrap();
        assert_eq!(id, "https://a/b");
        assert_eq!(secret.unwrap().expose_secret(), "s+e=c&r");
    }

    #[test]
    fn other_schemes_are_refused() {
        for value in ["Bearer x", "Basic", "Basic !", "Basic YQ=="] {
            let headers =
                HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
            assert!(basic(&headers).is_err(), "{value}");
        }
    }
}
