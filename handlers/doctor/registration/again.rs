//! Deploying a registration again, where Bicep made it.

use entrada_entra::SignInAudience;
use serde_json::json;
use url::Url;

use super::Expected;
use super::api::VISUAL_STUDIO_CODE;
use super::document::Application;
use crate::fix::{Fix, word};

/// Azure Machine Learning Services, whose permission agents of Foundry take
/// (infra/modules/application.bicep).
const FOUNDRY: &str = "18a66f5f-dbdf-4c17-9dd7-1634712a9cbe";

/// Mends a registration in the portal, by what `portal` says, or by Bicep if
/// that is what made it. Else it has no unique name, and a deployment would
/// register a second application.
pub(super) fn in_portal_or_again(
    portal: &str,
    expected: &Expected,
    application: &Application,
) -> Fix {
    let Some(name) = &application.unique_name else {
        return Fix::new(format!("In the portal, {portal}:"));
    };
    let (hosts, others) = redirect_uris(expected, application);
    let lost = if others.is_empty() {
        String::new()
    } else {
        format!(
            " The deployment takes off redirect URIs that are not \
             https://HOST/auth/callback: add them again ({}).",
            others.join(", ")
        )
    };
    Fix::new(format!(
        "Deploy the registration again, by what made it; or in the portal, {portal}.{lost}"
    ))
    .line("azd provision --no-state    # `azd up` registered it")
    .line(format!(
        "{} {}    # an administrator did",
        deployment(name),
        parameters(&hosts, expected, application).join(" ")
    ))
}

/// A deployment of the registration alone. Who runs it gets no role by it.
pub(super) fn deployment(unique_name: &str) -> String {
    format!(
        "az deployment group create --resource-group GROUP --template-file infra/entra.bicep \
         --parameters uniqueName={} assignDeployerRoles='[]'",
        word(unique_name)
    )
}

/// What the application has, as parameters: Bicep writes every property, and
/// what is not said becomes its default.
fn parameters(hosts: &[String], expected: &Expected, application: &Application) -> Vec<String> {
    let mut parameters = vec![format!("displayName={}", word(&application.display_name))];
    let audience = expected
        .audience
        .or_else(|| SignInAudience::named(&application.sign_in_audience));
    parameters.extend(audience.map(|audience| {
        // A list of tenants takes the same as `organizations`.
        let tenants = match audience {
            SignInAudience::HomeTenant => "home",
            SignInAudience::AnyOrganization => "organizations",
            SignInAudience::AnyOrganizationOrPersonal => "common",
        };
        format!("tenants={tenants}")
    }));
    if !hosts.is_empty() {
        parameters.push(format!("hostNames={}", word(&json!(hosts).to_string())));
        parameters.push(format!(
            "identityPrincipalId={}",
            super::credentials::identity(expected)
        ));
    }
    let mut clients: Vec<_> = application
        .api
        .pre_authorized_applications
        .iter()
        .map(|client| client.app_id.as_str())
        .collect();
    if !clients.contains(&VISUAL_STUDIO_CODE) {
        clients.push(VISUAL_STUDIO_CODE);
    }
    parameters.push(format!(
        "preAuthorizedClientIds={}",
        word(&json!(clients).to_string())
    ));
    let calls_foundry = application
        .required_resource_access
        .iter()
        .any(|access| access.resource_app_id == FOUNDRY);
    parameters.push(format!("callsFoundry={calls_foundry}"));
    parameters
}

/// Redirect URIs that are there or should be: the hosts of those that Bicep
/// makes (`https://HOST/auth/callback`), and the others.
fn redirect_uris(expected: &Expected, application: &Application) -> (Vec<String>, Vec<String>) {
    let (mut hosts, mut others) = (Vec::new(), Vec::new());
    for uri in application
        .web
        .redirect_uris
        .iter()
        .chain(&expected.callbacks)
    {
        let (list, member) = match host(uri) {
            Some(host) => (&mut hosts, host),
            None => (&mut others, crate::terminal::printable(uri)),
        };
        if !list.contains(&member) {
            list.push(member);
        }
    }
    (hosts, others)
}

fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let host = url.authority();
    (format!("https://{host}/auth/callback") == uri).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn expected() -> Expected {
        Expected {
            client_id: Uuid::from_u128(1),
            tenant_id: Uuid::from_u128(2),
            issuer: String::new(),
            scope: "access_as_user".to_owned(),
            callbacks: vec!["https://entrada.contoso.com/auth/callback".to_owned()],
            audience: None,
            identity: Some(Uuid::from_u128(3)),
            accepts_app_tokens: false,
        }
    }

    fn application(unique_name: Option<&str>) -> Application {
        serde_json::from_value(json!({
            "id": "object", "uniqueName": unique_name, "displayName": "Ana's Entrada",
            "signInAudience": "AzureADMultipleOrgs",
            "web": {"redirectUris": [
                "https://func.azurewebsites.net/auth/callback",
                "http://localhost:7071/auth/callback",
            ]},
            "api": {"preAuthorizedApplications": [{"appId": "another"}]},
            "requiredResourceAccess": [{"resourceAppId": FOUNDRY}],
        }))
        .unwrap()
    }

    #[test]
    fn a_deployment_keeps_all_that_the_application_has_and_gives_nobody_a_role() {
        let fix = in_portal_or_again("do", &expected(), &application(Some("entrada-contoso")));
        assert!(fix.copy[0].starts_with("azd provision"), "{fix:?}");
        for parameter in [
            "uniqueName=entrada-contoso ",
            "assignDeployerRoles='[]' ",
            r"displayName='Ana'\''s Entrada' ",
            "tenants=organizations ",
            r#"hostNames='["func.azurewebsites.net","entrada.contoso.com"]' "#,
            "identityPrincipalId=00000000-0000-0000-0000-000000000003 ",
            r#"preAuthorizedClientIds='["another","aebc6443-996d-45c2-90f0-388ff96faa56"]' "#,
            "callsFoundry=true ",
        ] {
            assert!(fix.copy[1].contains(parameter), "{parameter}: {fix:?}");
        }
        assert!(fix.what.contains("http://localhost:7071/auth/callback"));
    }

    #[test]
    fn what_bicep_did_not_make_is_mended_in_the_portal_alone() {
        let fix = in_portal_or_again("do", &expected(), &application(None));
        assert_eq!(
            (fix.what.as_str(), fix.copy.len()),
            ("In the portal, do:", 0)
        );
    }
}
