use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use entrada_ambient::{Clock, ManualClock, NetworkOptions, http_client};
use secrecy::SecretString;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::{Uuid, uuid};

use super::authority::{Authority, Prepared, Signer};
use crate::{
    AccessToken, AccessTokenError, AccessTokenValidator, ClientSecret, Discovery, EntraClient,
    EntraSettings, Fingerprint, Tenancy,
};

pub(super) const HOME: Uuid = uuid!("11111111-1111-4111-8111-111111111111");
pub(super) const OTHER: Uuid = uuid!("22222222-2222-4222-8222-222222222222");
pub(super) const CLIENT: Uuid = uuid!("33333333-3333-4333-8333-333333333333");
pub(super) const CALLER: Uuid = uuid!("44444444-4444-4444-8444-444444444444");
pub(super) const USER: Uuid = uuid!("55555555-5555-4555-8555-555555555555");

/// 2026-11-21T08:00:00Z.
pub(super) const NOW: i64 = 1_795_248_000;

/// Making RSA keys is slow, so the tests share them. `ROLLED` is the one that
/// comes with a rollover, `FOREIGN` never belongs to the authority.
pub(super) static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("first-key"));
pub(super) static ROLLED: LazyLock<Signer> = LazyLock::new(|| Signer::new("second-key"));
pub(super) static FOREIGN: LazyLock<Signer> = LazyLock::new(|| Signer::new("foreign-key"));

/// Everything under test, and the authority that it speaks to.
pub(super) struct World {
    pub(super) authority: Authority,
    pub(super) clock: Arc<ManualClock>,
    pub(super) discovery: Arc<Discovery>,
    pub(super) validator: Arc<AccessTokenValidator>,
    pub(super) client: EntraClient,
}

impl World {
    /// The verdict on `token` that is at hand.
    pub(super) fn cached(&self, token: &str) -> Option<Arc<AccessToken>> {
        self.validator.cached(&Fingerprint::of(token))
    }

    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose settings `change` has changed; the home tenant alone and
    /// users alone otherwise.
    pub(super) async fn with(change: impl FnOnce(&mut EntraSettings)) -> Self {
        let authority = Authority::start().await;
        authority.publish(&[SIGNER.jwk()]);
        let mut settings = EntraSettings {
            authority: authority.base.clone(),
            tenant_id: HOME,
            client_id: CLIENT,
            application_id_uris: vec!["https://contoso.example/entrada".to_owned()],
            tenancy: Tenancy::Home,
            required_scope: "access_as_user".to_owned(),
            accept_app_tokens: false,
            allowed_clients: None,
        };
        change(&mut settings);
        let settings = Arc::new(settings);
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let manual = Arc::new(ManualClock::at(now));
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&manual);
        let http = http_client(&NetworkOptions::default()).unwrap();
        let discovery = Arc::new(Discovery::new(
            Arc::clone(&settings),
            http.clone(),
            Arc::clone(&clock),
        ));
        let validator = Arc::new(AccessTokenValidator::new(
            Arc::clone(&settings),
            Arc::clone(&discovery),
            http.clone(),
            Arc::clone(&clock),
        ));
        let credential = ClientSecret::new(SecretString::from("s3cret~value"));
        let client = EntraClient::new(
            settings,
            Arc::clone(&discovery),
            Arc::clone(&validator),
            Arc::new(credential),
            http,
            clock,
        );
        Self {
            authority,
            clock: manual,
            discovery,
            validator,
            client,
        }
    }

    /// A world that also lets in `OTHER` and applications.
    pub(super) async fn open() -> Self {
        Self::with(|settings| {
            settings.tenancy = Tenancy::Listed(BTreeSet::from([OTHER]));
            settings.accept_app_tokens = true;
        })
        .await
    }

    pub(super) fn issuer(&self, tenant: Uuid) -> String {
        format!("{}{tenant}/v2.0", self.authority.base)
    }

    /// Claims of a version 2 access token of a user.
    pub(super) fn claims(&self) -> Value {
        json!({
            "aud": CLIENT, "iss": self.issuer(HOME), "tid": HOME, "oid": USER, "ver": "2.0",
            "sub": "pairwise", "azp": CALLER, "azpacr": "1", "scp": "access_as_user",
            "roles": ["Task.Read", "Task.Write"], "name": "Reader Contoso",
            "preferred_username": "reader@contoso.example", "uti": "u", "rh": "r",
            "iat": NOW - 300, "nbf": NOW - 300, "exp": NOW + 3600,
        })
    }

    /// Claims of a version 1 access token of a user.
    pub(super) fn claims_v1(&self) -> Value {
        let issuer = format!("https://sts.windows.net/{HOME}/");
        let mut claims = changed(
            self.claims(),
            json!({
                "aud": format!("api://{CLIENT}"), "iss": issuer, "ver": "1.0",
                "appid": CALLER, "upn": "reader@contoso.example",
            }),
        );
        for name in ["azp", "azpacr", "preferred_username"] {
            claims.as_object_mut().unwrap().remove(name);
        }
        claims
    }

    /// Claims of a version 2 access token of an application.
    pub(super) fn claims_app(&self) -> Value {
        without(
            &changed(
                self.claims(),
                json!({"idtyp": "app", "roles": ["Task.Read"]}),
            ),
            &["scp", "name", "preferred_username"],
        )
    }

    /// Claims of the id token of a sign-in.
    pub(super) fn claims_id(&self) -> Value {
        without(
            &changed(self.claims(), json!({"nonce": "the-nonce"})),
            &["scp", "azp", "azpacr"],
        )
    }

    /// Claims of an access token that we got ourselves.
    pub(super) fn claims_own(&self) -> Value {
        changed(self.claims(), json!({"azp": CLIENT}))
    }

    /// What the token endpoint answers next.
    pub(super) fn grant(&self, access: &Value, id: Option<&Value>) {
        let mut answer = json!({
            "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
            "scope": format!("{CLIENT}/access_as_user"),
            "access_token": SIGNER.sign(access), "refresh_token": "refresh-2",
        });
        if let Some(id) = id {
            answer["id_token"] = Value::String(SIGNER.sign(id));
        }
        self.authority.answer(Prepared::json(200, &answer));
    }

    pub(super) async fn validate(
        &self,
        claims: &Value,
    ) -> Result<Arc<AccessToken>, AccessTokenError> {
        self.validator.validate(&SIGNER.sign(claims)).await
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Claims that stay valid over the days that the test lets pass.
    pub(super) fn long_lived(&self) -> Value {
        changed(self.claims(), json!({"exp": NOW + 30 * 24 * 3600}))
    }
}

/// `claims` with the members of `changes`.
pub(super) fn changed(mut claims: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    claims.as_object_mut().unwrap().extend(changes);
    claims
}

/// `claims` without `names`.
pub(super) fn without(claims: &Value, names: &[&str]) -> Value {
    let mut claims = claims.clone();
    for name in names {
        claims.as_object_mut().unwrap().remove(*name).unwrap();
    }
    claims
}

/// Waits for something that a task in the background does.
pub(super) async fn eventually(happened: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen within 5 seconds");
}
