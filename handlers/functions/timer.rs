//! `POST /sweep`: the timer that deletes what has ended and re-encrypts what is
//! under a retired key.

use std::sync::Arc;

use axum::extract::State;

use super::InvocationAnswer;
use crate::error::ApiError;
use crate::ops::Sweep;

/// The name of the timer's function.
pub const SWEEP: &str = "sweep";

/// Sweeps, and tells the function's log what came of it. What the host says
/// of the schedule is not read: it makes no difference.
///
/// # Errors
/// 503 while storage is away, which shows as a failed run of the function.
pub async fn sweep_timer(State(sweep): State<Arc<Sweep>>) -> Result<InvocationAnswer, ApiError> {
    let Some(swept) = sweep.run().await? else {
        let line = "Another sweep is under way.".to_owned();
        return Ok(InvocationAnswer::logging(vec![line]));
    };
    let mut lines = vec![format!("Deleted {} rows that had ended.", swept.deleted)];
    if let Some(resealed) = swept.resealed {
        lines.push(format!(
            "Re-encrypted {resealed} values that were under retired keys."
        ));
    }
    Ok(InvocationAnswer::logging(lines))
}
