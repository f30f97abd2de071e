use std::path::Path;
use std::sync::Arc;

use entrada::identity::KeyRing;
use entrada_ambient::{Clock, SystemRandom};
use entrada_stand_ins::directory::{CLIENT_ID, CLIENT_SECRET, CONTOSO};
use entrada_stand_ins::{StandInOptions, StandIns, TokenRequest};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::connection::Call;
use crate::error::Error;
use crate::server::Subject;

/// Starts what the handler needs from outside; only its start asks for it.
pub(crate) async fn stand_ins(clock: &Arc<dyn Clock>) -> Result<StandIns, Error> {
    let options = StandInOptions::new(clock.clone(), Arc::new(SystemRandom));
    entrada_stand_ins::start(options)
        .await
        .map_err(Error::preparing("the stand-ins"))
}

/// The handler as it is packaged: sign-in by Entra tokens, roles, audit, storage
/// in a file, and limits that one caller, who makes every call, does not meet.
pub(crate) fn entrada(
    program: &Path,
    folder: &Path,
    stand_ins: &StandIns,
    clock: &dyn Clock,
) -> Result<Subject, Error> {
    let certificate = folder.join("ca.pem");
    std::fs::write(&certificate, stand_ins.ca_pem()).map_err(Error::io("the CA's certificate"))?;
    let ring = KeyRing::generate(clock, &SystemRandom).map_err(Error::preparing("a key ring"))?;
    let token = stand_ins
        .mint(&TokenRequest::for_persona("reader"))
        .map_err(Error::preparing("a token"))?;
    let authority = stand_ins.https_url();
    Ok(Subject {
        name: "Entrada",
        program: program.to_path_buf(),
        environment: vec![
            ("SSL_CERT_FILE", certificate.display().to_string()),
            (
                "ENTRADA_AUTHORITY",
                authority.as_str().trim_end_matches('/').to_owned(),
            ),
            ("ENTRADA_TENANT_ID", CONTOSO.to_string()),
            ("ENTRADA_CLIENT_ID", CLIENT_ID.to_string()),
            ("ENTRADA_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("ENTRADA_KEY_RING", ring.expose_secret().to_owned()),
            (
                "ENTRADA_STORAGE",
                format!("file:{}", folder.join("entrada.redb").display()),
            ),
            ("ENTRADA_WEATHER", "example".to_owned()),
            ("ENTRADA_REQUESTS_PER_MINUTE", "1000000000".to_owned()),
        ],
        tools_call: tools_call(Some(&token)),
        tools_list: tools_list(Some(&token)),
    })
}

/// The same with agents of Foundry's.
pub(crate) fn chatting(
    entrada: &Subject,
    folder: &Path,
    stand_ins: &StandIns,
) -> Result<Subject, Error> {
    let write = |name: &str, content: Value| {
        let path = folder.join(name);
        std::fs::write(&path, content.to_string()).map_err(Error::io("agents and policy"))?;
        Ok(path.display().to_string())
    };
    let list = json!({"agents": [{"id": "assistant"}, {"id": "slow"}]});
    let agents = write("agents.json", list)?;
    let policy = json!({
        "tools": {"Task.Read": ["read"]},
        "agents": {"assistant": ["Task.Read"], "slow": ["Task.Read"]},
    });
    let policy = write("policy.json", policy)?;
    let project = stand_ins.https_url().join("foundry/api/projects/demo");
    let project = project.map_err(Error::preparing("Foundry's address"))?;
    let mut chatting = entrada.clone();
    chatting.environment.extend([
        ("ENTRADA_FOUNDRY_ENDPOINT", project.to_string()),
        ("ENTRADA_AGENTS", agents),
        ("ENTRADA_POLICY", policy),
    ]);
    Ok(chatting)
}

/// The yardstick.
pub(crate) fn bare(program: &Path) -> Subject {
    Subject {
        name: "bare rmcp",
        program: program.to_path_buf(),
        environment: Vec::new(),
        tools_call: tools_call(None),
        tools_list: tools_list(None),
    }
}

fn tools_call(token: Option<&str>) -> Call {
    let params = json!({"name": "get_weather", "arguments": {"city": "Lisbon"}});
    Call::mcp("tools/call", &params, token)
}

fn tools_list(token: Option<&str>) -> Call {
    Call::mcp("tools/list", &json!({}), token)
}
