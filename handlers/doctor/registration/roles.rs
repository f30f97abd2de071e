//! App roles, and whether anybody has one.

use super::Expected;
use super::again::in_portal_or_again;
use super::document::{Application, RoleAssignment};
use super::graph::Graph;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;
use crate::policy::ROLES;

/// Whether the application has every role of the documentation; a policy of
/// one's own may use others besides.
pub(super) fn of_application(
    report: &mut Report,
    expected: &Expected,
    application: &Application,
) -> bool {
    let missing: Vec<&str> = ROLES
        .into_iter()
        .filter(|role| {
            !application.app_roles.iter().any(|known| {
                known.value == *role
                    && known.is_enabled
                    && known.allowed_member_types.iter().any(|kind| kind == "User")
            })
        })
        .collect();
    if missing.is_empty() {
        report.good(format!("its {} app roles are there", ROLES.len()));
        return true;
    }
    report.found(Finding::fault(
        "app-role",
        format!(
            "the application has no enabled app role for people called {}",
            missing.join(", ")
        ),
        "Nobody can be given the role, so nobody sees what it shows. Roles compare exactly, \
         capitals too.",
        in_portal_or_again("add it under App roles", expected, application).line(format!(
            "az ad app show --id {} --query 'appRoles[].{{value: value, enabled: isEnabled, for: allowedMemberTypes}}'",
            expected.client_id
        )),
    ));
    false
}

/// Whether anybody has a role. Whoever was assigned without one has *default
/// access*, which is no role of the application's (Microsoft Learn,
/// "appRoleAssignment resource type").
pub(super) async fn assignments(
    report: &mut Report,
    expected: &Expected,
    application: &Application,
    graph: &Graph<'_>,
) {
    let client = expected.client_id;
    let path = format!("servicePrincipals(appId='{client}')/appRoleAssignedTo");
    let gives_a_role = |assignment: &RoleAssignment| {
        application
            .app_roles
            .iter()
            .any(|role| role.is_enabled && role.id == assignment.app_role_id)
    };
    match graph.any(&path, gives_a_role).await {
        Ok(false) => report.found(Finding::warning(
            "no-assignments",
            "nobody has an app role",
            "Everybody who signs in sees no tool.",
            Fix::new(
                "Assign roles: in the portal under Enterprise applications, the application, Users \
                 and groups; or:",
            )
            .line(format!("SERVICE=$(az ad sp show --id {client} --query id -o tsv)"))
            .line(format!(
                "ROLE=$(az ad sp show --id {client} --query \"appRoles[?value=='Task.Read'].id\" -o tsv)"
            ))
            .line("WHO=$(az ad signed-in-user show --query id -o tsv)")
            .line("az rest --method post --url \"https://graph.microsoft.com/v1.0/servicePrincipals/$SERVICE/appRoleAssignedTo\" --body \"{\\\"principalId\\\":\\\"$WHO\\\",\\\"resourceId\\\":\\\"$SERVICE\\\",\\\"appRoleId\\\":\\\"$ROLE\\\"}\""),
        )),
        Ok(true) => report.good("somebody has an app role"),
        Err(error) => report.skipped(format!("who has app roles: {error}")),
    }
}
