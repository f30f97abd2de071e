//! The agents of a project, as it lists them.

use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use crate::client::Foundry;
use crate::error::FoundryError;
use crate::request::is_agent_name;
use crate::retry::Repeat;

/// Agents asked for at once. Each comes with its instructions.
const PAGE: usize = 50;
/// Pages that are read at most: a thousand agents.
const PAGES: usize = 20;
/// Longest page, in bytes.
const LONGEST: usize = 8 * 1024 * 1024;
/// Longest description that is kept, in characters.
const DESCRIPTION: usize = 1_000;

/// An agent, as the project lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAgent {
    /// Its name, by which it is called.
    pub name: String,
    /// What the latest version says of itself.
    pub description: Option<String>,
    /// Whether it may be called.
    pub is_enabled: bool,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Entry>,
    #[serde(default)]
    last_id: Option<String>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    versions: Option<Versions>,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    latest: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    description: Option<String>,
}

impl Foundry {
    /// Every agent of the project, by name. The one call that an
    /// application's own identity may make: nobody is spoken to.
    ///
    /// # Errors
    /// Any [`FoundryError`] but those of streams; [`FoundryError::Forbidden`]
    /// without the data action `agents/read`; [`FoundryError::Protocol`] for
    /// more than a thousand agents, since a list that is cut short reads like
    /// the whole.
    pub async fn list_agents(
        &self,
        token: &SecretString,
    ) -> Result<Vec<ListedAgent>, FoundryError> {
        let mut agents = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let url = self.addresses.agents(PAGE, after.as_deref())?;
            let request = self.request(Method::GET, url, token)?;
            let body = self.answer_within(request, Repeat::Always, LONGEST).await?;
            let page: Page = serde_json::from_slice(&body).map_err(|_| FoundryError::Protocol {
                reason: "a list of agents that cannot be read",
            })?;
            agents.extend(page.data.into_iter().filter_map(listed));
            if !page.has_more {
                return Ok(agents);
            }
            if page.last_id.is_none() || page.last_id == after {
                return Err(FoundryError::Protocol {
                    reason: "a list of agents that does not go on",
                });
            }
            after = page.last_id;
        }
        Err(FoundryError::Protocol {
            reason: "a project of more than a thousand agents",
        })
    }
}

/// An agent that can be called by its name.
fn listed(entry: Entry) -> Option<ListedAgent> {
    if !is_agent_name(&entry.name) {
        return None;
    }
    let latest = entry.versions.and_then(|versions| versions.latest);
    let description = latest.and_then(|latest| latest.description);
    Some(ListedAgent {
        name: entry.name,
        description: description
            .map(|text| text.trim().chars().take(DESCRIPTION).collect::<String>())
            .filter(|text| !text.is_empty()),
        is_enabled: entry.state.as_deref() != Some("disabled"),
    })
}
