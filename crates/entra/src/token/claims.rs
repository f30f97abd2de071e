use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Fault, TokenVersion};
use crate::{EntraSettings, OpenIdConfiguration};

/// Seconds that `nbf` and `iat` may lie ahead, for clocks that differ. `exp`
/// has no such allowance: an expired token is expired.
pub(crate) const LEEWAY: i64 = 60;

/// The claims of access and id tokens that are used here (Microsoft identity
/// platform, "Access token claims reference" and "ID token claims reference").
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) aud: Option<Value>,
    pub(crate) tid: Option<Uuid>,
    pub(crate) oid: Option<Uuid>,
    pub(crate) sub: Option<String>,
    pub(crate) ver: Option<String>,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
    pub(crate) iat: Option<i64>,
    pub(crate) scp: Option<String>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) idtyp: Option<String>,
    pub(crate) azp: Option<Uuid>,
    pub(crate) appid: Option<Uuid>,
    pub(crate) nonce: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) preferred_username: Option<String>,
    pub(crate) upn: Option<String>,
    pub(crate) unique_name: Option<String>,
}

/// Where a token comes from: who issued it, in which format, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) tenant: Uuid,
    pub(crate) version: TokenVersion,
}

/// The issuer of version 1 tokens of `tenant`.
pub(crate) fn version_1_issuer(tenant: Uuid) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn version_1_tenant(issuer: &str) -> Option<Uuid> {
    let tenant = issuer
        .strip_prefix("https://sts.windows.net/")?
        .strip_suffix('/')?
        .parse()
        .ok()?;
    (version_1_issuer(tenant) == issuer).then_some(tenant)
}

impl Claims {
    /// Checks that `iss` is the issuer of `tid` in the format that `ver`
    /// names, and that the tenant may come in.
    pub(crate) fn origin(
        &self,
        settings: &EntraSettings,
        configuration: &OpenIdConfiguration,
    ) -> Result<Origin, Fault> {
        let issuer = self.iss.as_deref().ok_or(Fault::MissingClaim("iss"))?;
        let (issued_by, version) = version_1_tenant(issuer)
            .map(|tenant| (tenant, TokenVersion::V1))
            .or_else(|| {
                let tenant = configuration.tenant_of(issuer)?;
                Some((tenant, TokenVersion::V2))
            })
            .ok_or(Fault::Issuer)?;
        let tenant = self.tid.ok_or(Fault::MissingClaim("tid"))?;
        let named = match self.ver.as_deref() {
            Some("1.0") => TokenVersion::V1,
            Some("2.0") => TokenVersion::V2,
            Some(_) => return Err(Fault::Issuer),
            None => return Err(Fault::MissingClaim("ver")),
        };
        if issued_by != tenant || version != named {
            return Err(Fault::Issuer);
        }
        if !settings.allows_tenant(tenant) {
            return Err(Fault::TenantNotAllowed(tenant));
        }
        Ok(Origin { tenant, version })
    }

    /// Checks that `aud` is our app alone. An array is refused even with one
    /// member: Entra never writes one.
    pub(crate) fn check_audience(
        &self,
        settings: &EntraSettings,
        version: TokenVersion,
    ) -> Result<(), Fault> {
        let audience = match &self.aud {
            Some(Value::String(audience)) => audience,
            Some(_) => return Err(Fault::Audience),
            None => return Err(Fault::MissingClaim("aud")),
        };
        let client = settings.client_id.to_string();
        let ours = match version {
            TokenVersion::V2 => *audience == client,
            TokenVersion::V1 => {
                *audience == client
                    || audience.strip_prefix("api://") == Some(&client)
                    || settings.application_id_uris.contains(audience)
            }
        };
        if ours { Ok(()) } else { Err(Fault::Audience) }
    }

    /// Checks `exp`, `nbf` (which must hold when present) and `iat`, and gives
    /// `iat` and `exp`.
    pub(crate) fn lifetime(&self, now: i64) -> Result<(i64, i64), Fault> {
        let expires_at = self.exp.ok_or(Fault::MissingClaim("exp"))?;
        let issued_at = self.iat.ok_or(Fault::MissingClaim("iat"))?;
        if now >= expires_at {
            return Err(Fault::Expired);
        }
        let ahead = |moment: i64| moment > now.saturating_add(LEEWAY);
        if ahead(issued_at) || self.nbf.is_some_and(ahead) {
            return Err(Fault::NotYetValid);
        }
        Ok((issued_at, expires_at))
    }

    /// The client that got the token.
    pub(crate) fn client(&self, version: TokenVersion) -> Option<Uuid> {
        match version {
            TokenVersion::V1 => self.appid,
            TokenVersion::V2 => self.azp,
        }
    }

    /// What to show as the e-mail address.
    pub(crate) fn shown_email(&self) -> Option<String> {
        let candidates = [
            &self.email,
            &self.preferred_username,
            &self.upn,
            &self.unique_name,
        ];
        candidates.into_iter().flatten().next().cloned()
    }
}
