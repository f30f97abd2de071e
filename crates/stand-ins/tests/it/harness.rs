use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{ManualClock, NetworkOptions, SystemRandom, http_client};
use entrada_stand_ins::directory::{CLIENT_ID, CLIENT_SECRET, CONTOSO};
use entrada_stand_ins::{StandInOptions, StandIns, TokenRequest, start};
use reqwest::StatusCode;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use time::macros::datetime;

pub(crate) const REDIRECT_URI: &str = "http://localhost:7071/auth/callback";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const FOUNDRY: &str = "https://ai.azure.com/.default";

pub(crate) type Fields = BTreeMap<String, String>;

/// A running stand-in on a clock that stands still.
pub(crate) struct Entra {
    pub(crate) stand_ins: StandIns,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) http: reqwest::Client,
    /// Tenant segment of the addresses.
    pub(crate) tenant: String,
}

/// What an answer was.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The parameters that the redirect brings to the client.
    pub(crate) fn redirected(&self) -> Fields {
        let location = self.location.as_deref();
        let location = location.unwrap_or_else(|| panic!("no redirect: {}", self.text));
        assert!(location.starts_with(REDIRECT_URI), "{location}");
        let (_, query) = location.split_once(['?', '#']).unwrap();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The AADSTS code of a redirect, a JSON refusal or an error page.
    pub(crate) fn aadsts(&self) -> u32 {
        let description = match &self.location {
            Some(_) => self.redirected()["error_description"].clone(),
            None => self.text.clone(),
        };
        let (_, rest) = description
            .split_once("AADSTS")
            .unwrap_or_else(|| panic!("no refusal: {description}"));
        let (code, _) = rest.split_once(':').unwrap();
        code.parse().unwrap()
    }

    /// The value of a hidden field of a page's form.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .text
            .split_once(&start)
            .unwrap_or_else(|| panic!("no field {name}: {}", self.text));
        rest.split_once('"').unwrap().0.to_owned()
    }
}

impl Entra {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut StandInOptions)) -> Self {
        let clock = Arc::new(ManualClock::at(datetime!(2026-11-21 12:00 UTC)));
        let mut options = StandInOptions::new(clock.clone(), Arc::new(SystemRandom));
        change(&mut options);
        Self {
            stand_ins: start(options).await.unwrap(),
            clock,
            http: http_client(&NetworkOptions::default()).unwrap(),
            tenant: CONTOSO.to_string(),
        }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}", self.stand_ins.url(), path.trim_start_matches('/'))
    }

    pub(crate) fn mint(&self, request: &TokenRequest) -> String {
        self.stand_ins.mint(request).unwrap()
    }

    /// A proper access token for the registered application.
    pub(crate) fn token_of(&self, persona: &str) -> String {
        self.mint(&TokenRequest::for_persona(persona))
    }

    async fn read(response: reqwest::Response) -> Answer {
        let header = |name| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Answer {
            status: response.status(),
            location: header(LOCATION),
            cookie: header(SET_COOKIE).map(|cookie| cookie.split(';').next().unwrap().to_owned()),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Self::read(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(self.url(path)).form(form);
        Self::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Self::read(request.send().await.unwrap()).await
    }

    /// Asks something of the control surface.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let request = self
            .http
            .post(self.url(&format!("stand-in/{path}")))
            .json(&body);
        let answer = Self::read(request.send().await.unwrap()).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        if answer.text.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// A proper authorization request, with parameters changed, added or (an
    /// empty value) left out.
    pub(crate) async fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        self.authorize_as(changes, None).await
    }

    /// The same from a browser with this cookie.
    pub(crate) async fn authorize_as(
        &self,
        changes: &[(&str, &str)],
        cookie: Option<&str>,
    ) -> Answer {
        let scope = format!("openid profile offline_access {CLIENT_ID}/access_as_user");
        let query = with_changes(
            &[
                ("client_id", &CLIENT_ID.to_string()),
                ("response_type", "code"),
                ("redirect_uri", REDIRECT_URI),
                ("scope", &scope),
                ("state", "the state"),
                ("nonce", "the nonce"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            changes,
        );
        let path = format!("{}/oauth2/v2.0/authorize", self.tenant);
        let mut request = self.http.get(self.url(&path)).query(&query);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        Self::read(request.send().await.unwrap()).await
    }

    /// Chooses an account on the sign-in page.
    pub(crate) async fn choose(&self, page: &Answer, persona: &str) -> Answer {
        let context = page.hidden("context");
        let path = format!("{}/login", self.tenant);
        self.post(&path, &[("context", &context), ("persona", persona)])
            .await
    }

    /// Signs in on the page; the answer is what follows.
    pub(crate) async fn sign_in(&self, persona: &str, changes: &[(&str, &str)]) -> Answer {
        let page = self.authorize(changes).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        self.choose(&page, persona).await
    }

    /// Signs in; the code.
    pub(crate) async fn code(&self, persona: &str, changes: &[(&str, &str)]) -> String {
        self.sign_in(persona, changes).await.redirected()["code"].clone()
    }

    /// Asks the token endpoint as the registered application, with parameters
    /// changed, added or left out.
    pub(crate) async fn token(
        &self,
        parameters: &[(&str, &str)],
        changes: &[(&str, &str)],
    ) -> Answer {
        let client_id = CLIENT_ID.to_string();
        let mut form = vec![
            ("client_id", client_id.as_str()),
            ("client_secret", CLIENT_SECRET),
        ];
        form.extend_from_slice(parameters);
        let form = with_changes(&form, changes);
        let path = format!("{}/oauth2/v2.0/token", self.tenant);
        let request = self.http.post(self.url(&path)).form(&form);
        Self::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        self.token(
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
            ],
            changes,
        )
        .await
    }

    /// Signs in and redeems the code.
    pub(crate) async fn tokens(&self, persona: &str, changes: &[(&str, &str)]) -> Value {
        let code = self.code(persona, changes).await;
        let answer = self.redeem(&code, &[("client_info", "1")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    pub(crate) async fn refresh(&self, token: &Value, changes: &[(&str, &str)]) -> Answer {
        let scope = format!("openid profile offline_access {CLIENT_ID}/access_as_user");
        self.token(
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", token["refresh_token"].as_str().unwrap()),
                ("scope", &scope),
            ],
            changes,
        )
        .await
    }

    pub(crate) async fn on_behalf_of(&self, assertion: &str, changes: &[(&str, &str)]) -> Answer {
        self.token(
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("requested_token_use", "on_behalf_of"),
                ("assertion", assertion),
                ("scope", FOUNDRY),
            ],
            changes,
        )
        .await
    }

    pub(crate) async fn person(&self, persona: &str, change: Value) {
        self.control(&format!("people/{persona}"), change).await;
    }

    /// A refusal of the token endpoint: its status, `error` and AADSTS code.
    pub(crate) fn refusal(answer: &Answer) -> (u16, String, u32) {
        let body = answer.json();
        assert_eq!(body["error_codes"], json!([answer.aadsts()]), "{body}");
        let error = body["error"].as_str().unwrap().to_owned();
        (answer.status.as_u16(), error, answer.aadsts())
    }
}

fn with_changes(fields: &[(&str, &str)], changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields: Fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for (name, value) in changes {
        fields.insert((*name).to_owned(), (*value).to_owned());
    }
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
