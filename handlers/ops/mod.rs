//! Operations: readiness, health.

mod beat;
mod health;
mod report;
mod root;
mod sweep;

pub use health::{Health, HealthSources, health};
pub use report::{HealthReport, MissingPiece, ServiceStatus, Services, Status};
pub use root::{Root, root};
pub use sweep::{Sweep, TABLE as UPKEEP_TABLE};
