//! The beginning of a sign-in: cookie and redirect.

use reqwest::StatusCode;
use url::Url;

use super::{Answer, Visitor};
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>, right_name: bool) {
    let answer = match visitor.get("/auth/login", &[]).await {
        Ok(answer) => answer,
        Err(reason) => {
            report.skipped(format!("sign-in: {reason}"));
            return;
        }
    };
    if answer.status == StatusCode::TOO_MANY_REQUESTS
        || answer.status == StatusCode::SERVICE_UNAVAILABLE
    {
        report.skipped(format!(
            "sign-in: the server answers {} just now",
            answer.status.as_u16()
        ));
        return;
    }
    let findings = cookie(&answer, visitor.base.is_https())
        .into_iter()
        .chain(redirect(&answer, visitor.base.as_str(), right_name));
    report.found_or_good(
        findings,
        "a sign-in begins with a cookie and a redirect to Entra",
    );
}

/// The cookie that binds a flow to its browser.
fn cookie(answer: &Answer, https: bool) -> Option<Finding> {
    let cookie = answer.header("set-cookie");
    let mut wanted = vec!["HttpOnly", "SameSite=Lax", "Path=/"];
    if https {
        wanted.extend(["__Host-entrada-", "Secure"]);
    }
    let missing: Vec<_> = wanted
        .into_iter()
        .filter(|part| !cookie.contains(part))
        .collect();
    let what = if cookie.is_empty() {
        "the sign-in sets no cookie".to_owned()
    } else if missing.is_empty() {
        return None;
    } else {
        format!("the sign-in's cookie came without {}", missing.join(", "))
    };
    Some(Finding::fault(
        "cookie",
        what,
        "A sign-in is bound to its browser by it: without it every sign-in ends with an error, and \
         a weaker one could be planted by another site.",
        Fix::new(
            "Have whatever stands in front pass Set-Cookie on as it is, and see that the site is \
             reached by https:",
        )
        .line("az functionapp update --name SITE --resource-group GROUP --set httpsOnly=true"),
    ))
}

fn redirect(answer: &Answer, base: &str, right_name: bool) -> Option<Finding> {
    let location = answer.header("location");
    let url = Url::parse(&location).ok();
    let parameter = |name: &str| {
        url.as_ref()?
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let complete = answer.status == StatusCode::FOUND
        && parameter("code_challenge_method").as_deref() == Some("S256")
        && parameter("state").is_some()
        && parameter("nonce").is_some();
    if !complete {
        return Some(Finding::fault(
            "sign-in",
            format!(
                "/auth/login does not lead to Entra (status {})",
                answer.status.as_u16()
            ),
            "Nobody can sign in: every sign-in begins there.",
            Fix::new("Ask yourself what answers:").line(format!("curl -i {base}/auth/login")),
        ));
    }
    let back = parameter("redirect_uri").unwrap_or_default();
    (right_name && !back.starts_with(&format!("{base}/"))).then(|| {
        Finding::fault(
            "sign-in",
            "Entra is told to send people back to another address than this server's",
            "A sign-in that begins here ends at another server.",
            Fix::new("The callback lies under the base URL:")
                .line(format!("ENTRADA_CALLBACK_URL={base}/auth/callback")),
        )
    })
}
