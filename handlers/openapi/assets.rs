//! The files that the pages load: Swagger UI and Redoc as their npm packages
//! have them, compressed, and what starts them. `assets/README.md` says where
//! they come from.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};

use crate::error::ApiError;

/// A file, compressed by gzip if `compressed`.
struct Asset {
    name: &'static str,
    media: &'static str,
    compressed: bool,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

static ASSETS: [Asset; 7] = [
    Asset {
        name: "swagger-ui-bundle.js",
        media: SCRIPT,
        compressed: true,
        bytes: include_bytes!("assets/swagger-ui-bundle.js.gz"),
    },
    Asset {
        name: "swagger-ui.css",
        media: STYLE,
        compressed: true,
        bytes: include_bytes!("assets/swagger-ui.css.gz"),
    },
    Asset {
        name: "redoc.standalone.js",
        media: SCRIPT,
        compressed: true,
        bytes: include_bytes!("assets/redoc.standalone.js.gz"),
    },
    Asset {
        name: "start-swagger-ui.js",
        media: SCRIPT,
        compressed: false,
        bytes: include_bytes!("assets/start-swagger-ui.js"),
    },
    Asset {
        name: "start-redoc.js",
        media: SCRIPT,
        compressed: false,
        bytes: include_bytes!("assets/start-redoc.js"),
    },
    Asset {
        name: "pages.css",
        media: STYLE,
        compressed: false,
        bytes: include_bytes!("assets/pages.css"),
    },
    Asset {
        name: "licences.txt",
        media: TEXT,
        compressed: true,
        bytes: include_bytes!("assets/licences.txt.gz"),
    },
];

/// A file of the pages. It is compressed whatever the client takes: there is
/// no other form of it here, and every browser takes that one.
///
/// # Errors
/// 404 when there is none of that name.
pub async fn asset(Path(name): Path<String>) -> Result<Response, ApiError> {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| ApiError::not_found("NOT_FOUND", "There is no such file."))?;
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (resource_policy, HeaderValue::from_static("same-origin")),
    ];
    let mut response = (headers, asset.bytes).into_response();
    if asset.compressed {
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
    }
    Ok(response)
}
