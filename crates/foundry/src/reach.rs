use reqwest::{Client, Method, Request};
use url::Url;

use crate::error::{FoundryError, UnavailableCause};
use crate::retry::SERVICE;

/// Asks whether a server answers at `endpoint`. Nobody signs in for that, so a
/// refusal is an answer as good as any.
///
/// # Errors
/// [`FoundryError::Unavailable`] when there is no answer, or a server error.
pub async fn reach(http: &Client, endpoint: &Url) -> Result<(), FoundryError> {
    let request = Request::new(Method::GET, endpoint.clone());
    let source = match entrada_ambient::send(http, request, SERVICE).await {
        Ok(answer) if answer.status().is_server_error() => UnavailableCause::Status {
            status: answer.status().as_u16(),
            code: None,
        },
        Ok(_) => return Ok(()),
        Err(error) => UnavailableCause::Transport(error.without_url()),
    };
    Err(FoundryError::Unavailable { source })
}
