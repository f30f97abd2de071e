//! The settings themselves.

use entrada_ambient::Environment;

use super::setting_fix;
use crate::config::Settings;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) fn examine(report: &mut Report, environment: &dyn Environment) -> Option<Settings> {
    match Settings::load(environment, false) {
        Ok((settings, warnings)) => {
            report.good("every setting has the form that it needs");
            for warning in warnings {
                report.found(Finding::warning(
                    "setting-without-meaning",
                    warning,
                    "Somebody may believe that it still does something.",
                    Fix::new("Remove it."),
                ));
            }
            Some(settings)
        }
        Err(faults) => {
            for (name, what) in faults.iter() {
                report.found(Finding::fault(
                    "setting",
                    format!("{name} {what}"),
                    "The server ends at its start, and names this.",
                    setting_fix("Set it as docs/settings.md says:", name, "…"),
                ));
            }
            None
        }
    }
}
