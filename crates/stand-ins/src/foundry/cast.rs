use std::time::Duration;

use serde_json::{Value, json};

use super::caller::Caller;
use super::composer::{Call, Composer, Composition};
use super::control::{Behaviour, ConsentShape};

/// The MCP server whose tools the agents call.
const SERVER: &str = "github";

/// The name of the tool that changes something.
const DANGEROUS: &str = "delete_issue";

/// What an agent knows when it answers.
pub(super) struct Scene<'a> {
    pub(super) caller: &'a Caller,
    /// What the user said last.
    pub(super) said: &'a str,
    /// Which turn this is, from 1.
    pub(super) turn: usize,
    /// The user's answer to an approval request: its id, and whether.
    pub(super) approval: Option<(&'a str, bool)>,
    /// Whether the user consented to the tool.
    pub(super) consented: bool,
    /// Where the user would consent.
    pub(super) consent_link: &'a str,
    pub(super) behaviour: &'a Behaviour,
}

/// Lets an agent answer. `agent` is `None` for the bare model, which does as
/// `assistant` does.
pub(super) fn play(
    agent: Option<&str>,
    scene: &Scene<'_>,
    mut composer: Composer<'_>,
) -> Composition {
    match agent {
        Some("researcher") => research(scene, &mut composer),
        Some("consenter") if !scene.consented => return ask_consent(scene, composer),
        Some("consenter") => use_tool(scene, &mut composer),
        Some("approver") => approve(scene, &mut composer),
        Some("slow") => count(scene.behaviour, &mut composer),
        Some("huge") => run_on(scene.behaviour, &mut composer),
        Some("failing") => return fail(composer),
        _ => say(&mut composer, &introduction(scene)),
    }
    composer.end("completed", Value::Null)
}

/// Who asked, by the token, and what.
fn introduction(scene: &Scene<'_>) -> String {
    let Caller {
        object_id,
        tenant,
        name,
        user_principal_name,
        is_application: _,
    } = scene.caller;
    format!(
        "Turn {}: {name} ({user_principal_name}, {object_id} of {tenant}) said: {}",
        scene.turn, scene.said
    )
}

/// Says a text word by word.
fn say(composer: &mut Composer<'_>, text: &str) {
    composer.message(text.split_inclusive(' '), Duration::ZERO);
}

fn research(scene: &Scene<'_>, composer: &mut Composer<'_>) {
    composer.mcp_list(SERVER, "search_issues");
    composer.mcp_call(&Call {
        server_label: SERVER,
        name: "search_issues",
        arguments: json!({"query": scene.said}),
        output: "3 issues",
        approval_request_id: None,
    });
    say(composer, &format!("I found 3 issues about: {}", scene.said));
}

fn use_tool(scene: &Scene<'_>, composer: &mut Composer<'_>) {
    composer.mcp_call(&Call {
        server_label: SERVER,
        name: "list_repositories",
        arguments: json!({}),
        output: "2 repositories",
        approval_request_id: None,
    });
    say(composer, &format!("With your consent, {}.", scene.said));
}

fn ask_consent(scene: &Scene<'_>, mut composer: Composer<'_>) -> Composition {
    let item = json!({
        "type": "oauth_consent_request",
        "id": composer.id("oauthreq"),
        "consent_link": scene.consent_link,
        "server_label": SERVER,
        "response_id": composer.response_id(),
    });
    let shape = scene.behaviour.consent_shape;
    let has = |one: ConsentShape| shape == ConsentShape::All || shape == one;
    if has(ConsentShape::Added) {
        composer.item_added(&item);
    }
    if has(ConsentShape::Event) {
        let mut event = item.clone();
        if let Some(members) = event.as_object_mut() {
            members.remove("type");
        }
        composer.event("response.oauth_consent_requested", &event);
    }
    match shape {
        ConsentShape::All => composer.item_done(item),
        ConsentShape::Output => composer.silent_item(item),
        ConsentShape::Done => {
            composer.item_done(item);
            composer.forget_output();
        }
        ConsentShape::Added | ConsentShape::Event => {}
    }
    if scene.behaviour.consent_incomplete {
        let details = json!({"incomplete_details": {"reason": "content_filter"}});
        return composer.end("incomplete", details);
    }
    composer.end("completed", Value::Null)
}

fn approve(scene: &Scene<'_>, composer: &mut Composer<'_>) {
    match scene.approval {
        None => {
            let request = json!({
                "type": "mcp_approval_request",
                "id": composer.id("mcpr"),
                "server_label": SERVER,
                "name": DANGEROUS,
                "arguments": json!({"issue": scene.said}).to_string(),
            });
            composer.item_added(&request);
            composer.item_done(request);
        }
        Some((request, true)) => {
            composer.mcp_call(&Call {
                server_label: SERVER,
                name: DANGEROUS,
                arguments: json!({}),
                output: "deleted",
                approval_request_id: Some(request),
            });
            say(composer, "Done, as you approved.");
        }
        Some((_, false)) => say(composer, "Then I leave it alone."),
    }
}

fn count(behaviour: &Behaviour, composer: &mut Composer<'_>) {
    let words: Vec<String> = (1..=behaviour.slow_words)
        .map(|number| format!("{number} "))
        .collect();
    let pause = Duration::from_millis(behaviour.slow_pause_ms);
    composer.message(words.iter().map(String::as_str), pause);
}

fn run_on(behaviour: &Behaviour, composer: &mut Composer<'_>) {
    /// Bytes of one piece.
    const PIECE: usize = 4096;
    let piece = "0123456789abcde ".repeat(PIECE / 16);
    let pieces = (0..behaviour.huge_bytes).step_by(PIECE).map(|at| {
        let length = (behaviour.huge_bytes - at).min(PIECE);
        piece.get(..length).unwrap_or_default()
    });
    composer.message(pieces, Duration::ZERO);
}

fn fail(mut composer: Composer<'_>) -> Composition {
    say(&mut composer, "I was about to");
    let error = json!({"code": "server_error", "message": "The model failed on purpose."});
    composer.end("failed", json!({"error": error, "usage": null}))
}
