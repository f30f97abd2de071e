//! Operations: readiness, health.

mod health;
mod report;
mod root;

pub use health::{Health, HealthSources, health};
pub use report::{HealthReport, MissingPiece, ServiceStatus, Services, Status};
pub use root::{Root, root};
