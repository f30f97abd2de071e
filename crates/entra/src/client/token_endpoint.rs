use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::EntraClient;
use crate::EntraError;
use crate::error::OAuthErrorAnswer;
use crate::fetch::{Patience, ask};

/// One request to the token endpoint: form fields in the order they are sent.
pub(super) type Form = Vec<(&'static str, SecretString)>;

/// A successful answer (RFC 6749 section 5.1).
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    token_type: String,
    pub(super) access_token: SecretText,
    pub(super) refresh_token: Option<SecretText>,
    pub(super) id_token: Option<SecretText>,
    expires_in: i64,
    #[serde(default)]
    pub(super) scope: String,
}

/// Text that becomes a secret as it is read.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct SecretText(pub(super) SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl TokenAnswer {
    /// When the access token expires, by the answer, seconds since the epoch.
    pub(super) fn expires_at(&self, now: i64) -> i64 {
        now.saturating_add(self.expires_in)
    }
}

impl EntraClient {
    /// Posts `form`, with our client id and credential, to `endpoint`, and
    /// notes whether the credential served.
    pub(super) async fn redeem(
        &self,
        endpoint: &Url,
        form: Form,
        patience: Patience,
    ) -> Result<TokenAnswer, EntraError> {
        let answer = self.post(endpoint, form, patience).await;
        self.standing.note(answer.as_ref().err());
        answer
    }

    async fn post(
        &self,
        endpoint: &Url,
        mut form: Form,
        patience: Patience,
    ) -> Result<TokenAnswer, EntraError> {
        form.push(("client_id", self.settings.client_id.to_string().into()));
        form.extend(self.credential.form_fields(endpoint).await?);
        let fields: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (*name, value.expose_secret()))
            .collect();
        let spread: String = fields.iter().map(|(_, value)| *value).collect();
        let spread = SecretString::from(spread);
        let answer = ask(patience, spread.expose_secret().as_bytes(), || {
            self.http
                .post(endpoint.clone())
                .header(ACCEPT, "application/json")
                .form(&fields)
        })
        .await
        .map_err(EntraError::unavailable)?;
        match answer.status {
            StatusCode::OK => granted(&answer.body),
            status if status.is_client_error() => Err(refused(&answer.body)),
            _ => Err(EntraError::Protocol {
                reason: "the token endpoint answered with an unexpected status",
            }),
        }
    }
}

fn granted(body: &[u8]) -> Result<TokenAnswer, EntraError> {
    let answer: TokenAnswer =
        serde_json::from_slice(body).map_err(|_malformed| EntraError::Protocol {
            reason: "the token endpoint's answer is not a token answer",
        })?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") || answer.expires_in <= 0 {
        return Err(EntraError::Protocol {
            reason: "the token endpoint's answer is not a bearer token with a lifetime",
        });
    }
    Ok(answer)
}

fn refused(body: &[u8]) -> EntraError {
    serde_json::from_slice(body).map_or(
        EntraError::Protocol {
            reason: "the token endpoint's error answer is not an OAuth error",
        },
        OAuthErrorAnswer::into_error,
    )
}
