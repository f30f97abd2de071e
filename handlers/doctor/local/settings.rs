//! The settings themselves.

use entrada_ambient::Environment;

use super::setting_fix;
use crate::config::{Readable, SettingsFaults, turns_protection_off};
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) fn examine(report: &mut Report, environment: &dyn Environment) -> Option<Readable> {
    let readable = match Readable::load(environment, false) {
        Ok(readable) => readable,
        Err(faults) => {
            at_fault(report, &faults);
            return None;
        }
    };
    if readable.faults.is_empty() {
        report.good("every setting has the form that it needs");
    }
    at_fault(report, &readable.faults);
    for warning in &readable.warnings {
        report.found(Finding::warning(
            "setting-without-meaning",
            warning,
            "Somebody may believe that it still does something.",
            removal(warning.split(' ').next().unwrap_or_default()),
        ));
    }
    Some(readable)
}

fn at_fault(report: &mut Report, faults: &SettingsFaults) {
    for (name, what) in faults.iter() {
        report.found(Finding::fault(
            "setting",
            format!("{name} {what}"),
            "The server ends at its start, and names this.",
            if turns_protection_off(name) {
                removal(name)
            } else {
                setting_fix("Set it as docs/settings.md says:", name, "…")
            },
        ));
    }
}

/// Takes a setting away: here, on Azure, and from what the next deployment sets.
fn removal(name: &str) -> Fix {
    Fix::new(
        "Remove it, and from ENTRADA_ADDITIONAL_SETTINGS of the azd environment if it stands \
         there, or the next deployment brings it back:",
    )
    .line(format!("unset {name}"))
    .line(format!(
        "az functionapp config appsettings delete --name SITE --resource-group GROUP --setting-names {name}"
    ))
    .line("azd env get-value ENTRADA_ADDITIONAL_SETTINGS")
}
