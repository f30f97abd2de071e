use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use azure_core::http::headers::{AUTHORIZATION, HeaderName};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_ambient::Clock;

const X_MS_DATE: HeaderName = HeaderName::from_static("x-ms-date");

/// Signs each try of a request with the account's key (Microsoft: "Authorize
/// with Shared Key", Shared Key Lite for Table Storage). It runs once per try,
/// since the service refuses a date that is 15 minutes old.
pub(super) struct SharedKeyLite {
    account: String,
    key: hmac::Key,
    clock: Arc<dyn Clock>,
}

impl SharedKeyLite {
    pub(super) fn new(account: String, key: hmac::Key, clock: Arc<dyn Clock>) -> Self {
        Self {
            account,
            key,
            clock,
        }
    }

    /// The `Authorization` for a request to `path` (as it is sent, encoded)
    /// at `date`. A `comp` parameter would have to be signed too; no request
    /// of this crate has one.
    fn authorization(&self, date: &str, path: &str) -> String {
        let signed = format!("{date}\n/{}{path}", self.account);
        let signature = STANDARD.encode(hmac::sign(&self.key, signed.as_bytes()));
        format!("SharedKeyLite {}:{signature}", self.account)
    }
}

impl fmt::Debug for SharedKeyLite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SharedKeyLite")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Policy for SharedKeyLite {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let date = azure_core::time::to_rfc7231(&self.clock.now());
        let authorization = self.authorization(&date, request.url().path());
        request.insert_header(X_MS_DATE, date);
        request.insert_header(AUTHORIZATION, authorization);
        super::tries::forward(context, request, next).await
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::ManualClock;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_signature_is_the_one_that_the_rule_gives() {
        let signer = SharedKeyLite::new(
            "acc".to_owned(),
            hmac::Key::new(hmac::HMAC_SHA256, b"key"),
            Arc::new(ManualClock::at(datetime!(2026-11-21 8:00 UTC))),
        );
        let date = "Sat, 21 Nov 2026 08:00:00 GMT";
        // By `printf '%s\n/acc/t()' "$date" | openssl dgst -sha256 -hmac key -binary | base64`.
        assert_eq!(
            signer.authorization(date, "/t()"),
            "SharedKeyLite acc:v565X10egjt6cOfMve0SLeNgjGV9YawDRMBubJD8irY="
        );
        assert!(!format!("{signer:?}").contains("key:"));
    }
}
