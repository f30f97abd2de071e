use std::time::Duration;

use url::Url;

/// Where Foundry is and how it is called.
#[derive(Debug, Clone)]
pub struct FoundrySettings {
    /// The project: `https://{account}.services.ai.azure.com/api/projects/{project}`.
    /// For [`Route::OpenAi`] the base URL of the server, such as
    /// `https://host/v1`. A slash at the end makes no difference.
    pub endpoint: Url,
    /// How an agent is reached.
    pub route: Route,
    /// Value of the `Foundry-Features` header: a comma list of opt-ins such as
    /// `HostedAgents=V1Preview`. Not sent when `None`.
    pub features: Option<String>,
    /// Hosts that a consent link may have: each entry allows the host itself
    /// and everything beneath it. Empty allows none.
    pub consent_hosts: Vec<String>,
    /// Longest wait from sending a request to its first event; also the limit
    /// of calls that do not stream.
    pub first_event_timeout: Duration,
    /// Longest silence within a stream. Any byte counts, so that a server
    /// which sends comments during a long tool call is not cut off.
    pub idle_timeout: Duration,
}

impl FoundrySettings {
    /// Settings with the defaults: agent endpoint, no opt-ins, the consent
    /// hosts of Azure's token service, 60 s to the first event and 120 s of
    /// silence.
    #[must_use]
    pub fn new(endpoint: Url) -> Self {
        Self {
            endpoint,
            route: Route::AgentEndpoint,
            features: None,
            consent_hosts: Self::default_consent_hosts(),
            first_event_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_mins(2),
        }
    }

    /// `consent.azure-apihub.net` and `consent.azure-apim.net`: the hosts that
    /// the consent links of Foundry's OAuth identity passthrough are seen on.
    #[must_use]
    pub fn default_consent_hosts() -> Vec<String> {
        ["consent.azure-apihub.net", "consent.azure-apim.net"]
            .map(str::to_owned)
            .to_vec()
    }
}

/// How an agent is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `{endpoint}/agents/{name}/endpoint/protocols/openai/…`. Opened by the
    /// role Foundry Agent Consumer, which can be given for one agent and can
    /// do nothing but talk to it. Preferred.
    AgentEndpoint,
    /// `{endpoint}/openai/v1/…` with the agent named in the body. Needs the
    /// role Foundry User, which may change and delete agents as well.
    Project,
    /// `{endpoint}/…` of any server that speaks the Responses API, without an
    /// agent.
    OpenAi {
        /// The model that answers.
        model: String,
    },
}
