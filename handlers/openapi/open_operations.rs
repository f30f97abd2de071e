//! What anybody may read, as often as they like.

use super::operation::Operation;
use super::schemas::Schemas;
use crate::ops::HealthReport;

const TAG: &str = "operations";

pub(super) fn all() -> Vec<Operation> {
    let health = "What works and what does not.";
    let pages = "What the pages load.";
    vec![
        Operation::new("get", "/api/health", "health", TAG, health)
            .gives_or_streams(
                "It serves. With `Accept: text/event-stream`, whether it serves or not: the event \
                 `health` with the report, and a second later the event `end`.",
                Schemas::gives::<HealthReport>,
            )
            .gives(503, "It cannot serve.", Schemas::gives::<HealthReport>),
        Operation::new("get", "/api/openapi.json", "openapi", TAG, "This document.")
            .gives_media("The document.", &["application/json"]),
        Operation::new(
            "get",
            "/api/docs",
            "docs",
            TAG,
            "This document in Swagger UI.",
        )
        .shows(200, "The page."),
        Operation::new("get", "/api/redoc", "redoc", TAG, "This document in Redoc.")
            .shows(200, "The page."),
        Operation::new("get", "/api/docs/{file}", "docs_file", TAG, pages)
            .path_part("file", "The file's name.")
            .gives_media(
                "The file, compressed by gzip.",
                &["text/javascript", "text/css", "text/plain"],
            )
            .refused(400, "The path cannot be read.")
            .refused(404, "There is no such file."),
    ]
}
