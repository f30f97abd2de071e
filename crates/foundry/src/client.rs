use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use crate::address::Addresses;
use crate::consent::ConsentHosts;
use crate::error::{FoundryError, UnavailableCause, Wait};
use crate::lines::EVENT_LIMIT;
use crate::request::{Agent, ConversationBody, ResponseBody, ResponseRequest, check_metadata};
use crate::retry::{self, Repeat};
use crate::settings::FoundrySettings;
use crate::stream::{Deadline, ResponseStream};
use crate::translate::Translator;

const FEATURES: &str = "Foundry-Features";
const EVENT_STREAM: &str = "text/event-stream";

/// A client of one Foundry project, or of another server that speaks the
/// Responses API. Cheap to clone.
#[derive(Clone)]
pub struct Foundry {
    pub(crate) addresses: Addresses,
    http: Client,
    features: Option<HeaderValue>,
    consent_hosts: Arc<ConsentHosts>,
    first_event_timeout: Duration,
    idle_timeout: Duration,
}

impl Debug for Foundry {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Foundry")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Foundry {
    /// A client that sends through `http`. A read timeout of `http` that is
    /// shorter than `idle_timeout` takes its place.
    ///
    /// # Errors
    /// [`FoundryError::Invalid`] when the endpoint or the features cannot be
    /// sent.
    pub fn new(settings: FoundrySettings, http: Client) -> Result<Self, FoundryError> {
        let features = settings
            .features
            .as_deref()
            .map(HeaderValue::from_str)
            .transpose()
            .map_err(|_| FoundryError::Invalid {
                reason: "features that fit in a header",
            })?;
        Ok(Self {
            addresses: Addresses::new(settings.endpoint, settings.route)?,
            http,
            features,
            consent_hosts: Arc::new(ConsentHosts::new(&settings.consent_hosts)),
            first_event_timeout: settings.first_event_timeout,
            idle_timeout: settings.idle_timeout,
        })
    }

    /// Makes a conversation for the user whose token it is, and answers its
    /// id (`conv_…`). The project route does not fence one user's
    /// conversations from another's: whose it is, the caller has to remember.
    ///
    /// # Errors
    /// Any [`FoundryError`] but those of streams.
    pub async fn create_conversation(
        &self,
        token: &SecretString,
        agent: &Agent,
        metadata: &BTreeMap<String, String>,
    ) -> Result<String, FoundryError> {
        check_metadata(metadata)?;
        let url = self.addresses.conversations(agent)?;
        let request = self
            .request(Method::POST, url, token)?
            .json(&ConversationBody { metadata });
        let answer = self.answer(request, Repeat::UnlessAccepted);
        let value: Value = serde_json::from_slice(&answer.await?).unwrap_or_default();
        value
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .ok_or(FoundryError::Protocol {
                reason: "a conversation without an id",
            })
    }

    /// Asks for a response and streams it. Comes back with the status line;
    /// the first event may take until `first_event_timeout` after the call.
    ///
    /// # Errors
    /// Any [`FoundryError`]. A request that the service may have accepted is
    /// not repeated.
    pub async fn respond(
        &self,
        token: &SecretString,
        request: &ResponseRequest,
    ) -> Result<ResponseStream, FoundryError> {
        request.check(self.addresses.route())?;
        let url = self.addresses.responses(&request.agent)?;
        let body = ResponseBody::new(request, self.addresses.route());
        let builder = self.request(Method::POST, url, token)?.json(&body);
        let translator = Translator::new(self.consent_hosts.clone());
        self.stream(builder, Repeat::UnlessAccepted, translator)
            .await
    }

    /// Streams a stored response again: from its beginning, or from the event
    /// after `starting_after`, a [`crate::Sequenced::sequence_number`].
    ///
    /// Only responses made in the background are streamed again, and only for
    /// some minutes (`OpenAI` guide "Background mode", "Streaming a background
    /// response"). Of another the end is told, with its whole text, once there
    /// is one.
    ///
    /// # Errors
    /// Any [`FoundryError`]; [`FoundryError::NotFound`] when the response is
    /// not stored, [`FoundryError::Unfinished`] when it is not streamed again
    /// and has not ended.
    pub async fn resume(
        &self,
        token: &SecretString,
        agent: &Agent,
        response_id: &str,
        starting_after: Option<u64>,
    ) -> Result<ResponseStream, FoundryError> {
        let url = self.addresses.resume(agent, response_id, starting_after)?;
        let builder = self.request(Method::GET, url, token)?;
        let translator =
            Translator::resumed(self.consent_hosts.clone(), response_id, starting_after);
        match self.stream(builder, Repeat::Always, translator).await {
            Err(FoundryError::Rejected { .. }) => {}
            outcome => return outcome,
        }
        let url = self.addresses.response(agent, response_id)?;
        let builder = self.request(Method::GET, url, token)?;
        let body = self.answer(builder, Repeat::Always).await?;
        let mut translator =
            Translator::resumed(self.consent_hosts.clone(), response_id, starting_after);
        translator.accept_whole(&body)?;
        Ok(ResponseStream::of(translator))
    }

    /// Ends a response that was made in the background; any other ends with
    /// its connection.
    ///
    /// # Errors
    /// Any [`FoundryError`] but those of streams; [`FoundryError::Rejected`]
    /// when the response was not made in the background.
    pub async fn cancel(
        &self,
        token: &SecretString,
        agent: &Agent,
        response_id: &str,
    ) -> Result<(), FoundryError> {
        let url = self.addresses.cancel(agent, response_id)?;
        let builder = self.request(Method::POST, url, token)?;
        // Cancelling twice is as good as once ("Cancel a response").
        self.answer(builder, Repeat::Always).await.map(drop)
    }

    pub(crate) fn request(
        &self,
        method: Method,
        url: Url,
        token: &SecretString,
    ) -> Result<RequestBuilder, FoundryError> {
        let bearer = format!("Bearer {}", token.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| FoundryError::Invalid {
            reason: "a token that fits in a header",
        })?;
        bearer.set_sensitive(true);
        let builder = self.http.request(method, url).header(AUTHORIZATION, bearer);
        Ok(match &self.features {
            Some(features) => builder.header(FEATURES, features),
            None => builder,
        })
    }

    /// The body of a call that does not stream.
    async fn answer(
        &self,
        builder: RequestBuilder,
        repeat: Repeat,
    ) -> Result<Vec<u8>, FoundryError> {
        self.answer_within(builder, repeat, EVENT_LIMIT).await
    }

    /// The same, with a body of at most `limit` bytes.
    pub(crate) async fn answer_within(
        &self,
        builder: RequestBuilder,
        repeat: Repeat,
        limit: usize,
    ) -> Result<Vec<u8>, FoundryError> {
        let request = build(builder)?;
        let exchange = async {
            let response = retry::send(&self.http, request, repeat).await?;
            read_whole(response, limit).await
        };
        timeout(self.first_event_timeout, exchange)
            .await
            .map_err(|_| FoundryError::Timeout { what: Wait::Answer })?
    }

    async fn stream(
        &self,
        builder: RequestBuilder,
        repeat: Repeat,
        mut translator: Translator,
    ) -> Result<ResponseStream, FoundryError> {
        let request = build(builder.header(ACCEPT, EVENT_STREAM))?;
        let mut deadline = Deadline::after(self.first_event_timeout);
        let response = deadline
            .limit(retry::send(&self.http, request, repeat))
            .await?;
        if is_json(&response) {
            // A server that does not stream answers the response as a whole.
            let body = deadline.limit(read_whole(response, EVENT_LIMIT)).await?;
            let outcome = translator.accept_whole(&body);
            translator.settle(outcome);
            return Ok(ResponseStream::of(translator));
        }
        Ok(ResponseStream::new(
            response.bytes_stream(),
            translator,
            deadline,
            self.idle_timeout,
        ))
    }
}

fn build(builder: RequestBuilder) -> Result<reqwest::Request, FoundryError> {
    builder.build().map_err(|_| FoundryError::Invalid {
        reason: "a request that can be encoded",
    })
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

/// Reads a body of at most `limit` bytes.
async fn read_whole(mut response: Response, limit: usize) -> Result<Vec<u8>, FoundryError> {
    let mut body = Vec::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| FoundryError::Unavailable {
                source: UnavailableCause::Transport(error.without_url()),
            })?;
        let Some(chunk) = chunk else {
            return Ok(body);
        };
        if body.len() + chunk.len() > limit {
            return Err(FoundryError::Protocol {
                reason: "an answer that is too long",
            });
        }
        body.extend_from_slice(&chunk);
    }
}
