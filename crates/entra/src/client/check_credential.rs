use std::sync::{Mutex, PoisonError};

use super::EntraClient;
use super::token_endpoint::Form;
use crate::EntraError;
use crate::fetch::Patience;

/// What Entra says of a client that is not authenticated (RFC 6749 section
/// 5.2), whatever the code.
const INVALID_CLIENT: &str = "invalid_client";

/// Codes that come with `invalid_client` and are about the resource that is
/// asked for: the tenant lacks it, it has no such scope, or the app
/// registration does not list it.
const ABOUT_THE_RESOURCE: [u32; 6] = [65_005, 650_051, 650_052, 650_053, 650_056, 650_057];

/// Codes about the credential, for those that come with other errors too, such
/// as `unauthorized_client` and `invalid_request`.
const ABOUT_THE_CREDENTIAL: [u32; 13] = [
    50_027, 700_016, 700_021, 700_023, 700_024, 700_025, 700_027, 700_236, 7_000_112, 7_000_215,
    7_000_216, 7_000_218, 7_000_222,
];

/// How our own credential stands with Entra.
#[derive(Debug, Clone)]
pub struct CredentialStatus {
    /// What kind of credential it is.
    pub kind: &'static str,
    /// Why it did not serve when it was used last.
    pub trouble: Option<EntraError>,
}

/// What came of the credential's last use.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Option<EntraError>>);

impl Standing {
    /// Notes what came of a request. An outage of Entra says nothing about
    /// the credential.
    pub(super) fn note(&self, error: Option<&EntraError>) {
        let trouble = match error {
            Some(EntraError::Unavailable { .. } | EntraError::Protocol { .. }) => return,
            Some(error) if is_about_the_credential(error) => Some(error.clone()),
            _ => None,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn trouble(&self) -> Option<EntraError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn is_about_the_credential(error: &EntraError) -> bool {
    match error {
        EntraError::CredentialUnavailable(_) | EntraError::CredentialRefused { .. } => true,
        EntraError::Rejected { rejection } => {
            let is_one_of =
                |codes: &[u32]| rejection.code.is_some_and(|code| codes.contains(&code));
            is_one_of(&ABOUT_THE_CREDENTIAL)
                || (rejection.error == INVALID_CLIENT && !is_one_of(&ABOUT_THE_RESOURCE))
        }
        _ => false,
    }
}

impl EntraClient {
    /// How our own credential stood when it was used last.
    #[must_use]
    pub fn credential_status(&self) -> CredentialStatus {
        CredentialStatus {
            kind: self.credential.describe(),
            trouble: self.standing.trouble(),
        }
    }

    /// Finds out whether Entra takes our credential, by asking for a token for
    /// our own app (Microsoft identity platform, "OAuth 2.0 client
    /// credentials flow"), which is thrown away. A refusal of Entra's for any
    /// other reason means that the credential was taken.
    ///
    /// # Errors
    /// When Entra does not answer, or something else does in its place, and
    /// when it does not take the credential.
    pub async fn check_credential(&self) -> Result<(), EntraError> {
        let configuration = self.of_tenant(self.settings.tenant_id).await?;
        let form: Form = vec![
            ("grant_type", "client_credentials".into()),
            (
                "scope",
                format!("{}/.default", self.settings.client_id).into(),
            ),
        ];
        let asked = self.redeem(&configuration.token_endpoint, form, Patience::REPEATABLE);
        match asked.await {
            Err(error) if error.rejection().is_none() || is_about_the_credential(&error) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }
}
