//! The agents of `agents.json`, as Foundry knows them.

use entrada_foundry::FoundryError;

use super::{IDENTITY, LIMIT};
use crate::chat::{Catalogue, ProjectError, Unavailable, UnavailableAgent};
use crate::config::Settings;
use crate::doctor::{Finding, Report};
use crate::error::chain;
use crate::fix::Fix;

/// What listing agents takes (Microsoft: "Role-based access control for
/// Microsoft Foundry"; Foundry Agent Consumer does not have it).
const ACTION: &str = "Microsoft.CognitiveServices/accounts/AIServices/agents/read";

/// What they follow from.
pub(super) const SETTINGS: [&str; 3] = [
    "ENTRADA_FOUNDRY_ENDPOINT",
    "ENTRADA_FOUNDRY_ROUTE",
    IDENTITY,
];

pub(super) async fn examine(
    report: &mut Report,
    settings: &Settings,
    catalogue: Option<&Catalogue>,
) {
    let (Some(endpoint), Some(catalogue)) = (&settings.foundry_endpoint, catalogue) else {
        return;
    };
    let Some(project) = catalogue.project() else {
        if !settings.has_managed_identity() {
            report.skipped("agents in Foundry: there is no managed identity here to list them");
        }
        return;
    };
    match tokio::time::timeout(LIMIT, project.load()).await {
        Ok(Ok(())) => {
            let endpoint = endpoint.as_str().trim_end_matches('/');
            let unavailable = catalogue.unavailable().into_iter();
            let findings: Vec<_> = unavailable
                .map(|agent| cannot_be_used(agent, endpoint))
                .collect();
            report.found_or_good(findings, "Foundry has every agent that is named");
        }
        Ok(Err(error)) => report.found(not_listed(&error, catalogue.is_whole_project())),
        Err(_) => report.skipped(format!(
            "agents in Foundry: no answer within {} s",
            LIMIT.as_secs()
        )),
    }
}

fn cannot_be_used(agent: UnavailableAgent<'_>, endpoint: &str) -> Finding {
    const WHY: &str = "Nobody is offered it; who asks for it gets 409 AGENT_UNAVAILABLE.";
    let UnavailableAgent { id, name, why } = agent;
    if why == Unavailable::Disabled {
        return Finding::fault(
            "agent-disabled",
            format!("the agent `{id}` is turned off in Foundry"),
            WHY,
            Fix::new("Turn it on, or take it out of agents.json:").line(format!(
                "az rest --method post --resource https://ai.azure.com --url '{endpoint}/agents/{name}:enable?api-version=v1'"
            )),
        );
    }
    Finding::fault(
        "agent-missing",
        format!("Foundry has no agent `{name}`, which is to be `{id}`"),
        WHY,
        Fix::new("Name the one that is meant by `foundry_agent` in agents.json, or take it out:")
            .line(format!(
                "az rest --resource https://ai.azure.com --url '{endpoint}/agents?api-version=v1' --query 'data[].name'"
            )),
    )
}

fn not_listed(error: &ProjectError, whole: bool) -> Finding {
    let (finding, why): (fn(_, _, _, _) -> _, _) = if whole {
        (
            Finding::fault,
            "Agents that agents.json does not name are not offered.",
        )
    } else {
        (
            Finding::warning,
            "Names and descriptions that agents.json leaves out are not known, nor which agents \
             are turned off.",
        )
    };
    let fix = match error {
        ProjectError::Foundry(FoundryError::Forbidden { .. }) => Fix::new(format!(
            "Give the identity a role with the data action {ACTION} on the project (Bicep: \
             infra/modules/foundry-access.bicep does) and wait ten minutes:"
        ))
        .line(format!(
            "az role definition create --role-definition '{{\"Name\": \"Entrada: list agents\", \"Actions\": [], \"DataActions\": [\"{ACTION}\"], \"AssignableScopes\": [\"/subscriptions/SUBSCRIPTION-ID/resourceGroups/GROUP\"]}}'"
        ))
        .line("az role assignment create --role 'Entrada: list agents' --assignee-object-id IDENTITY-PRINCIPAL-ID --assignee-principal-type ServicePrincipal --scope PROJECT-RESOURCE-ID"),
        _ => Fix::new("Look at the address of the project, and at its tenant:")
            .line("ENTRADA_FOUNDRY_ENDPOINT=https://ACCOUNT.services.ai.azure.com/api/projects/PROJECT"),
    };
    finding("agents-not-listed", chain(error), why, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microsoft Learn, "Understand Azure role definitions": management groups,
    /// subscriptions and resource groups can be assignable scopes.
    #[test]
    fn a_role_of_ones_own_is_defined_for_a_resource_group() {
        let refused = FoundryError::Forbidden { code: None };
        let finding = not_listed(&ProjectError::Foundry(refused), true);
        let definition = &finding.fix.copy[0];
        let scope =
            "\"AssignableScopes\": [\"/subscriptions/SUBSCRIPTION-ID/resourceGroups/GROUP\"]";
        assert!(definition.contains(scope), "{definition}");
    }
}
