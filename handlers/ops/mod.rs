//! Operations: readiness, health, upkeep.

mod beat;
mod health;
mod report;
mod resealing;
mod root;
mod sweep;

pub use health::{Health, HealthSources, health};
pub use report::{HealthReport, MissingPiece, ReEncryption, ServiceStatus, Services, Status};
pub use resealing::{Resealing, stored_values};
pub use root::{Root, root};
pub use sweep::{Sweep, Swept, TABLE as UPKEEP_TABLE};
