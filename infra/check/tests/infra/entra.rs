//! The application in Microsoft Entra ID, against what the code expects of it.

use std::collections::BTreeSet;

use crate::bicep::{Declaration, Kind, Value};
use crate::repository::{json, template, text};

fn roles() -> BTreeSet<String> {
    let policy = json("handlers/policy/default.json");
    let roles = policy["tools"].as_object().unwrap();
    roles.keys().cloned().collect()
}

#[test]
fn the_graph_extension_is_pinned() {
    assert_eq!(
        json("infra/bicepconfig.json")["extensions"]["microsoftGraphV1"],
        "br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0"
    );
    for file in ["infra/entra.bicep", "infra/modules/application.bicep"] {
        assert!(
            text(file).contains("\nextension microsoftGraphV1\n"),
            "{file}"
        );
    }
}

#[test]
fn the_application_has_the_roles_of_the_policy() {
    let application = template("modules/application.bicep");
    let declared = application.find(Kind::Variable, "appRoles");
    let declared: BTreeSet<_> = declared
        .value
        .as_ref()
        .unwrap()
        .items()
        .iter()
        .map(|role| role.get("value").unwrap().text().to_owned())
        .collect();
    assert_eq!(declared, roles());
    for file in ["entra.bicep", "main.bicep"] {
        let file = template(file);
        let parameter = file.find(Kind::Parameter, "assignDeployerRoles");
        let (of, default) = parameter.source.split_once(" = ").unwrap();
        for role in roles() {
            assert!(of.contains(&format!("'{role}'")), "{}: {role}", file.name);
        }
        let default: Vec<_> = default.split('\'').skip(1).step_by(2).collect();
        assert_eq!(default, ["Task.All", "MCPServer.Admin"]);
    }
}

#[test]
fn the_ids_of_scope_and_roles_are_the_same_at_every_deployment() {
    let application = template("modules/application.bicep");
    let scope = application.find(Kind::Variable, "scopeId");
    assert_eq!(
        scope.value.as_ref().unwrap().text(),
        "guid(uniqueName, 'access_as_user')"
    );
    let application = application.resource("Microsoft.Graph/applications");
    assert!(
        application
            .at("appRoles")
            .text()
            .contains("id: guid(uniqueName, role.value)")
    );
    let entra = template("entra.bicep");
    let assigned = entra.resource("Microsoft.Graph/appRoleAssignedTo");
    assert_eq!(assigned.at("appRoleId").text(), "guid(uniqueName, role)");
}

#[test]
fn tokens_are_of_version_2_for_a_scope_that_administrators_consent_to() {
    let file = template("modules/application.bicep");
    let application = file.resource("Microsoft.Graph/applications");
    assert_eq!(
        application.at("api.requestedAccessTokenVersion").text(),
        "2"
    );
    let [scope] = application.at("api.oauth2PermissionScopes").items() else {
        panic!("not one scope");
    };
    assert_eq!(scope.get("value").unwrap().text(), "access_as_user");
    assert_eq!(scope.get("type").unwrap().text(), "Admin");
    let [claim] = application.at("optionalClaims.accessToken").items() else {
        panic!("not one claim");
    };
    assert_eq!(claim.get("name").unwrap().text(), "idtyp");
    let settings = text("handlers/config/mod.rs");
    assert!(
        settings.contains("\"access_as_user\""),
        "the code's default is another scope"
    );
}

/// Sign-ins of a list with the personal accounts' tenant go by `common`, which
/// is there for applications of that audience alone.
#[test]
fn a_list_with_personal_accounts_makes_an_application_for_them() {
    let entra = template("entra.bicep");
    let tenant = entra.find(Kind::Variable, "personalAccounts");
    let known = text("crates/entra/src/settings.rs");
    let id = tenant.source.split('\'').nth(1).unwrap();
    assert!(known.contains(&format!("uuid!(\"{id}\")")), "{id}");
    let audience = entra.find(Kind::Variable, "signInAudience");
    assert!(
        audience
            .source
            .contains("contains(tenants, personalAccounts)")
    );
}

#[test]
fn people_come_back_to_the_path_that_is_served() {
    let entra = template("entra.bicep");
    let uris = entra.find(Kind::Variable, "redirectUris");
    assert!(uris.source.contains("'https://${hostName}/auth/callback'"));
    let settings = text("handlers/config/callback.rs");
    assert!(
        settings.contains("join(\"/auth/callback\")"),
        "the code's default is another path"
    );
    let main = template("main.bicep");
    let hosts = main
        .find(Kind::Module, "entra")
        .at("params.hostNames")
        .text();
    assert!(hosts.contains("customDomain") && hosts.contains("azureHostName"));
}

/// Microsoft Graph would empty what the second pass left out.
#[test]
fn the_second_pass_repeats_the_first_and_adds_the_client_id() {
    let entra = template("entra.bicep");
    let parameters = |module: &str| -> Vec<(String, Value)> {
        let module = entra.find(Kind::Module, module);
        let properties = module.at("params").properties();
        properties
            .iter()
            .map(|property| (property.name.clone(), property.value.clone()))
            .collect()
    };
    let first = parameters("application");
    let second = parameters("applicationWithItsOwnId");
    let differing: Vec<_> = first.iter().zip(&second).filter(|(a, b)| a != b).collect();
    let [(first_id, second_id)] = differing.as_slice() else {
        panic!("{differing:?}");
    };
    assert_eq!(first.len(), second.len());
    assert_eq!(first_id.1, Value::Text(String::new()));
    assert_eq!(second_id.1.text(), "application.outputs.clientId");
    let file = template("modules/application.bicep");
    let application = file.resource("Microsoft.Graph/applications");
    assert_eq!(
        application.at("identifierUris").text(),
        "empty(clientId) ? [] : ['api://${clientId}']"
    );
}

#[test]
fn the_managed_identity_signs_in_as_the_application() {
    let entra = template("entra.bicep");
    let trust = entra.resource("Microsoft.Graph/applications/federatedIdentityCredentials");
    assert_eq!(trust.at("subject").text(), "identityPrincipalId");
    assert_eq!(
        trust.at("issuer").text(),
        "'${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'"
    );
    assert_eq!(
        trust.at("audiences").items(),
        [Value::Text("api://AzureADTokenExchange".to_owned())]
    );
    let main = template("main.bicep");
    let given = main
        .find(Kind::Module, "entra")
        .at("params.identityPrincipalId");
    assert_eq!(given.text(), "identity.outputs.principalId");
    let identity = template("modules/identity.bicep");
    let output = identity.find(Kind::Output, "principalId");
    assert_eq!(
        output.value.as_ref().unwrap().text(),
        "identity.properties.principalId"
    );
}

#[test]
fn visual_studio_code_needs_no_consent() {
    let entra = template("entra.bicep");
    let clients = entra.find(Kind::Parameter, "preAuthorizedClientIds");
    assert_eq!(
        clients.value.as_ref().unwrap().items(),
        [Value::Text(
            "aebc6443-996d-45c2-90f0-388ff96faa56".to_owned()
        )]
    );
}

#[test]
fn the_code_calls_foundry_with_the_permission_that_is_asked_for() {
    let file = template("modules/application.bicep");
    let permissions: &Declaration = file.find(Kind::Variable, "foundryPermissions");
    let resource = permissions.at("resourceAppId").text();
    let stand_in = text("crates/stand-ins/src/directory/applications.rs");
    assert!(
        stand_in.contains(resource),
        "the stand-in knows Foundry by another id"
    );
}
