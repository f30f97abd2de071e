//! Storage.

use std::path::Path;

use entrada_tables::TableError;

use super::LIMIT;
use crate::app::{self, Ambient};
use crate::config::{Settings, StorageSettings};
use crate::doctor::{Finding, Report};
use crate::error::chain;
use crate::fix::Fix;

const WHY: &str = "State lives there: without it nobody can be let in (503).";

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
        Ok(Err(error)) => report.found(refused(&error)),
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

fn refused(error: &TableError) -> Finding {
    let what = chain(error);
    if matches!(error, TableError::Forbidden { .. }) {
        return Finding::fault(
            "storage-role",
            what,
            "The identity may not use the tables. A role counts minutes after it was assigned.",
            Fix::new("Wait ten minutes after a deployment; else assign the role (Bicep: \
                      infra/modules/storage.bicep does):")
                .line(
                    "az role assignment create --role 'Storage Table Data Contributor' \
                     --assignee-object-id IDENTITY-PRINCIPAL-ID --assignee-principal-type ServicePrincipal \
                     --scope $(az storage account show --name ACCOUNT --query id -o tsv)",
                ),
        );
    }
    Finding::fault("storage", what, WHY, address())
}

fn address() -> Fix {
    Fix::new("Look at the address, and at who may reach the account:")
        .line("az storage account show --name ACCOUNT --query '{table: primaryEndpoints.table, network: networkRuleSet.defaultAction, public: publicNetworkAccess}'")
        .line("ENTRADA_STORAGE=https://ACCOUNT.table.core.windows.net")
}
