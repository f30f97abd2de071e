use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use entrada_functions_host::{Host, HostError, HostOptions, start};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Answer, direct};

/// The handler of every test here.
pub(crate) const HANDLER: &str = env!("CARGO_BIN_EXE_recording-handler");

pub(crate) const SEVEN: [&str; 7] = ["get", "post", "put", "delete", "patch", "head", "options"];

/// A package folder in the making.
pub(crate) struct Package {
    folder: Arc<TempDir>,
    host: Value,
    answers: Value,
}

impl Package {
    /// A package with the recording handler, proxying, no route prefix, the
    /// extension bundle, an open MCP webhook, and no functions.
    pub(crate) fn new() -> Self {
        Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            host: json!({
                "version": "2.0",
                "extensionBundle": {
                    "id": "Microsoft.Azure.Functions.ExtensionBundle",
                    "version": "[4.36.0, 5.0.0)",
                },
                "extensions": {
                    "http": {"routePrefix": ""},
                    "mcp": {"system": {"webhookAuthorizationLevel": "Anonymous"}},
                },
                "customHandler": {
                    "description": {"defaultExecutablePath": HANDLER},
                    "enableProxyingHttpRequest": true,
                },
            }),
            answers: json!({}),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a value of host.json by its JSON pointer; `null` removes it.
    pub(crate) fn host(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut at = &mut self.host;
        for part in parent.split('/').filter(|part| !part.is_empty()) {
            at = &mut at[part];
        }
        if value.is_null() {
            at.as_object_mut().unwrap().remove(name);
        } else {
            at[name] = value;
        }
        self
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn function(self, name: &str, bindings: &Value) -> Self {
        let document = json!({ "bindings": bindings }).to_string();
        self.file(&format!("{name}/function.json"), &document)
    }

    /// An anonymous HTTP function.
    pub(crate) fn http(self, name: &str, route: &str, methods: &[&str]) -> Self {
        self.function(name, &http_bindings(route, methods))
    }

    /// An anonymous catch-all.
    pub(crate) fn web(self) -> Self {
        self.http("web", "{*path}", &SEVEN)
    }

    pub(crate) fn tool(self, name: &str) -> Self {
        self.function(name, &json!([tool_binding(name)]))
    }

    pub(crate) fn timer(self, name: &str) -> Self {
        let schedule = "0 */5 * * * *";
        self.function(
            name,
            &json!([{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule}]),
        )
    }

    /// What the handler answers to a wrapped call.
    pub(crate) fn answer(mut self, function: &str, answer: Value) -> Self {
        self.answers[function] = answer;
        self
    }

    /// Writes what is not written yet, and gives options to start it with.
    pub(crate) fn options(&self) -> HostOptions {
        let write = |name: &str, value: &Value| {
            std::fs::write(self.path().join(name), value.to_string()).unwrap();
        };
        write("host.json", &self.host);
        write("answers.json", &self.answers);
        HostOptions::new(self.path())
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_with(self.options()).await
    }

    pub(crate) async fn start_with(&self, options: HostOptions) -> Running {
        Running {
            host: start(options).await.unwrap(),
            _folder: Arc::clone(&self.folder),
        }
    }

    /// Why the package does not start.
    pub(crate) async fn refusal(&self) -> HostError {
        start(self.options()).await.unwrap_err()
    }
}

/// A host and the package that it runs.
pub(crate) struct Running {
    host: Host,
    _folder: Arc<TempDir>,
}

impl Deref for Running {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}

pub(crate) fn http_bindings(route: &str, methods: &[&str]) -> Value {
    json!([
        {
            "type": "httpTrigger", "direction": "in", "name": "req",
            "authLevel": "anonymous", "methods": methods, "route": route,
        },
        {"type": "http", "direction": "out", "name": "res"},
    ])
}

pub(crate) fn tool_binding(name: &str) -> Value {
    json!({
        "type": "mcpToolTrigger", "direction": "in", "name": "context",
        "toolName": name, "description": "a tool",
    })
}

/// What the handler recorded.
pub(crate) async fn seen(host: &Host) -> Vec<Value> {
    let answer: Answer = direct(host, "GET", "/control/seen").await;
    serde_json::from_slice(&answer.body).unwrap()
}

/// The last request that the handler recorded.
pub(crate) async fn last_seen(host: &Host) -> Value {
    seen(host).await.pop().unwrap()
}
