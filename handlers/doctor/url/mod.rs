//! A running server as clients see it: from outside, without a token.

mod browser;
mod door;
mod health;
mod metadata;
mod missing;
mod root;
mod sign_in;
mod stream;
mod visit;

use super::{Area, Report};
use crate::app::Ambient;
use crate::config::BaseUrl;

pub(super) use visit::{Answer, Visitor};

/// Looks at the server at `base`.
pub async fn examine(report: &mut Report, base: &BaseUrl, ambient: &Ambient) {
    report.begin(Area::Server);
    let visitor = Visitor::new(base, ambient);
    if !root::examine(report, &visitor).await {
        report.skipped("everything else: no Entrada answers there");
        return;
    }
    health::examine(report, &visitor).await;
    let right_name = metadata::examine(report, &visitor).await;
    sign_in::examine(report, &visitor, right_name).await;
    door::challenge(report, &visitor, right_name).await;
    door::extension(report, &visitor).await;
    browser::examine(report, &visitor).await;
    stream::examine(report, &visitor).await;
}
