//! What every server of the rig is set.

use entrada_stand_ins::StandIns;
use tempfile::TempDir;

use super::Storage;

pub(super) fn environment(
    stand_ins: &StandIns,
    folder: &TempDir,
    storage: &Storage,
    key_ring: &str,
    settings: &[(String, String)],
) -> Vec<(String, String)> {
    use entrada_stand_ins::directory::{CLIENT_ID, CLIENT_SECRET, CONTOSO};
    let https = stand_ins.https_url();
    let https = https.as_str().trim_end_matches('/');
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut environment: Vec<(String, String)> = [
        ("SSL_CERT_FILE", file("ca.pem")),
        ("ENTRADA_AUTHORITY", https.to_owned()),
        ("ENTRADA_TENANT_ID", CONTOSO.to_string()),
        ("ENTRADA_CLIENT_ID", CLIENT_ID.to_string()),
        ("ENTRADA_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("ENTRADA_STORAGE", storage.setting()),
        ("ENTRADA_KEY_RING", key_ring.to_owned()),
        ("ENTRADA_POLICY", file("policy.json")),
        ("ENTRADA_AGENTS", file("agents.json")),
        (
            "ENTRADA_FOUNDRY_ENDPOINT",
            format!("{https}/foundry/api/projects/demo"),
        ),
        (
            "ENTRADA_REDIRECT_URIS",
            "http://localhost:5173/signed-in".to_owned(),
        ),
        ("ENTRADA_GRAPH_URL", format!("{https}/graph")),
        ("ENTRADA_WEATHER", "example".to_owned()),
        ("ENTRADA_REQUESTS_PER_MINUTE", "off".to_owned()),
        ("ENTRADA_LOG", "debug".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    environment.extend(settings.iter().cloned());
    environment
}
