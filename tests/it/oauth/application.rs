//! A client of the authorization server, and what a person does with it.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::rig::{Handler, Person, Rig, location, parameter};

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where a client that runs on the person's computer listens.
pub(crate) const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
/// Where a client that is a website listens.
pub(crate) const WEBSITE: &str = "https://client.example/callback";

/// A registered client.
pub(crate) struct Application<'a> {
    rig: &'a Rig,
    server: &'a Handler,
    pub(crate) id: String,
    pub(crate) redirect: String,
}

/// A page's form: its fields by name, without the buttons.
pub(crate) struct Form {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) buttons: Vec<(String, String)>,
}

impl<'a> Application<'a> {
    /// Registers a public client.
    pub(crate) async fn register(rig: &'a Rig, redirect: &str) -> Self {
        let body = json!({
            "client_name": "A <b>bold</b> client",
            "redirect_uris": [redirect],
            "token_endpoint_auth_method": "none",
        });
        let (status, answer) = rig
            .ask(rig.http.post(rig.url("/register")).json(&body))
            .await;
        assert_eq!(status, 201, "{answer}");
        Self {
            rig,
            server: &rig.handler,
            id: answer["client_id"].as_str().unwrap().to_owned(),
            redirect: redirect.to_owned(),
        }
    }

    /// The same client, whose requests come to another server.
    pub(crate) fn balanced_to(&self, server: &'a Handler) -> Self {
        Self {
            server,
            ..Self::known(self.rig, &self.id, &self.redirect)
        }
    }

    /// A client that was configured or describes itself.
    pub(crate) fn known(rig: &'a Rig, id: &str, redirect: &str) -> Self {
        Self {
            rig,
            server: &rig.handler,
            id: id.to_owned(),
            redirect: redirect.to_owned(),
        }
    }

    /// The address of an authorization request. What is named replaces what
    /// it would have; an empty value leaves it out.
    pub(crate) fn authorize(&self, changes: &[(&str, &str)]) -> String {
        let usual = [
            ("response_type", "code"),
            ("client_id", self.id.as_str()),
            ("redirect_uri", self.redirect.as_str()),
            ("state", "its state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = usual
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let added = changes.iter().filter(|(_, value)| !value.is_empty());
        let mut url = Url::parse(&self.rig.url("/authorize")).unwrap();
        url.query_pairs_mut().extend_pairs(kept.chain(added));
        url.into()
    }

    /// From an authorization request to the consent page's address.
    pub(crate) async fn ask(&self, person: &mut Person<'_>, changes: &[(&str, &str)]) -> String {
        consent_page(self.rig, person, &self.authorize(changes)).await
    }

    /// From an authorization request through consent to Entra's address.
    pub(crate) async fn approve(
        &self,
        person: &mut Person<'_>,
        changes: &[(&str, &str)],
    ) -> String {
        let page = self.ask(person, changes).await;
        let response = answer(self.rig, person, &page, "approve", &[]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        location(&response)
    }

    /// A whole sign-in: the address that the client is called back at.
    pub(crate) async fn sign_in(
        &self,
        person: &mut Person<'_>,
        changes: &[(&str, &str)],
    ) -> String {
        by_hand(self.rig, person, &self.authorize(changes)).await
    }

    /// A whole sign-in: the code.
    pub(crate) async fn code(&self, person: &mut Person<'_>, changes: &[(&str, &str)]) -> String {
        let back = self.sign_in(person, changes).await;
        parameter(&back, "code").unwrap_or_else(|| panic!("no code: {back}"))
    }

    /// A whole sign-in: tokens.
    pub(crate) async fn tokens(&self, person: &mut Person<'_>, changes: &[(&str, &str)]) -> Value {
        let code = self.code(person, changes).await;
        let (status, tokens) = self.redeem(&code).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// The answer to `POST /token` of this public client.
    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> (u16, Value) {
        self.rig.ask(self.token_request(fields)).await
    }

    fn token_request(&self, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = vec![("client_id", self.id.as_str())];
        form.extend(fields);
        self.rig.http.post(self.server.url("/token")).form(&form)
    }

    /// Redeems a code as it should be.
    pub(crate) async fn redeem(&self, code: &str) -> (u16, Value) {
        self.rig.ask(self.redemption(code)).await
    }

    /// The request that redeems a code.
    pub(crate) fn redemption(&self, code: &str) -> RequestBuilder {
        self.token_request(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", VERIFIER),
        ])
    }

    /// The request that uses a refresh token.
    pub(crate) fn refreshing(&self, token: &Value) -> RequestBuilder {
        self.token_request(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str().unwrap()),
        ])
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, token: &Value) -> (u16, Value) {
        self.rig.ask(self.refreshing(token)).await
    }
}

/// From an authorization request's address to the consent page's.
async fn consent_page(rig: &Rig, person: &mut Person<'_>, authorize: &str) -> String {
    let response = person.visit(authorize).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let page = location(&response);
    assert!(
        page.starts_with(&format!("{}/consent?", rig.handler.base)),
        "{page}"
    );
    page
}

/// From an authorization request's address to where the client is called
/// back at.
pub(crate) async fn by_hand(rig: &Rig, person: &mut Person<'_>, authorize: &str) -> String {
    let page = consent_page(rig, person, authorize).await;
    let approved = answer(rig, person, &page, "approve", &[]).await;
    assert_eq!(approved.status(), StatusCode::SEE_OTHER);
    let callback = person.sign_in_at_entra(&location(&approved)).await;
    let back = person.visit(&callback).await;
    assert_eq!(back.status(), StatusCode::FOUND);
    location(&back)
}

/// The forms of a page, as a program reads them that knows no HTML beyond
/// what our page uses.
pub(crate) fn forms(page: &str) -> Vec<Form> {
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
        Some(rest.split('"').next().unwrap().to_owned())
    };
    page.split("<form ")
        .skip(1)
        .map(|form| {
            let form = form.split("</form>").next().unwrap();
            let tags = |kind: &str| {
                form.split(&format!("<{kind}"))
                    .skip(1)
                    .map(|tag| tag.split('>').next().unwrap().to_owned())
                    .collect::<Vec<_>>()
            };
            let pair = |tag: &String| Some((attribute(tag, "name")?, attribute(tag, "value")?));
            Form {
                fields: tags("input")
                    .iter()
                    .filter(|tag| tag.contains("type=\"hidden\""))
                    .filter_map(pair)
                    .collect(),
                buttons: tags("button").iter().filter_map(pair).collect(),
            }
        })
        .collect()
}

/// What is submitted when the button of this value is pressed.
pub(crate) fn pressed(page: &str, button: &str) -> Vec<(String, String)> {
    let form = forms(page)
        .into_iter()
        .find(|form| form.buttons.iter().any(|(_, value)| value == button))
        .unwrap_or_else(|| panic!("no button {button}: {page}"));
    let pushed = form.buttons.into_iter().find(|(_, value)| value == button);
    form.fields.into_iter().chain(pushed).collect()
}

/// Answers the consent page with a button and further fields.
pub(crate) async fn answer(
    rig: &Rig,
    person: &mut Person<'_>,
    page: &str,
    button: &str,
    more: &[(&str, &str)],
) -> Response {
    let shown = person.visit(page).await;
    assert_eq!(shown.status(), StatusCode::OK);
    let mut form = pressed(&shown.text().await.unwrap(), button);
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    form.extend(more);
    person.submit(&rig.url("/consent"), &form, &[]).await
}
