//! Who sees what, as a table in git.

use std::fmt::Write as _;

use super::Kit;
use crate::downstream::testing::{HOME, OTHER};
use crate::policy::{ADMIN_ROLE, ROLES};

/// The table: a line for each tool, a column for each role alone, then nobody
/// in particular, then somebody of another tenant whose administrator handed
/// out every role.
async fn matrix(kit: &Kit) -> String {
    let mut columns = Vec::new();
    for role in ROLES {
        columns.push((role.to_owned(), kit.person(HOME, &[role]).await));
    }
    columns.push(("(no role)".to_owned(), kit.person(HOME, &[]).await));
    let guest = kit.person(OTHER, &ROLES).await;
    columns.push(("(other tenant, all roles)".to_owned(), guest));

    let mut text = format!("{:<25}{:<8}", "tool", "class");
    for (title, _) in &columns {
        let _ = write!(text, "  {title}");
    }
    text.push('\n');
    for (name, class, _, _) in kit.registry.all() {
        let class = format!("{class:?}").to_lowercase();
        let _ = write!(text, "{name:<25}{class:<8}");
        for (title, person) in &columns {
            let sees = kit.registry.class_for(person, name).is_some();
            let _ = write!(
                text,
                "  {:<width$}",
                if sees { "yes" } else { "-" },
                width = title.len()
            );
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[tokio::test]
async fn the_matrix_of_roles_and_tools_is_current() {
    let kit = Kit::new().await;
    let matrix = matrix(&kit).await;
    assert!(kit.registry.all().count() > 0);
    crate::snapshot::assert_current("handlers/mcp/tools/matrix.txt", &matrix);
}

#[tokio::test]
async fn a_guest_gets_no_more_than_the_policy_lets_the_tenant_have() {
    let kit = Kit::new().await;
    let names = async |tenant, roles: &[&str]| {
        let person = kit.person(tenant, roles).await;
        let tools = kit.registry.visible(&person);
        tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect::<Vec<_>>()
    };
    let nothing = names(HOME, &[]).await;
    assert_eq!(nothing, ["get_authentication_info"]);
    // The default policy lets other tenants have Task.Read and Task.Write.
    assert_eq!(names(OTHER, &[ADMIN_ROLE, "Task.All"]).await, nothing);
    assert_eq!(
        names(OTHER, &[ADMIN_ROLE, "Task.All", "Task.Read"]).await,
        names(HOME, &["Task.Read"]).await
    );
    assert_eq!(
        names(OTHER, &ROLES).await,
        names(HOME, &["Task.Read", "Task.Write"]).await
    );
}
