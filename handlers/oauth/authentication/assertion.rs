//! `private_key_jwt`: assertions by which a client proves that it holds a
//! key (RFC 7523 sections 2.2 and 3, with the audience of
//! draft-ietf-oauth-rfc7523bis: the issuer alone, so that an assertion for
//! another server is never one for us).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_tables::{Row, TableError};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::{FLOWS_TABLE, Spot, tidy};
use crate::oauth::clients::{ClientAuthentication, PublicKeys, SignatureError};
use crate::oauth::{AuthorizationServer, OAuthError};

/// The longest that an assertion may live, in seconds.
const LONGEST: i64 = 300;
/// Seconds by which the client's clock may be ahead of ours.
const LEEWAY: i64 = 30;
/// The longest assertion that is looked at, in bytes.
const LONGEST_TEXT: usize = 8 * 1024;
/// The longest id of an assertion, in bytes.
const LONGEST_ID: usize = 256;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Value>,
    exp: Option<i64>,
    nbf: Option<i64>,
    iat: Option<i64>,
    jti: Option<String>,
}

/// Whom an assertion says that it is of. Nothing is proven by that.
pub(super) fn claimed_subject(assertion: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    decode::<Claims>(payload)?.sub
}

/// Verifies an assertion of this client: signature (ES256, PS256, RS256),
/// `iss` and `sub` the client, `aud` our issuer, at most five minutes of
/// life, and that it was not used before.
pub(super) async fn verify(
    server: &AuthorizationServer,
    client_id: &str,
    keys: &PublicKeys,
    assertion: &SecretString,
) -> Result<(), OAuthError> {
    let text = assertion.expose_secret();
    let refuse = |why: &'static str| OAuthError::invalid_client(why);
    if text.len() > LONGEST_TEXT {
        return Err(refuse("the assertion is too long"));
    }
    let malformed = || refuse("the assertion is not a signed JWT");
    let (message, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
    let header: Header = decode(header).ok_or_else(malformed)?;
    let claims: Claims = decode(payload).ok_or_else(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    if header.crit.is_some() || !["ES256", "PS256", "RS256"].contains(&header.alg.as_str()) {
        return Err(refuse(
            "the assertion must be signed by ES256, PS256 or RS256",
        ));
    }
    let check = |keys: &PublicKeys| {
        keys.verify(
            &header.alg,
            header.kid.as_deref(),
            message.as_bytes(),
            &signature,
        )
    };
    let mut verified = check(keys);
    if verified == Err(SignatureError::UnknownKey) {
        // The client may have changed its keys since they were fetched.
        let again = server.clients.find_again(client_id).await?;
        if let ClientAuthentication::PrivateKeyJwt { keys } = &again.authentication {
            verified = check(keys);
        }
    }
    verified.map_err(|error| {
        refuse("the assertion is not signed by a key of the client").with_log(error.to_string())
    })?;
    let (jti, until) = check_claims(server, client_id, &claims).map_err(refuse)?;
    use_up(server, client_id, &jti, until).await
}

/// The assertion's id and when it ends.
fn check_claims(
    server: &AuthorizationServer,
    client_id: &str,
    claims: &Claims,
) -> Result<(String, i64), &'static str> {
    let is_client = |claim: &Option<String>| claim.as_deref() == Some(client_id);
    if !is_client(&claims.iss) || !is_client(&claims.sub) {
        return Err("iss and sub of the assertion must be the client's id");
    }
    let ours = server.base.as_str();
    let audience = match &claims.aud {
        Some(Value::String(audience)) => audience == ours,
        Some(Value::Array(audiences)) => {
            matches!(audiences.as_slice(), [Value::String(only)] if only == ours)
        }
        _ => false,
    };
    if !audience {
        return Err("aud of the assertion must be this server's issuer and nothing else");
    }
    let now = server.clock.unix();
    let expires_at = claims.exp.ok_or("the assertion has no exp")?;
    if expires_at <= now {
        return Err("the assertion has expired");
    }
    let ahead = |moment: Option<i64>| moment.is_some_and(|moment| moment > now + LEEWAY);
    if ahead(claims.nbf) || ahead(claims.iat) {
        return Err("the assertion is not valid yet");
    }
    let (from, leeway) = claims.iat.map_or((now, 0), |issued| (issued, LEEWAY));
    if expires_at.saturating_sub(from) > LONGEST || expires_at - now > LONGEST + leeway {
        return Err("the assertion must end within 300 seconds");
    }
    let jti = claims
        .jti
        .clone()
        .filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_ID)
        .ok_or("the assertion has no jti")?;
    Ok((jti, expires_at))
}

/// Notes that an assertion was used; the second time is refused, on every
/// instance.
async fn use_up(
    server: &AuthorizationServer,
    client_id: &str,
    jti: &str,
    until: i64,
) -> Result<(), OAuthError> {
    let spot = Spot::of("assertion", &format!("{client_id}\n{jti}"));
    let row = Row::new(&spot.partition, &spot.row).with("expires_at", until);
    let noted = server.tables.insert(FLOWS_TABLE, &row).await;
    match noted {
        Ok(_) => {
            tidy(server.tables.as_ref(), &spot.partition, server.clock.unix()).await;
            Ok(())
        }
        Err(TableError::AlreadyExists) => {
            Err(OAuthError::invalid_client("the assertion was used already"))
        }
        Err(error) => Err(error.into()),
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
