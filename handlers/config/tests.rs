use entrada_ambient::FixedEnvironment;

use super::*;

const GUID: &str = "11111111-1111-4111-8111-111111111111";

fn load(values: &[(&str, &str)]) -> Result<(Settings, Vec<String>), SettingsFaults> {
    Settings::load(&FixedEnvironment::new(values.iter().copied()), false)
}

fn minimal<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut values = vec![
        ("ENTRADA_TENANT_ID", GUID),
        ("ENTRADA_CLIENT_ID", GUID),
        ("ENTRADA_STORAGE", "file:/tmp/state"),
        ("ENTRADA_KEY_VAULT_URL", "https://kv.vault.azure.net"),
        ("ENTRADA_IDENTITY_CLIENT_ID", GUID),
    ];
    values.extend_from_slice(more);
    values
}

#[test]
fn the_least_that_is_needed_gives_the_documented_defaults() {
    let (settings, warnings) = load(&minimal(&[])).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(settings.base_url.as_str(), "http://localhost:7071");
    assert_eq!(
        settings.callback_url.as_str(),
        "http://localhost:7071/auth/callback"
    );
    assert_eq!(
        settings.entra.authority.as_str(),
        "https://login.microsoftonline.com/"
    );
    assert_eq!(settings.entra.required_scope, "access_as_user");
    assert!(matches!(settings.entra.tenancy, Tenancy::Home));
    assert!(!settings.entra.accept_app_tokens);
}

#[test]
fn every_fault_is_named_at_once() {
    let faults = load(&[
        ("ENTRADA_TENANT_ID", "contoso"),
        ("ENTRADA_BASE_URL", "http://entrada.example"),
        ("ENTRADA_AUTHORITY", "http://login.example"),
        ("ENTRADA_REDIRECT_URIS", "javascript:alert(1)"),
        ("ENTRADA_LOG", "entrada=loud=er"),
        ("AUTH_ENABLED", "false"),
    ])
    .unwrap_err();
    let mut names: Vec<_> = faults.names().collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "AUTH_ENABLED",
            "ENTRADA_AUTHORITY",
            "ENTRADA_BASE_URL",
            "ENTRADA_CLIENT_ID",
            "ENTRADA_CLIENT_SECRET",
            "ENTRADA_KEY_VAULT_URL",
            "ENTRADA_LOG",
            "ENTRADA_REDIRECT_URIS",
            "ENTRADA_STORAGE",
            "ENTRADA_TENANT_ID",
        ]
    );
}

#[test]
fn a_list_that_is_there_and_names_nobody_lets_nobody_in_by_mistake() {
    for name in ["ENTRADA_ALLOWED_CLIENTS", "ENTRADA_TENANTS"] {
        for value in ["[]", "[ ]", ",", " ; ,", "[\"\"]"] {
            let faults = load(&minimal(&[(name, value)])).unwrap_err();
            assert_eq!(faults.names().collect::<Vec<_>>(), [name], "{value}");
        }
        assert!(load(&minimal(&[(name, " ")])).is_ok());
        assert!(load(&minimal(&[(name, GUID)])).is_ok());
    }
}

#[test]
fn agents_are_reached_by_one_of_two_routes() {
    let route = |value| {
        let loaded = load(&minimal(&[("ENTRADA_FOUNDRY_ROUTE", value)]));
        loaded.map(|(settings, _)| settings.foundry_project_route)
    };
    assert!(!route("agent").unwrap() && route("project").unwrap());
    let faults = route("Project").unwrap_err();
    assert_eq!(
        faults.names().collect::<Vec<_>>(),
        ["ENTRADA_FOUNDRY_ROUTE"]
    );
}

#[test]
fn the_callback_has_a_path_of_its_own() {
    for path in [
        "",
        "/",
        "/callback?x=1",
        "/callback#x",
        "/auth/login",
        "/mcp",
        "/api/health",
        "/.well-known/jwks.json",
        "/callback/:id",
        "/callback/*rest",
    ] {
        let callback = format!("https://entrada.example{path}");
        let faults = load(&minimal(&[
            ("ENTRADA_BASE_URL", "https://entrada.example"),
            ("ENTRADA_CALLBACK_URL", &callback),
        ]));
        let names: Vec<_> = faults.as_ref().unwrap_err().names().collect();
        assert_eq!(names, ["ENTRADA_CALLBACK_URL"], "{path}");
    }
    let older = "https://entrada.example/api/auth/callback";
    let (settings, _) = load(&minimal(&[
        ("ENTRADA_BASE_URL", "https://entrada.example"),
        ("AZURE_REDIRECT_URI", older),
    ]))
    .unwrap();
    assert_eq!(settings.callback_url.as_str(), older);
}

#[test]
fn a_wildcard_is_no_origin() {
    for value in ["*", "https://a.example *", "https://*.example"] {
        let faults = load(&minimal(&[("CORS_ORIGINS", value)])).unwrap_err();
        let names: Vec<_> = faults.names().collect();
        assert_eq!(names, ["ENTRADA_CORS_ORIGINS"], "{value}");
    }
}

#[test]
fn the_older_systems_switches_stop_the_start_however_false_is_written() {
    for name in [
        "MREG_FASTMCP_ENABLE_TOOL_ACCESS_CONTROL",
        "MREG_FASTMCP_ENABLE_AUDIT_LOGGING",
    ] {
        assert!(load(&minimal(&[(name, "true")])).is_ok(), "{name}");
        for value in ["false", "False", "0", "off", "no", "n", "f", " false "] {
            let faults = load(&minimal(&[(name, value)])).unwrap_err();
            assert_eq!(faults.names().collect::<Vec<_>>(), [name], "{value}");
        }
    }
}

#[test]
fn variables_without_a_meaning_are_warned_of_one_by_one() {
    for (name, hint) in [
        ("REDIS_HOST", "ENTRADA_STORAGE"),
        ("REDIS_PORT", "ENTRADA_STORAGE"),
        ("REDIS_PASSWORD", "ENTRADA_STORAGE"),
        ("REDIS_SSL", "ENTRADA_STORAGE"),
        ("SUPABASE_URL", "ENTRADA_STORAGE"),
        ("SUPABASE_SERVICE_KEY", "ENTRADA_STORAGE"),
        ("MCP_SERVER_HOST", "ENTRADA_ADDRESS"),
        ("MCP_SERVER_PORT", "ENTRADA_PORT"),
    ] {
        let (_, warnings) = load(&minimal(&[(name, "1")])).unwrap();
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        assert!(warnings[0].starts_with(name), "{warnings:?}");
        assert!(warnings[0].contains(hint), "{warnings:?}");
    }
}

#[test]
fn older_names_are_taken_and_the_new_name_wins() {
    let (settings, warnings) = load(&[
        ("AZURE_TENANT_ID", GUID),
        ("MREG_AZURE_CLIENT_ID", GUID),
        ("MCP_BASE_URL", "https://old.example"),
        ("ENTRADA_BASE_URL", "https://new.example"),
        ("AZURE_REDIRECT_URI", "https://new.example/oauth/callback"),
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
        ("ENTRADA_KEY_VAULT_URL", "https://kv.example"),
        ("REDIS_URL", "redis://x"),
    ])
    .unwrap();
    assert_eq!(settings.base_url.as_str(), "https://new.example");
    assert_eq!(settings.callback_url.path(), "/oauth/callback");
    assert!(matches!(
        settings.storage,
        StorageSettings::ConnectionString(_)
    ));
    assert_eq!(warnings.len(), 1);
}

/// A connection string whose tables are at `address`.
fn connection(address: &str) -> String {
    format!("AccountName=a;AccountKey=a2V5;TableEndpoint={address}")
}

#[test]
fn connection_strings_keep_to_the_rules_for_addresses() {
    const EMULATOR: &str = "UseDevelopmentStorage=true";
    let in_a_container = format!("{EMULATOR};DevelopmentStorageProxyUri=http://azurite");
    let made_of_parts = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5";
    // Taken elsewhere than on Azure, and on Azure.
    let cases = [
        (connection("https://a.table.core.windows.net"), true, true),
        (connection("http://a.table.core.windows.net"), false, false),
        (made_of_parts.to_owned(), false, false),
        (connection("http://127.0.0.1:10002/a"), true, false),
        (connection("http://localhost:10002/a"), true, false),
        (connection("https://localhost:10002/a"), true, false),
        (connection("http://azurite:10002/a"), false, false),
        (EMULATOR.to_owned(), true, false),
        (in_a_container, true, false),
    ];
    for name in ["ENTRADA_STORAGE", "AzureWebJobsStorage"] {
        for (text, elsewhere, on_azure) in &cases {
            for (pod, taken) in [("", elsewhere), ("pod", on_azure)] {
                let mut values = minimal(&[("WEBSITE_POD_NAME", pod)]);
                values.retain(|(name, value)| *name != "ENTRADA_STORAGE" && !value.is_empty());
                values.push((name, text));
                let faults = load(&values).err();
                let faults: Vec<_> = faults.iter().flat_map(SettingsFaults::names).collect();
                let expected = if *taken { &[][..] } else { &[name][..] };
                assert_eq!(faults, expected, "{name} {text} {pod}");
            }
        }
    }
    let other = connection("http://azurite:10002/a");
    let values = minimal(&[("ENTRADA_STORAGE", &other)]);
    let environment = FixedEnvironment::new(
        values
            .into_iter()
            .skip(3)
            .chain([("ENTRADA_TENANT_ID", GUID), ("ENTRADA_CLIENT_ID", GUID)]),
    );
    assert!(Settings::load(&environment, true).is_ok());
}

#[test]
fn the_example_for_func_start_has_all_that_a_package_needs() {
    let example = include_str!("../../local.settings.json.example");
    let example: serde_json::Value = serde_json::from_str(example).unwrap();
    assert_eq!(example["IsEncrypted"], false);
    let values = example["Values"].as_object().unwrap();
    // What Core Tools ask for where it is missing, and for an extension.
    assert_eq!(values["FUNCTIONS_WORKER_RUNTIME"], "custom");
    assert_eq!(values["AzureWebJobsStorage"], "UseDevelopmentStorage=true");
    // The package's own host.json names the program.
    let overrides = |name: &&String| name.starts_with("AzureFunctionsJobHost");
    assert_eq!(values.keys().find(overrides), None);
    let filled: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| match name.as_str() {
            "ENTRADA_TENANT_ID" | "ENTRADA_CLIENT_ID" => (name.as_str(), GUID),
            other => (other, value.as_str().unwrap()),
        })
        .collect();
    let (settings, warnings) = load(&filled).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(settings.base_url.as_str(), "http://localhost:7071");
    assert!(matches!(
        settings.storage,
        StorageSettings::ConnectionString(_)
    ));
    // The rest cannot be left out.
    for (name, _) in &filled {
        let mut less = filled.clone();
        less.retain(|(other, _)| other != name);
        let optional = ["ENTRADA_BASE_URL", "FUNCTIONS_WORKER_RUNTIME"];
        assert_eq!(load(&less).is_ok(), optional.contains(name), "{name}");
    }
}

#[test]
fn a_file_and_loopback_addresses_are_refused_on_azure() {
    let faults = load(&minimal(&[
        ("WEBSITE_POD_NAME", "pod-1"),
        ("ENTRADA_AUTHORITY", "https://localhost:7073"),
        ("ENTRADA_BASE_URL", "https://entrada.example"),
    ]))
    .unwrap_err();
    assert_eq!(
        faults.names().collect::<Vec<_>>(),
        ["ENTRADA_AUTHORITY", "ENTRADA_STORAGE"]
    );
}

#[test]
fn the_functions_host_decides_the_port() {
    let (settings, _) = load(&minimal(&[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "40123"),
        ("ENTRADA_PORT", "1"),
    ]))
    .unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:40123");
}

#[test]
fn nothing_listens_past_the_functions_host() {
    let host = ("FUNCTIONS_CUSTOMHANDLER_PORT", "40123");
    for address in ["0.0.0.0", "10.0.0.4", "::", "::1", "127.0.0.2"] {
        let faults = load(&minimal(&[host, ("ENTRADA_ADDRESS", address)])).unwrap_err();
        let names: Vec<_> = faults.names().collect();
        assert_eq!(names, ["ENTRADA_ADDRESS"], "{address}");
        let (settings, _) = load(&minimal(&[("ENTRADA_ADDRESS", address)])).unwrap();
        assert_eq!(settings.listen.ip().to_string(), address);
    }
    let (settings, _) = load(&minimal(&[host, ("ENTRADA_ADDRESS", "127.0.0.1")])).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:40123");
}

#[test]
fn wrapped_calls_are_taken_from_a_functions_host_and_in_development() {
    let takes = |more: &[(&str, &str)], development| {
        let values = minimal(more);
        let environment = FixedEnvironment::new(values.iter().copied());
        let (settings, _) = Settings::load(&environment, development).unwrap();
        settings.takes_wrapped_calls()
    };
    let host = [("FUNCTIONS_CUSTOMHANDLER_PORT", "40123")];
    assert!(takes(&host, false) && takes(&[], true));
    let proxy = [("ENTRADA_CLIENT_IP_HEADER", "x-real-ip")];
    assert!(!takes(&[], false) && !takes(&proxy, false));
}

#[test]
fn settings_never_print_a_secret() {
    let (settings, _) = load(&minimal(&[("ENTRADA_CLIENT_SECRET", "hunter2")])).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn weather_is_real_but_in_development_unless_somebody_says_otherwise() {
    let weather = |more: &[(&str, &str)], development| {
        let values = minimal(more);
        let environment = FixedEnvironment::new(values.iter().copied());
        Settings::load(&environment, development).map(|(settings, _)| settings.weather)
    };
    let Ok(WeatherSettings::OpenMeteo {
        forecast,
        geocoding,
    }) = weather(&[], false)
    else {
        panic!("no Open-Meteo by default");
    };
    assert_eq!(forecast.as_str(), "https://api.open-meteo.com/");
    assert_eq!(geocoding.as_str(), "https://geocoding-api.open-meteo.com/");
    assert_eq!(weather(&[], true).unwrap(), WeatherSettings::Example);
    let chosen = weather(&[("ENTRADA_WEATHER", "example")], false);
    assert_eq!(chosen.unwrap(), WeatherSettings::Example);
    let own = ("ENTRADA_WEATHER_URL", "http://weather.example");
    for (more, name) in [
        (("ENTRADA_WEATHER", "guess"), "ENTRADA_WEATHER"),
        (own, "ENTRADA_WEATHER_URL"),
    ] {
        let faults = weather(&[more], false).unwrap_err();
        assert_eq!(faults.names().collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn secrets_come_from_one_place_that_is_named() {
    let name = |values: &[(&str, &str)]| {
        let faults = load(&minimal(values)).unwrap_err();
        faults.names().map(str::to_owned).collect::<Vec<_>>()
    };
    let both = [
        ("ENTRADA_CLIENT_SECRET", "secret"),
        ("ENTRADA_CLIENT_CERTIFICATE", "app.pem"),
    ];
    assert_eq!(name(&both), ["ENTRADA_CLIENT_CERTIFICATE"]);
    for vault in [
        "https://kv.vault.azure.net/secrets",
        "http://kv.example",
        "kv",
    ] {
        let names = name(&[("ENTRADA_KEY_VAULT_URL", vault)]);
        assert_eq!(names, ["ENTRADA_KEY_VAULT_URL"], "{vault}");
    }
    let identity = [("ENTRADA_IDENTITY_CLIENT_ID", "entrada-identity")];
    assert_eq!(name(&identity), ["ENTRADA_IDENTITY_CLIENT_ID"]);
    let (settings, _) = load(&minimal(&[])).unwrap();
    assert!(settings.secrets.key_ring.is_none() && settings.secrets.client_secret.is_none());
}
