use super::binding::Binding;
use super::crontab;
use crate::settings::AppSettings;

/// A `timerTrigger`. This host runs timers on demand alone.
#[derive(Debug, Clone)]
pub(crate) struct TimerTrigger {
    /// The binding's name: the member of `Data` that carries the timer.
    pub(crate) binding: String,
    /// The NCRONTAB expression, settings resolved.
    pub(crate) schedule: String,
}

impl TimerTrigger {
    /// Reads the trigger. A time span in place of a cron expression is refused:
    /// it works on App Service plans alone (Microsoft Learn, "Timer trigger for
    /// Azure Functions").
    pub(super) fn read(trigger: &Binding, settings: &AppSettings) -> Result<Self, String> {
        let declared = trigger.text("schedule")?.unwrap_or_default();
        let schedule = settings.resolve(declared)?;
        crontab::validate(&schedule).map_err(|reason| {
            format!(
                "The schedule expression '{schedule}' was not recognized as a valid cron expression or timespan string. ({reason})"
            )
        })?;
        trigger.flag("runOnStartup")?;
        trigger.flag("useMonitor")?;
        Ok(Self {
            binding: trigger.name.clone(),
            schedule,
        })
    }
}
