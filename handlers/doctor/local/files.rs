//! Policy and agents.

use super::setting_fix;
use crate::app::{self, Ambient};
use crate::chat::Catalogue;
use crate::config::Settings;
use crate::doctor::{Finding, Report};

pub(super) fn policy(report: &mut Report, settings: &Settings) {
    match app::read_policy(settings) {
        Ok(_) => report.good(match &settings.policy {
            Some(path) => format!("the policy {} is sound", path.display()),
            None => "the built-in policy is used".to_owned(),
        }),
        Err(error) => report.found(Finding::fault(
            "policy",
            error.to_string(),
            "The server ends at its start: it never guesses who may see what.",
            setting_fix(
                "Mend the file by docs/policy.schema.json, or name another one:",
                "ENTRADA_POLICY",
                "policy.json",
            ),
        )),
    }
}

pub(super) fn agents(
    report: &mut Report,
    settings: &Settings,
    ambient: &Ambient,
) -> Option<Catalogue> {
    // What is wrong with the identity, others find.
    let identity = app::identity(settings, ambient).ok().flatten();
    match app::catalogue(settings, identity.as_ref(), ambient) {
        Ok(catalogue) => {
            report.good(match &settings.agents {
                Some(path) => format!("the agents of {} are sound", path.display()),
                None => "there are no agents".to_owned(),
            });
            Some(catalogue)
        }
        Err(error) => {
            report.found(Finding::fault(
                "agents",
                error.to_string(),
                "The server ends at its start.",
                setting_fix(
                    "Mend the file by docs/agents.schema.json, or name another one:",
                    "ENTRADA_AGENTS",
                    "agents.json",
                ),
            ));
            None
        }
    }
}
