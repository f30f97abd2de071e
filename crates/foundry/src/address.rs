use url::Url;

use crate::error::FoundryError;
use crate::request::Agent;
use crate::settings::Route;

/// Longest identifier that is put into a path.
const IDENTIFIER: usize = 256;

/// The addresses of one endpoint and route.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    endpoint: Url,
    route: Route,
}

impl Addresses {
    /// # Errors
    /// [`FoundryError::Invalid`] when the endpoint is not an http address or
    /// has a query or fragment.
    pub(crate) fn new(endpoint: Url, route: Route) -> Result<Self, FoundryError> {
        let plain = endpoint.query().is_none() && endpoint.fragment().is_none();
        if !plain || !matches!(endpoint.scheme(), "https" | "http") {
            return Err(FoundryError::Invalid {
                reason: "an endpoint with scheme http or https and without query or fragment",
            });
        }
        Ok(Self { endpoint, route })
    }

    /// How agents are reached.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// `…/responses`
    pub(crate) fn responses(&self, agent: &Agent) -> Result<Url, FoundryError> {
        self.build(agent, &["responses"])
    }

    /// `…/responses/{id}?stream=true[&starting_after=N]`
    pub(crate) fn resume(
        &self,
        agent: &Agent,
        response_id: &str,
        starting_after: Option<u64>,
    ) -> Result<Url, FoundryError> {
        let mut url = self.response(agent, response_id)?;
        let mut query = url.query_pairs_mut();
        query.append_pair("stream", "true");
        if let Some(number) = starting_after {
            query.append_pair("starting_after", &number.to_string());
        }
        drop(query);
        Ok(url)
    }

    /// `…/responses/{id}`
    pub(crate) fn response(&self, agent: &Agent, response_id: &str) -> Result<Url, FoundryError> {
        self.build(agent, &["responses", response_id])
    }

    /// `…/responses/{id}/cancel`
    pub(crate) fn cancel(&self, agent: &Agent, response_id: &str) -> Result<Url, FoundryError> {
        self.build(agent, &["responses", response_id, "cancel"])
    }

    /// `…/conversations`
    pub(crate) fn conversations(&self, agent: &Agent) -> Result<Url, FoundryError> {
        self.build(agent, &["conversations"])
    }

    /// `{endpoint}/agents`: a page of at most `limit` agents by name, after
    /// the one called `after`.
    pub(crate) fn agents(&self, limit: usize, after: Option<&str>) -> Result<Url, FoundryError> {
        let mut url = self.endpoint.clone();
        let mut path = url
            .path_segments_mut()
            .map_err(|()| FoundryError::Invalid {
                reason: "an endpoint that can have a path",
            })?;
        path.pop_if_empty().push("agents");
        drop(path);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("api-version", "v1")
            .append_pair("limit", &limit.to_string())
            .append_pair("order", "asc");
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        drop(query);
        Ok(url)
    }

    fn build(&self, agent: &Agent, tail: &[&str]) -> Result<Url, FoundryError> {
        agent.check(&self.route)?;
        for segment in tail {
            check_identifier(segment)?;
        }
        let mut url = self.endpoint.clone();
        let mut path = url
            .path_segments_mut()
            .map_err(|()| FoundryError::Invalid {
                reason: "an endpoint that can have a path",
            })?;
        path.pop_if_empty();
        match &self.route {
            Route::AgentEndpoint => {
                path.extend(["agents", &agent.name, "endpoint", "protocols", "openai"]);
            }
            Route::Project => {
                path.extend(["openai", "v1"]);
            }
            Route::OpenAi { .. } => {}
        }
        path.extend(tail);
        drop(path);
        // The project route has its version in the path.
        if self.route == Route::AgentEndpoint {
            url.query_pairs_mut().append_pair("api-version", "v1");
        }
        Ok(url)
    }
}

/// An identifier may come from a row or a client and must not leave its path
/// segment: the URL builder encodes slashes but leaves dot segments out.
fn check_identifier(segment: &str) -> Result<(), FoundryError> {
    let odd = segment.is_empty()
        || segment.len() > IDENTIFIER
        || matches!(segment, "." | "..")
        || segment.contains(char::is_control);
    if odd {
        return Err(FoundryError::Invalid {
            reason: "an identifier of 1 to 256 printable characters",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(route: Route) -> Addresses {
        let endpoint = Url::parse("https://a.services.ai.azure.com/api/projects/p/").unwrap();
        Addresses::new(endpoint, route).unwrap()
    }

    fn agent(name: &str) -> Agent {
        Agent {
            name: name.into(),
            version: None,
        }
    }

    #[test]
    fn each_route_has_its_addresses() {
        let base = "https://a.services.ai.azure.com/api/projects/p";
        let model = "m".to_owned();
        for (route, prefix, version) in [
            (
                Route::AgentEndpoint,
                "/agents/helper/endpoint/protocols/openai",
                "api-version=v1",
            ),
            (Route::Project, "/openai/v1", ""),
            (Route::OpenAi { model }, "", ""),
        ] {
            let addresses = addresses(route);
            let helper = agent("helper");
            let (query, more) = if version.is_empty() {
                (String::new(), String::new())
            } else {
                (format!("?{version}"), format!("{version}&"))
            };
            assert_eq!(
                addresses.responses(&helper).unwrap().as_str(),
                format!("{base}{prefix}/responses{query}")
            );
            assert_eq!(
                addresses.conversations(&helper).unwrap().as_str(),
                format!("{base}{prefix}/conversations{query}")
            );
            assert_eq!(
                addresses
                    .resume(&helper, "resp_1", Some(7))
                    .unwrap()
                    .as_str(),
                format!("{base}{prefix}/responses/resp_1?{more}stream=true&starting_after=7")
            );
            assert_eq!(
                addresses.resume(&helper, "resp_1", None).unwrap().as_str(),
                format!("{base}{prefix}/responses/resp_1?{more}stream=true")
            );
        }
    }

    #[test]
    fn identifiers_cannot_leave_their_segment() {
        let addresses = addresses(Route::Project);
        let helper = agent("helper");
        for bad in ["", ".", "..", "a\nb", &"x".repeat(257)] {
            assert!(addresses.resume(&helper, bad, None).is_err(), "{bad:?}");
        }
        let url = addresses.resume(&helper, "../agents?x#y", None).unwrap();
        assert!(url.path().ends_with("/responses/..%2Fagents%3Fx%23y"));
    }

    #[test]
    fn agent_names_are_checked() {
        let addresses = addresses(Route::AgentEndpoint);
        for bad in ["", "..", "a/b", "a b", "ä", &"x".repeat(64)] {
            assert!(addresses.responses(&agent(bad)).is_err(), "{bad:?}");
        }
        assert!(addresses.responses(&agent(&"x".repeat(63))).is_ok());
    }

    #[test]
    fn a_version_is_refused_where_it_could_not_be_sent() {
        let pinned = Agent {
            name: "helper".into(),
            version: Some("3".into()),
        };
        assert!(addresses(Route::AgentEndpoint).responses(&pinned).is_err());
        assert!(addresses(Route::Project).responses(&pinned).is_ok());
    }

    #[test]
    fn an_endpoint_must_be_plain() {
        for bad in ["https://a/?x=1", "https://a/#x", "data:x", "ftp://a/"] {
            let url = Url::parse(bad).unwrap();
            assert!(Addresses::new(url, Route::Project).is_err(), "{bad}");
        }
    }
}
