use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use entrada_ambient::Clock;
use moka::sync::Cache;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::fetch::{FetchError, get_document};
use crate::kept::{Kept, Policy, Source};
use crate::settings::{EntraSettings, PERSONAL_ACCOUNTS_TENANT, Tenancy};

/// Configurations kept at a time: one per tenant whose users refresh or call
/// downstream services.
const CONFIGURATIONS: u64 = 1_000;

/// A configuration is fetched again after 24 hours, and kept while it cannot
/// be.
const POLICY: Policy = Policy {
    fresh: 24 * 60 * 60,
    keep: None,
};

/// Where the tenant's id stands in an issuer that serves many tenants.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// Which of the authority's configurations: a tenant's own, or one that serves
/// many (Microsoft identity platform, "OIDC on the Microsoft
/// identity platform", section on finding the configuration document).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Realm {
    Tenant(Uuid),
    Organizations,
    Common,
}

impl fmt::Display for Realm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(formatter, "{tenant}"),
            Self::Organizations => formatter.write_str("organizations"),
            Self::Common => formatter.write_str("common"),
        }
    }
}

/// What we use of an OIDC configuration (OIDC Discovery 1.0).
#[derive(Clone, PartialEq, Eq)]
pub struct OpenIdConfiguration {
    /// Where browsers are sent to sign in.
    pub authorization_endpoint: Url,
    /// Where codes, refresh tokens and assertions are redeemed.
    pub token_endpoint: Url,
    /// Where the signing keys are.
    pub jwks_uri: Url,
    /// The issuer of version 2 tokens, with `{tenantid}` for the tenant's id.
    issuer_template: String,
}

impl fmt::Debug for OpenIdConfiguration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpenIdConfiguration")
            .field("issuer_template", &self.issuer_template)
            .finish_non_exhaustive()
    }
}

impl OpenIdConfiguration {
    /// The issuer of version 2 tokens of `tenant`.
    #[must_use]
    pub fn issuer(&self, tenant: Uuid) -> String {
        expand(&self.issuer_template, tenant)
    }

    /// The configuration that the Microsoft identity platform documents for
    /// `authority` ("OIDC on the Microsoft identity platform"), for explaining
    /// a token while the authority itself cannot be asked.
    pub(crate) fn assumed(authority: &Url) -> Option<Self> {
        let base = authority.as_str().trim_end_matches('/');
        let endpoint = |path: &str| Url::parse(&format!("{base}/common/{path}")).ok();
        Some(Self {
            authorization_endpoint: endpoint("oauth2/v2.0/authorize")?,
            token_endpoint: endpoint("oauth2/v2.0/token")?,
            jwks_uri: endpoint("discovery/v2.0/keys")?,
            issuer_template: format!("{base}/{TENANT_PLACEHOLDER}/v2.0"),
        })
    }

    /// The tenant that `issuer` is the version 2 issuer of.
    pub(crate) fn tenant_of(&self, issuer: &str) -> Option<Uuid> {
        let (before, after) = self.issuer_template.split_once(TENANT_PLACEHOLDER)?;
        let tenant = issuer.strip_prefix(before)?.strip_suffix(after)?;
        // One spelling of an id alone, so that issuers compare as strings.
        let id = tenant.parse().ok()?;
        (expand(&self.issuer_template, id) == issuer).then_some(id)
    }
}

/// Puts `tenant` into an issuer template.
pub(crate) fn expand(template: &str, tenant: Uuid) -> String {
    template.replace(TENANT_PLACEHOLDER, &tenant.to_string())
}

/// The authority's OIDC configurations: each fetched when first needed,
/// again after 24 hours in the background, and kept as long as it cannot be
/// fetched again. One fetch at a time for each.
#[derive(Debug)]
pub struct Discovery {
    settings: Arc<EntraSettings>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    configurations: Cache<Realm, Arc<Kept<Configuration>>>,
}

impl Discovery {
    /// Nothing is fetched before it is needed.
    #[must_use]
    pub fn new(settings: Arc<EntraSettings>, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            http,
            clock,
            configurations: Cache::new(CONFIGURATIONS),
        }
    }

    /// The configuration that sign-ins and signing keys go by: the home
    /// tenant's own, or with other tenants let in the one of `organizations`,
    /// with personal accounts too that of `common`.
    ///
    /// # Errors
    /// When it was never fetched and cannot be now.
    pub async fn sign_in(&self) -> Result<Arc<OpenIdConfiguration>, FetchError> {
        let realm = match &self.settings.tenancy {
            Tenancy::Home => Realm::Tenant(self.settings.tenant_id),
            Tenancy::Listed(tenants) if tenants.contains(&PERSONAL_ACCOUNTS_TENANT) => {
                Realm::Common
            }
            Tenancy::Listed(_) | Tenancy::AnyOrganization => Realm::Organizations,
            Tenancy::AnyOrganizationOrPersonal => Realm::Common,
        };
        self.configuration(realm).await
    }

    /// The configuration of one tenant, which refresh and On-Behalf-Of go by.
    /// The caller has checked that the tenant is allowed.
    ///
    /// # Errors
    /// When it was never fetched and cannot be now.
    pub async fn tenant(&self, tenant: Uuid) -> Result<Arc<OpenIdConfiguration>, FetchError> {
        self.configuration(Realm::Tenant(tenant)).await
    }

    async fn configuration(&self, realm: Realm) -> Result<Arc<OpenIdConfiguration>, FetchError> {
        let kept = self.configurations.get_with(realm, || {
            let source = Configuration {
                authority: self.settings.authority.clone(),
                realm,
                http: self.http.clone(),
            };
            Arc::new(Kept::new(source, POLICY, Arc::clone(&self.clock)))
        });
        kept.get().await
    }
}

/// Where one configuration comes from.
#[derive(Debug)]
struct Configuration {
    authority: Url,
    realm: Realm,
    http: reqwest::Client,
}

/// The document as Entra writes it.
#[derive(Deserialize)]
struct ConfigurationDocument {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
}

#[async_trait]
impl Source for Configuration {
    type Document = OpenIdConfiguration;

    fn name(&self) -> &'static str {
        "OpenID configuration"
    }

    async fn fetch(&self) -> Result<OpenIdConfiguration, FetchError> {
        let authority = self.authority.as_str().trim_end_matches('/');
        let url = format!(
            "{authority}/{}/v2.0/.well-known/openid-configuration",
            self.realm
        );
        let url = Url::parse(&url).map_err(|_malformed| FetchError::Unusable {
            reason: "the authority is not a base URL",
        })?;
        let document = get_document(&self.http, &url).await?;
        self.checked(document)
    }

    fn adopt(
        &self,
        _previous: Option<&OpenIdConfiguration>,
        fetched: OpenIdConfiguration,
        _asked_at: i64,
    ) -> OpenIdConfiguration {
        fetched
    }
}

impl Configuration {
    fn checked(&self, document: ConfigurationDocument) -> Result<OpenIdConfiguration, FetchError> {
        // https, unless the authority itself is http for development.
        let endpoints = [
            &document.authorization_endpoint,
            &document.token_endpoint,
            &document.jwks_uri,
        ];
        if endpoints
            .iter()
            .any(|endpoint| endpoint.scheme() != self.authority.scheme())
        {
            return Err(FetchError::Unusable {
                reason: "an endpoint's scheme is not that of the authority",
            });
        }
        let issuer_template = match self.realm {
            Realm::Tenant(tenant) => document
                .issuer
                .replace(&tenant.to_string(), TENANT_PLACEHOLDER),
            Realm::Organizations | Realm::Common => document.issuer,
        };
        if issuer_template.matches(TENANT_PLACEHOLDER).count() != 1 {
            return Err(FetchError::Unusable {
                reason: "the issuer is not that of the tenant",
            });
        }
        Ok(OpenIdConfiguration {
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            jwks_uri: document.jwks_uri,
            issuer_template,
        })
    }
}
