//! `host.json` and app settings, read the way the Functions host reads them.

mod app_settings;
mod configuration;
mod custom_handler;
mod function_timeout;
mod local_settings;
mod profile;
mod time_span;

pub(crate) use app_settings::AppSettings;
pub(crate) use configuration::{Configuration, read_bounded};
pub(crate) use custom_handler::{ConfiguredRoute, CustomHandler, HttpMode};
pub(crate) use function_timeout::function_timeout;
pub use local_settings::local_settings;
