//! Who may do what: no keys, and no role that nobody needs.

use std::collections::BTreeSet;

use crate::bicep::{Declaration, Kind, Template};
use crate::repository::{template, templates};

const ROLE_ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";

/// The built-in roles that are assigned, and the file that does it ("Azure
/// built-in roles").
const ROLES: [(&str, &str, &str); 7] = [
    (
        "Storage Blob Data Owner",
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "modules/storage.bicep",
    ),
    (
        "Storage Queue Data Contributor",
        "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
        "modules/storage.bicep",
    ),
    (
        "Storage Table Data Contributor",
        "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
        "modules/storage.bicep",
    ),
    (
        "Key Vault Secrets User",
        "4633458b-17de-408a-b874-0445c86b69e6",
        "modules/vault.bicep",
    ),
    (
        "Key Vault Secrets Officer",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "modules/vault.bicep",
    ),
    (
        "Monitoring Metrics Publisher",
        "3913510d-42f4-4e42-8a64-420c390055eb",
        "modules/monitoring.bicep",
    ),
    (
        "Foundry Agent Consumer",
        "eed3b665-ab3a-47b6-8f48-c9382fb1dad6",
        "modules/foundry-access.bicep",
    ),
];

#[test]
fn these_roles_are_assigned_and_no_others() {
    let expected: BTreeSet<_> = ROLES
        .iter()
        .map(|(_, id, file)| ((*file).to_owned(), (*id).to_owned()))
        .collect();
    let found: BTreeSet<_> = templates()
        .iter()
        .filter(|template| template.resources(ROLE_ASSIGNMENTS).next().is_some())
        .flat_map(|template| {
            let ids = template.all(Kind::Variable).flat_map(ids);
            ids.map(|id| (template.name.clone(), id))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(found, expected);
}

/// Strings in the form of a GUID.
fn ids(declaration: &Declaration) -> Vec<String> {
    declaration
        .source
        .split('\'')
        .filter(|text| text.len() == 36 && text.matches('-').count() == 4)
        .map(str::to_owned)
        .collect()
}

/// Without it Azure looks the principal up in a directory that does not know a
/// new identity yet, and refuses ("Troubleshoot Azure RBAC", section "Symptom -
/// Assigning a role to a new principal sometimes fails").
#[test]
fn every_role_assignment_says_what_its_principal_is() {
    let mut assignments = 0;
    for template in templates() {
        for assignment in template.resources(ROLE_ASSIGNMENTS) {
            let principal = assignment.at("properties.principalType").text();
            let of_identity =
                assignment.at("properties.principalId").text() == "identityPrincipalId";
            assert_eq!(
                principal == "ServicePrincipal",
                of_identity,
                "{}",
                assignment.name
            );
            assignments += 1;
        }
    }
    assert_eq!(assignments, 6);
}

/// The host cannot start before its roles exist, and a deployment ends when it
/// does not start.
#[test]
fn the_site_is_deployed_after_every_role_of_the_identity() {
    let main = template("main.bicep");
    let site = main.find(Kind::Module, "site");
    let roles: Vec<_> = main
        .all(Kind::Module)
        .filter(|module| gives_the_identity_a_role(&template(module.of.as_deref().unwrap())))
        // No start waits for the list of agents.
        .filter(|module| module.name != "foundryAccess")
        .map(|module| module.name.as_str())
        .collect();
    assert_eq!(roles, ["monitoring", "storage", "vault"]);
    for module in roles {
        let output = format!("{module}.outputs.");
        assert!(site.source.contains(&output), "not after {module}");
    }
}

fn gives_the_identity_a_role(template: &Template) -> bool {
    template
        .resources(ROLE_ASSIGNMENTS)
        .any(|assignment| assignment.at("properties.principalId").text() == "identityPrincipalId")
}

#[test]
fn no_key_opens_storage_vault_or_telemetry() {
    let storage = template("modules/storage.bicep");
    let account = storage.resource("Microsoft.Storage/storageAccounts");
    for (property, value) in [
        ("allowSharedKeyAccess", "false"),
        ("allowBlobPublicAccess", "false"),
        ("supportsHttpsTrafficOnly", "true"),
        ("minimumTlsVersion", "TLS1_2"),
    ] {
        assert_eq!(account.at(&format!("properties.{property}")).text(), value);
    }
    let vault = template("modules/vault.bicep");
    let vault = vault.resource("Microsoft.KeyVault/vaults");
    assert_eq!(
        vault.at("properties.enableRbacAuthorization").text(),
        "true"
    );
    assert!(
        vault
            .value
            .as_ref()
            .unwrap()
            .get("properties.accessPolicies")
            .is_none()
    );
    let component = template("modules/monitoring.bicep");
    let component = component.resource("Microsoft.Insights/components");
    assert_eq!(component.at("properties.DisableLocalAuth").text(), "true");
}

/// The service refuses `false` ("Azure Key Vault soft-delete overview").
#[test]
fn purge_protection_is_on_or_left_out() {
    let vault = template("modules/vault.bicep");
    let vault = vault.resource("Microsoft.KeyVault/vaults");
    assert_eq!(
        vault.at("properties.enablePurgeProtection").text(),
        "purgeProtection ? true : null"
    );
}

#[test]
fn private_networking_closes_storage_and_vault_and_opens_a_way_in() {
    for (file, of) in [
        ("modules/storage.bicep", "Microsoft.Storage/storageAccounts"),
        ("modules/vault.bicep", "Microsoft.KeyVault/vaults"),
    ] {
        let file = template(file);
        let resource = file.resource(of);
        assert_eq!(
            resource.at("properties.publicNetworkAccess").text(),
            "isPrivate ? 'Disabled' : 'Enabled'"
        );
        assert_eq!(
            resource.at("properties.networkAcls.defaultAction").text(),
            "isPrivate ? 'Deny' : 'Allow'"
        );
    }
    let network = template("modules/network.bicep");
    let services = network.find(Kind::Variable, "services");
    let names: Vec<_> = services
        .value
        .as_ref()
        .unwrap()
        .items()
        .iter()
        .map(|service| service.get("name").unwrap().text())
        .collect();
    assert_eq!(names, ["blob", "queue", "table", "vault"]);
}

/// To an agent the identity must not be able to say a word.
#[test]
fn the_identity_lists_agents_and_nothing_more() {
    let access = template("modules/foundry-access.bicep");
    let role = access.resource("Microsoft.Authorization/roleDefinitions");
    let permissions = role.at("properties.permissions").items();
    let of = |name: &str| -> Vec<String> {
        let actions = permissions
            .iter()
            .flat_map(|each| each.get(name).unwrap().items());
        actions.map(|action| action.text().to_owned()).collect()
    };
    let listing = "Microsoft.CognitiveServices/accounts/AIServices/agents/read";
    assert_eq!(of("dataActions"), [listing]);
    assert_eq!(of("actions"), [""; 0]);
    let assignment = access.find(Kind::Resource, "identityListsAgents");
    assert_eq!(
        assignment.at("properties.roleDefinitionId").text(),
        "agentsAreListed.id"
    );
    let main = template("main.bicep");
    let module = main.find(Kind::Module, "foundryAccess");
    assert_eq!(
        module.at("params.identityPrincipalId").text(),
        "foundryListsAgents ? identity.outputs.principalId : ''"
    );
}

#[test]
fn foundry_is_touched_only_when_it_is_named() {
    let main = template("main.bicep");
    let access = main.find(Kind::Module, "foundryAccess");
    assert!(access.source.contains("if (!empty(foundryEndpoint)"));
    let entra = main.find(Kind::Module, "entra");
    assert_eq!(
        entra.at("params.callsFoundry").text(),
        "!empty(foundryEndpoint)"
    );
    let default = main.find(Kind::Parameter, "foundryEndpoint");
    assert_eq!(default.value.as_ref().unwrap().text(), "");
}
