use azure_core::error::ErrorKind;
use azure_core::http::{RawResponse, StatusCode};
use serde::Deserialize;
use thiserror::Error;

/// Why the vault did not do what was asked. Never holds a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The address is not one of a vault.
    #[error("the address must be https:// and a host, without a path")]
    Address,
    /// The vault does not answer, or answers that it cannot now.
    #[error("the key vault does not answer")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No token for the vault can be had.
    #[error("no token for the key vault can be had")]
    NoToken(#[source] azure_core::Error),
    /// The vault does not let this identity do this: mostly a role assignment
    /// that is missing or does not count yet.
    #[error("the key vault refuses this identity ({code})")]
    Forbidden {
        /// The vault's code: `ForbiddenByRbac`.
        code: String,
    },
    /// The vault does not take the token: mostly one of another tenant than
    /// the vault's.
    #[error("the key vault does not take this identity's token ({code})")]
    TokenRefused {
        /// The vault's code: `AKV10032` for a tenant that is not the vault's.
        code: String,
    },
    /// The vault lets nobody do anything from this network: its firewall, or
    /// private endpoints alone.
    #[error("the key vault refuses this network ({code})")]
    Blocked {
        /// The vault's code: `ForbiddenByFirewall`, `ForbiddenByConnection`.
        code: String,
    },
    /// The secret is there and disabled.
    #[error("the secret is disabled (SecretDisabled)")]
    Disabled,
    /// There is no such secret.
    #[error("the key vault has no such secret")]
    NotFound,
    /// A deleted secret holds the name.
    #[error(
        "a deleted secret holds the name: recover it (az keyvault secret recover) or purge it (az \
         keyvault secret purge)"
    )]
    Deleted,
    /// The value is longer than a vault takes.
    #[error(
        "the value has {bytes} bytes, and a vault takes {}",
        crate::LONGEST_VALUE
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The secret has no value.
    #[error("the secret has no value")]
    NoValue,
    /// The vault refuses for another reason.
    #[error("the key vault refuses: {status} {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The vault's code.
        code: String,
    },
    /// Something else went wrong: an answer that cannot be read, a challenge
    /// that must not be followed.
    #[error("the exchange with the key vault failed")]
    Exchange(#[source] azure_core::Error),
}

/// A refusal as Key Vault writes it (Microsoft Learn, "Azure Key Vault REST API
/// error codes").
#[derive(Deserialize)]
struct Refusal {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "innererror")]
    inner: Option<Box<Detail>>,
}

/// The most specific code of a refusal: before all others one of its own that
/// begins the message, as `AKV10032: Invalid issuer.` Read here, since `azure_core` finds
/// none where the message has line breaks, as that of a missing role does.
fn code(response: Option<&RawResponse>) -> String {
    let refusal = response.and_then(|response| {
        let body: &[u8] = response.body().as_ref();
        serde_json::from_slice::<Refusal>(body).ok()
    });
    refusal
        .map(|refusal| refusal.error)
        .and_then(|error| {
            let own = error.message.as_deref().and_then(own_code);
            own.or(error.inner.and_then(|inner| inner.code))
                .or(error.code)
        })
        .unwrap_or_default()
}

fn own_code(message: &str) -> Option<String> {
    let (code, _) = message.split_once(':')?;
    let number = code.strip_prefix("AKV")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| code.to_owned())
}

impl VaultError {
    pub(crate) fn silent() -> Self {
        Self::Unreachable("no answer in time".into())
    }

    /// What 403 is about (Microsoft Learn, "Azure Key Vault REST API error
    /// codes"; of a vault without public access Azure says
    /// `ForbiddenByConnection`).
    fn forbidden(code: String) -> Self {
        match code.as_str() {
            "ForbiddenByFirewall" | "ForbiddenByConnection" => Self::Blocked { code },
            "SecretDisabled" => Self::Disabled,
            _ => Self::Forbidden { code },
        }
    }

    pub(crate) fn from_azure(error: azure_core::Error) -> Self {
        let (status, code) = match error.kind() {
            ErrorKind::Credential => return Self::NoToken(error),
            ErrorKind::HttpResponse {
                status,
                raw_response,
                ..
            } => (*status, code(raw_response.as_deref())),
            ErrorKind::Io | ErrorKind::Connection => return Self::Unreachable(Box::new(error)),
            _ => return Self::Exchange(error),
        };
        match status {
            StatusCode::Unauthorized => Self::TokenRefused { code },
            StatusCode::Forbidden => Self::forbidden(code),
            StatusCode::NotFound => Self::NotFound,
            StatusCode::Conflict => Self::Deleted,
            StatusCode::RequestTimeout | StatusCode::TooManyRequests => {
                Self::Unreachable(Box::new(error))
            }
            status if status.is_server_error() => Self::Unreachable(Box::new(error)),
            status => Self::Refused {
                status: status.into(),
                code,
            },
        }
    }

    /// Whether waiting may mend it: an outage, or a role assignment or network
    /// rule that does not count yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::NoToken(_)
            | Self::Forbidden { .. }
            | Self::Blocked { .. }
            | Self::Exchange(_) => true,
            Self::Address
            | Self::TokenRefused { .. }
            | Self::Disabled
            | Self::NotFound
            | Self::Deleted
            | Self::TooLong { .. }
            | Self::NoValue
            | Self::Refused { .. } => false,
        }
    }
}
