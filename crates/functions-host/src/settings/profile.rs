use crate::error::HostError;

/// What a configuration profile presets: `(key, value)` pairs beneath
/// everything that `host.json` and app settings say (azure-functions-host,
/// `HostConfigurationProfile`).
pub(crate) fn presets(name: &str) -> Result<&'static [(&'static str, &'static str)], HostError> {
    match name.to_ascii_lowercase().as_str() {
        "" | "default" => Ok(&[]),
        // Newer hosts know the second name too; what it presets there was not
        // seen, so it is taken to be the same.
        "mcp-custom-handler" | "web-app-custom-handler" => Ok(&[
            ("customhandler:enableproxyinghttprequest", "true"),
            ("extensions:http:routeprefix", ""),
            ("customhandler:http:routes:0:route", "{*route}"),
        ]),
        _ => Err(HostError::Configuration(format!(
            "Configuration profile '{name}' is not supported."
        ))),
    }
}
