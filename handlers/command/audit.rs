//! `entrada audit`: looks into the audit log from outside.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use entrada_ambient::ProcessEnvironment;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::explain::print;
use super::serve::{Failure, ambient, runtime};
use super::state::{identity, storage};
use crate::app;
use crate::audit::{Hour, Report, Scope, verify};
use crate::config::SecretSettings;
use crate::error::chain;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Reads the whole log again and prints what was altered, removed or cut
    /// off.
    ///
    /// Exits with 0 when nothing was, with 1 when anything was, and with 2 when
    /// it could not look.
    ///
    /// It needs to know storage (`ENTRADA_STORAGE`) and the key ring
    /// (`ENTRADA_KEY_VAULT_URL` or `ENTRADA_KEY_RING`), and reads both as the
    /// managed identity, or as who is signed in with `az login` or
    /// `azd auth login`.
    Verify(VerifyArguments),
}

/// Which part of the log to look at.
#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// Only this tenant
    #[arg(long, value_name = "GUID")]
    tenant: Option<Uuid>,
    /// From this day or hour on: 2026-11-21 or 2026-11-21T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<OffsetDateTime>,
    /// Up to this day (not included) or hour (included)
    #[arg(long, value_name = "TIME", value_parser = end)]
    to: Option<OffsetDateTime>,
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    let day = time::macros::format_description!("[year]-[month]-[day]");
    if let Ok(date) = Date::parse(text, day) {
        return Ok(date.midnight().assume_utc());
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "a day such as 2026-11-21, or a time such as 2026-11-21T09:00:00Z".to_owned())
}

/// A day ends with the hour before it begins.
fn end(text: &str) -> Result<OffsetDateTime, String> {
    let moment = moment(text)?;
    Ok(if text.contains('T') {
        moment
    } else {
        moment - time::Duration::seconds(1)
    })
}

/// Whether the log is whole: a failure is of looking at it.
pub(super) fn run(command: &AuditCommand) -> Result<ExitCode, Failure> {
    let AuditCommand::Verify(arguments) = command;
    let secrets = SecretSettings::load(&ProcessEnvironment).map_err(Failure::other)?;
    let ambient = ambient()?;
    let scope = Scope {
        tenant: arguments.tenant,
        from: arguments.from.map(Hour::of),
        to: arguments.to.map(Hour::of),
    };
    let report = runtime()?.block_on(async {
        let identity = identity(&secrets, &ambient)?;
        let tables = storage(&identity, &ambient)?;
        let ring = app::load_key_ring(&secrets, Some(&identity), &ambient).await;
        let ring = ring.map_err(Failure::other)?;
        verify(tables.as_ref(), &ring, scope, ambient.clock.unix())
            .await
            .map_err(|error| Failure::other(chain(&error)))
    })?;
    print(&render(&report))?;
    match report.findings.len() {
        0 => return Ok(ExitCode::SUCCESS),
        1 => Failure::other("the audit log has 1 finding").report(),
        count => Failure::other(format!("the audit log has {count} findings")).report(),
    }
    Ok(ExitCode::FAILURE)
}

fn render(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let _ = writeln!(text, "{finding}");
    }
    let _ = write!(
        text,
        "Read {} entries in {} partitions, {} chains: {}.",
        report.entries,
        report.partitions,
        report.chains,
        if report.findings.is_empty() {
            "all of them whole"
        } else {
            "not all of them whole"
        }
    );
    text
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_range_of_days_has_all_their_hours() {
        assert_eq!(
            moment("2026-11-21").unwrap(),
            datetime!(2026-11-21 00:00 UTC)
        );
        assert_eq!(
            Hour::of(end("2026-11-22").unwrap()).to_string(),
            "2026112123"
        );
        let hour = "2026-11-21T09:30:00Z";
        assert_eq!(Hour::of(end(hour).unwrap()).to_string(), "2026112109");
        assert!(moment("yesterday").is_err());
    }
}
