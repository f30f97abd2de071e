//! The yardstick: an MCP server of the same SDK and transport settings as the
//! handler, with one tool, a list as long as the handler's, and nothing else.
//! No sign-in, no roles, no limits, no audit, no storage. Listens on the port
//! that `ENTRADA_PORT` names.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::routing::any_service;
use entrada_ambient::{Environment, ProcessEnvironment};
use rmcp::ErrorData;
use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{ServerCapabilities, ServerConfig, Tool};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// The other tools that the handler lists to a reader, so that the lists cost
/// the same. They cannot be called here.
const LISTED: [&str; 6] = [
    include_str!("../../../../handlers/mcp/tools/definitions/get_authentication_info.json"),
    include_str!("../../../../handlers/mcp/tools/definitions/get_weather_forecast.json"),
    include_str!("../../../../handlers/mcp/tools/definitions/graph_me.json"),
    include_str!("../../../../handlers/mcp/tools/definitions/health_check.json"),
    include_str!("../../../../handlers/mcp/tools/definitions/secure_query_data.json"),
    include_str!("../../../../handlers/mcp/tools/definitions/whoami.json"),
];

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// The name of a city, such as `Lisbon`.
    city: String,
}

#[derive(Serialize, JsonSchema)]
struct Weather {
    city: String,
    temperature_celsius: f64,
    humidity_percent: u8,
    wind_kmh: f64,
    condition: String,
    observed_at: String,
    source: String,
    alerts: Vec<String>,
}

#[derive(Clone)]
struct Bare {
    // Shared: made once, not cloned for each request.
    tool_router: Arc<ToolRouter<Self>>,
}

#[tool_router]
impl Bare {
    fn new() -> Result<Self, serde_json::Error> {
        let mut tool_router = Self::tool_router();
        for text in LISTED {
            let tool: Tool = serde_json::from_str(text)?;
            tool_router.add_route(ToolRoute::new_dyn(tool, |_| {
                Box::pin(async { Err(ErrorData::invalid_params("only listed", None)) })
            }));
        }
        Ok(Self {
            tool_router: Arc::new(tool_router),
        })
    }

    #[tool(description = "The current weather in a city: temperature, humidity, wind and sky.")]
    fn get_weather(Parameters(arguments): Parameters<Arguments>) -> Json<Weather> {
        Json(Weather {
            city: arguments.city,
            temperature_celsius: 18.5,
            humidity_percent: 64,
            wind_kmh: 12.0,
            condition: "cloudy".to_owned(),
            observed_at: "2026-01-01T12:00:00Z".to_owned(),
            source: "example".to_owned(),
            alerts: Vec::new(),
        })
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = ProcessEnvironment.get("ENTRADA_PORT").unwrap_or_default();
    let port: u16 = port.parse()?;
    let bare = Bare::new()?;
    let service = StreamableHttpService::new(
        move || Ok(bare.clone()),
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .disable_allowed_hosts(),
    );
    let router = Router::new().route("/mcp", any_service(service));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
