//! A person with a browser: cookies, redirects followed by hand.

use std::collections::BTreeMap;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::Url;

use super::{Handler, Rig};

/// Cookies by host and name.
pub(crate) type Cookies = BTreeMap<(String, String), String>;

/// A browser that keeps cookies and follows nothing by itself.
pub(crate) struct Person<'a> {
    rig: &'a Rig,
    server: &'a Handler,
    name: &'static str,
    http: Client,
    cookies: Cookies,
}

impl<'a> Person<'a> {
    pub(crate) fn new(rig: &'a Rig, name: &'static str) -> Self {
        Self {
            rig,
            server: &rig.handler,
            name,
            http: rig.http.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// A browser that was closed comes back with what it held.
    pub(crate) fn returning(rig: &'a Rig, name: &'static str, cookies: Cookies) -> Self {
        Self {
            cookies,
            ..Self::new(rig, name)
        }
    }

    /// The public name leads this browser to another server from now on, as a
    /// balancer does.
    pub(crate) fn is_balanced_to(&mut self, server: &'a Handler) {
        self.server = server;
    }

    /// Where an address really is.
    fn actual(&self, url: &str) -> String {
        match url.strip_prefix(&self.rig.handler.base) {
            Some(path) => self.server.url(path),
            None => url.to_owned(),
        }
    }

    /// Closes the browser.
    pub(crate) fn leave(self) -> Cookies {
        self.cookies
    }

    /// `GET` with this browser's cookies.
    pub(crate) async fn visit(&mut self, url: &str) -> Response {
        self.visit_with(url, &[]).await
    }

    /// `GET` with this browser's cookies and further headers.
    pub(crate) async fn visit_with(&mut self, url: &str, headers: &[(&str, &str)]) -> Response {
        let request = self.http.get(self.actual(url));
        self.send(url, request, headers).await
    }

    /// Submits a form with this browser's cookies and further headers.
    pub(crate) async fn submit(
        &mut self,
        url: &str,
        form: &[(String, String)],
        headers: &[(&str, &str)],
    ) -> Response {
        let request = self.http.post(self.actual(url)).form(form);
        self.send(url, request, headers).await
    }

    /// This browser with what it holds now, for a request at the same time.
    pub(crate) fn another_tab(&self) -> Self {
        Self {
            rig: self.rig,
            server: self.server,
            name: self.name,
            http: self.http.clone(),
            cookies: self.cookies.clone(),
        }
    }

    /// The same browser with somebody else in front of it.
    pub(crate) fn lend_to(&mut self, name: &'static str) {
        self.name = name;
    }

    /// Whether a cookie whose name begins so is held.
    pub(crate) fn holds(&self, cookie: &str) -> bool {
        self.cookies
            .keys()
            .any(|(_, name)| name.starts_with(cookie))
    }

    /// `GET` as [`Self::visit`] has it, to be sent by somebody else: the answer
    /// never reaches this browser.
    pub(crate) fn visit_unanswered(&self, url: &str) -> RequestBuilder {
        self.with_cookies(url, self.http.get(self.actual(url)))
    }

    /// A form as [`Self::submit`] has it, to be sent by somebody else.
    pub(crate) fn submit_unanswered(&self, url: &str, form: &[(String, String)]) -> RequestBuilder {
        self.with_cookies(url, self.http.post(self.actual(url)).form(form))
    }

    fn with_cookies(&self, url: &str, request: RequestBuilder) -> RequestBuilder {
        let host = authority(url);
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .filter(|((owner, _), _)| *owner == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if cookies.is_empty() {
            return request;
        }
        request.header("cookie", cookies.join("; "))
    }

    async fn send(
        &mut self,
        url: &str,
        request: RequestBuilder,
        headers: &[(&str, &str)],
    ) -> Response {
        let mut request = self.with_cookies(url, request);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let host = authority(url);
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let pair = cookie.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (host.clone(), name.to_owned());
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        response
    }

    /// Begins a sign-in: Entra's address and what `/auth/login` set.
    pub(crate) async fn begin(&mut self, query: &str) -> String {
        let response = self
            .visit(&self.rig.url(&format!("/auth/login{query}")))
            .await;
        assert_eq!(response.status(), StatusCode::FOUND);
        location(&response)
    }

    /// Signs in at Entra and comes back with the address of our callback.
    pub(crate) async fn sign_in_at_entra(&self, authorize: &str) -> String {
        // The stand-in's control surface lets the persona sign in without a
        // page; the page itself is a browser test's business.
        let control = format!("{}stand-in/auto-sign-in", self.rig.stand_ins.url());
        let body = serde_json::json!({"persona": self.name});
        let set = self.http.post(control).json(&body).send().await.unwrap();
        assert!(set.status().is_success());
        let client = self.rig.trusting_client();
        let response = client.get(authorize).send().await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::FOUND,
            "{}",
            response.text().await.unwrap()
        );
        location(&response)
    }

    /// Signs in and gives the one-time code that our page shows.
    pub(crate) async fn auth_code(&mut self) -> String {
        let authorize = self.begin("").await;
        let callback = self.sign_in_at_entra(&authorize).await;
        let page = self.visit(&callback).await;
        assert_eq!(page.status(), StatusCode::OK);
        code_on_page(&page.text().await.unwrap())
    }

    /// Signs in and exchanges the code: the answer of `/auth/exchange`.
    pub(crate) async fn tokens(&mut self) -> serde_json::Value {
        let code = self.auth_code().await;
        let (status, tokens) = self
            .rig
            .ask(
                self.http
                    .post(self.rig.url("/auth/exchange"))
                    .json(&serde_json::json!({"auth_code": code})),
            )
            .await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }
}

fn authority(url: &str) -> String {
    Url::parse(url).unwrap().authority().to_owned()
}

/// The `Location` of a redirect.
pub(crate) fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// The value of a query parameter.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The code on the page of `/auth/callback`.
fn code_on_page(page: &str) -> String {
    let rest = page.split("id=\"auth_code\">").nth(1).unwrap();
    rest.split('<').next().unwrap().to_owned()
}
