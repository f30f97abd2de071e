//! The tools, one in each file. A new one is a file here and a line in
//! [`registry`].

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

pub use admin_system_status::SystemSources;

use crate::audit::AuditReader;
use crate::auth::info::Info;
use crate::chat::Chat;
use crate::downstream::Remedies;
use crate::grants::Grants;
use crate::graph::Graph;
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

/// Every tool of the server.
///
/// # Errors
/// When a tool's own definition is at fault.
pub fn registry(services: &Services, policy: Arc<Policy>) -> Result<Registry, DefinitionError> {
    Registry::new(policy)
        .with_public(get_authentication_info::GetAuthenticationInfo::new(
            services,
        ))?
        .with(get_weather::GetWeather::new(services))?
        .with(get_weather_forecast::GetWeatherForecast::new(services))?
        .with(set_weather_alert::SetWeatherAlert::new(services))?
        .with(delete_weather_alert::DeleteWeatherAlert::new(services))?
        .with(secure_query_data::SecureQueryData::new(services))?
        .with(save_record::SaveRecord::new(services))?
        .with(delete_record::DeleteRecord::new(services))?
        .with(admin_audit_query::AdminAuditQuery::new(services))?
        .with(admin_revoke_grants::AdminRevokeGrants::new(services))?
        .with(admin_weather_stats::AdminWeatherStats::new(services))?
        .with(admin_system_status::AdminSystemStatus::new(services))?
        .with(graph_me::GraphMe::new(services))?
        .with(ask_agent::AskAgent::new(services))?
        .with(health_check::HealthCheck::new(services))?
        .with(whoami::Whoami)
}
