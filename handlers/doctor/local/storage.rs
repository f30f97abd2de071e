//! Storage.

use std::path::Path;

use entrada_tables::TableError;

use super::{IDENTITY, LIMIT};
use crate::app::{self, Ambient};
use crate::config::{Settings, StorageSettings};
use crate::doctor::{Finding, Report};
use crate::error::chain;
use crate::fix::Fix;

const WHY: &str = "State lives there: without it nobody can be let in (503).";

/// What it follows from; the host's own names are read where the first is not
/// set.
pub(super) const SETTINGS: [&str; 2] = ["ENTRADA_STORAGE", IDENTITY];

pub(super) async fn examine(report: &mut Report, settings: &Settings, ambient: &Ambient) {
    if let StorageSettings::Embedded(path) = &settings.storage {
        embedded(report, path);
        return;
    }
    let opened = app::identity(settings, ambient)
        .and_then(|identity| app::open_tables(settings, identity.as_ref(), ambient));
    let tables = match opened {
        Ok(tables) => tables,
        Err(error) => {
            report.found(Finding::fault("storage", error.to_string(), WHY, address()));
            return;
        }
    };
    match tokio::time::timeout(LIMIT, tables.ping()).await {
        Ok(Ok(())) => report.good(format!("storage answers ({})", settings.storage.kind())),
        Ok(Err(error)) => report.found(refused(&error, &settings.storage)),
        Err(_) => report.found(Finding::fault(
            "storage",
            format!("storage did not answer within {} s", LIMIT.as_secs()),
            WHY,
            address(),
        )),
    }
}

/// A file is not opened: a running server owns it, and opening would make it.
fn embedded(report: &mut Report, path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if folder.is_dir() && !path.is_dir() {
        report.good(format!("storage is the file {}", path.display()));
    } else {
        report.found(Finding::fault(
            "storage",
            format!(
                "storage is the file {}, whose folder is not there",
                path.display()
            ),
            "The server ends at its start.",
            Fix::new("Make the folder:").line(format!("mkdir -p '{}'", folder.display())),
        ));
    }
}

fn refused(error: &TableError, storage: &StorageSettings) -> Finding {
    let what = chain(error);
    let TableError::Forbidden { code, .. } = error else {
        return Finding::fault("storage", what, WHY, address());
    };
    // A role that is missing has a code of its own (Microsoft Learn, "Common REST
    // API error codes"); a network that is not let in is AuthorizationFailure.
    if matches!(storage, StorageSettings::TableService(_)) {
        return if code == "AuthorizationPermissionMismatch" {
            Finding::fault(
                "storage-role",
                what,
                "The identity may not use the tables. A role counts minutes after it was assigned.",
                role(),
            )
        } else {
            Finding::fault("storage", what, WHY, address())
        };
    }
    let fix = match code.as_str() {
        "AuthorizationFailure" => address(),
        "KeyBasedAuthenticationNotPermitted" => Fix::new(
            "The account takes no keys: name its address, so that the identity is let in:",
        )
        .line("ENTRADA_STORAGE=https://ACCOUNT.table.core.windows.net"),
        _ => Fix::new("Look at the key or signature in the connection string; keys may have been rotated:")
            .line("az storage account show-connection-string --name ACCOUNT --query connectionString -o tsv"),
    };
    Finding::fault("storage", what, WHY, fix)
}

fn role() -> Fix {
    Fix::new(
        "Wait ten minutes after a deployment; else assign the role (Bicep: \
         infra/modules/storage.bicep does):",
    )
    .line(
        "az role assignment create --role 'Storage Table Data Contributor' \
         --assignee-object-id IDENTITY-PRINCIPAL-ID --assignee-principal-type ServicePrincipal \
         --scope $(az storage account show --name ACCOUNT --query id -o tsv)",
    )
}

fn address() -> Fix {
    Fix::new("Look at the address, and at who may reach the account:")
        .line("az storage account show --name ACCOUNT --query '{table: primaryEndpoints.table, network: networkRuleSet.defaultAction, public: publicNetworkAccess}'")
        .line("ENTRADA_STORAGE=https://ACCOUNT.table.core.windows.net")
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use url::Url;

    use super::*;

    #[test]
    fn a_refusal_is_mended_by_what_it_is_about() {
        let table_service = || {
            let url = Url::parse("https://account.table.core.windows.net").unwrap();
            StorageSettings::TableService(url)
        };
        let by_key = || StorageSettings::ConnectionString(SecretString::from("AccountName=x"));
        for (storage, code, id, piece) in [
            (
                table_service(),
                "AuthorizationPermissionMismatch",
                "storage-role",
                "role assignment create",
            ),
            (
                table_service(),
                "AuthorizationFailure",
                "storage",
                "publicNetworkAccess",
            ),
            (
                by_key(),
                "AuthorizationFailure",
                "storage",
                "publicNetworkAccess",
            ),
            (
                by_key(),
                "AuthenticationFailed",
                "storage",
                "show-connection-string",
            ),
            (
                by_key(),
                "KeyBasedAuthenticationNotPermitted",
                "storage",
                "ENTRADA_STORAGE=https://",
            ),
        ] {
            let error = TableError::Forbidden {
                reason: format!("403 {code}"),
                code: code.to_owned(),
            };
            let finding = refused(&error, &storage);
            assert_eq!(finding.id, id, "{code}");
            let copied = finding.fix.copy.join("\n");
            assert!(copied.contains(piece), "{code}: {copied}");
            let role = copied.contains("role assignment");
            assert_eq!(role, id == "storage-role", "{code}: {copied}");
        }
    }
}
