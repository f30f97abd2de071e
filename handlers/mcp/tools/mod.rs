//! The tools, one in each file. A new one is a file here and a line in
//! `tools!`.

mod admin_audit_query;
mod admin_revoke_grants;
mod admin_system_status;
mod admin_weather_stats;
mod ask_agent;
mod city;
mod delete_record;
mod delete_weather_alert;
mod get_authentication_info;
mod get_weather;
mod get_weather_forecast;
mod graph_me;
mod health_check;
mod record;
mod remedy;
mod save_record;
mod secure_query_data;
mod set_weather_alert;
mod whoami;

use std::sync::Arc;

use entrada_ambient::Random;
use rmcp::model::Tool as ToolDefinition;

pub use admin_system_status::SystemSources;

use crate::audit::AuditReader;
use crate::auth::info::Info;
use crate::chat::Chat;
use crate::downstream::Remedies;
use crate::grants::Grants;
use crate::graph::Graph;
use crate::mcp::definition::{definition_of, definition_of_public};
use crate::mcp::{DefinitionError, Registry};
use crate::ops::Health;
use crate::policy::Policy;
use crate::records::Records;
use crate::weather::{Alerts, WeatherProvider};

/// What tools work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The weather.
    pub weather: Arc<dyn WeatherProvider>,
    /// The tenants' alerts.
    pub alerts: Arc<Alerts>,
    /// The tenants' records.
    pub records: Arc<Records>,
    /// The audit log.
    pub audit: Arc<AuditReader>,
    /// How the server is.
    pub health: Arc<Health>,
    /// The agents.
    pub chat: Arc<Chat>,
    /// Sign-ins.
    pub grants: Arc<Grants>,
    /// Microsoft Graph.
    pub graph: Arc<Graph>,
    /// What people do when Entra wants more of them.
    pub remedies: Remedies,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// How to sign in.
    pub info: Arc<Info>,
    /// What the status is made of.
    pub system: SystemSources,
}

/// Writes the list of tools once for both: those that work, and what each
/// says of itself.
macro_rules! tools {
    (public: $($open:ty),+; signed: $($signed:ty),+ $(,)?) => {
        /// Every tool of the server.
        ///
        /// # Errors
        /// When a tool's own definition is at fault.
        pub fn registry(
            services: &Services,
            policy: Arc<Policy>,
        ) -> Result<Registry, DefinitionError> {
            let registry = Registry::new(policy);
            $(let registry = registry.with_public(<$open>::new(services))?;)+
            $(let registry = registry.with(<$signed>::new(services))?;)+
            Ok(registry)
        }

        /// What every tool says of itself, for packaging: no service is
        /// needed.
        ///
        /// # Errors
        /// When a tool's own definition is at fault.
        pub fn definitions() -> Result<Vec<ToolDefinition>, DefinitionError> {
            Ok(vec![
                $(definition_of_public::<$open>()?,)+
                $(definition_of::<$signed>()?,)+
            ])
        }
    };
}

tools! {
    public: get_authentication_info::GetAuthenticationInfo;
    signed:
        get_weather::GetWeather,
        get_weather_forecast::GetWeatherForecast,
        set_weather_alert::SetWeatherAlert,
        delete_weather_alert::DeleteWeatherAlert,
        secure_query_data::SecureQueryData,
        save_record::SaveRecord,
        delete_record::DeleteRecord,
        admin_audit_query::AdminAuditQuery,
        admin_revoke_grants::AdminRevokeGrants,
        admin_weather_stats::AdminWeatherStats,
        admin_system_status::AdminSystemStatus,
        graph_me::GraphMe,
        ask_agent::AskAgent,
        health_check::HealthCheck,
        whoami::Whoami,
}
