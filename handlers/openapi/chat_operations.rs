//! Agents, sessions, turns.

use super::operation::Operation;
use super::schemas::Schemas;
use crate::chat::shapes::{
    Agents, ChatRequest, MessagesQuery, NewSession, Rename, SessionAnswer, SessionWithMessages,
    Sessions, SessionsQuery,
};
use crate::chat::{Agent, Answer};

const TAG: &str = "chat";
const SESSION: &str = "The session's id.";
const NO_SESSION: &str = "There is no such session, or it is somebody else's.";
const AGENT_UNAVAILABLE: &str =
    "The agent is turned off in Foundry, or not there (`AGENT_UNAVAILABLE`).";

pub(super) fn all() -> Vec<Operation> {
    vec![
        list_agents(),
        read_agent(),
        list_sessions(),
        create_session(),
        read_session(),
        rename_session(),
        delete_session(),
        chat(),
    ]
}

fn list_agents() -> Operation {
    let summary = "The agents that the caller may use.";
    Operation::new("get", "/api/agents", "list_agents", TAG, summary)
        .signed_in()
        .gives(200, "The agents.", Schemas::gives::<Agents>)
}

fn read_agent() -> Operation {
    Operation::new("get", "/api/agents/{id}", "read_agent", TAG, "One agent.")
        .path_part("id", "The agent's id.")
        .signed_in()
        .gives(200, "The agent.", Schemas::gives::<Agent>)
        .refused(400, "The path cannot be read.")
        .refused(404, "There is no such agent for the caller.")
        .refused(409, AGENT_UNAVAILABLE)
}

fn list_sessions() -> Operation {
    let summary = "The caller's sessions, newest first.";
    Operation::new("get", "/api/sessions", "list_sessions", TAG, summary)
        .query(Schemas::query::<SessionsQuery>)
        .signed_in()
        .gives(200, "A page of sessions.", Schemas::gives::<Sessions>)
        .refused(400, "The query is not sound.")
}

fn create_session() -> Operation {
    let summary = "Makes a session with an agent.";
    Operation::new("post", "/api/sessions", "create_session", TAG, summary)
        .signed_in()
        .takes(Schemas::takes::<NewSession>)
        .gives(201, "The session.", Schemas::gives::<SessionAnswer>)
        .refused(404, "There is no such agent for the caller.")
        .refused(409, AGENT_UNAVAILABLE)
}

fn read_session() -> Operation {
    let summary = "A session and its messages, oldest first.";
    Operation::new("get", "/api/sessions/{id}", "read_session", TAG, summary)
        .path_part("id", SESSION)
        .query(Schemas::query::<MessagesQuery>)
        .signed_in()
        .gives(
            200,
            "The session and a page of its messages.",
            Schemas::gives::<SessionWithMessages>,
        )
        .refused(400, "The query is not sound.")
        .refused(404, NO_SESSION)
}

fn rename_session() -> Operation {
    let summary = "Gives a session another title.";
    Operation::new(
        "patch",
        "/api/sessions/{id}",
        "rename_session",
        TAG,
        summary,
    )
    .path_part("id", SESSION)
    .signed_in()
    .takes(Schemas::takes::<Rename>)
    .gives(200, "The session.", Schemas::gives::<SessionAnswer>)
    .refused(404, NO_SESSION)
}

fn delete_session() -> Operation {
    let summary = "Deletes a session and all its messages.";
    Operation::new(
        "delete",
        "/api/sessions/{id}",
        "delete_session",
        TAG,
        summary,
    )
    .path_part("id", SESSION)
    .signed_in()
    .gives_nothing(204, "It is gone.")
    .refused(400, "The path cannot be read.")
    .refused(404, NO_SESSION)
}

fn chat() -> Operation {
    let summary = "Says something in a session, and answers what the agent says: as a whole, or \
                   with `Accept: text/event-stream` as it comes.";
    Operation::new("post", "/api/chat", "chat", TAG, summary)
        .header(
            "Last-Event-ID",
            "With `Accept: text/event-stream`: goes on after that event of a stream that broke \
             off, and says nothing.",
        )
        .signed_in()
        .takes(Schemas::takes::<ChatRequest>)
        .gives_or_streams("What the agent says.", Schemas::gives::<Answer>)
        .refused(
            401,
            "The token is missing, not good, or was revoked; or the sign-in behind it has ended, \
             or Microsoft Entra ID wants the claims that `WWW-Authenticate` names.",
        )
        .refused(
            403,
            "The token lacks the scope, or chat does not serve the caller; Foundry does not let \
             the caller use the agent (`AGENT_FORBIDDEN`); or Microsoft Entra ID wants something \
             of the person first (`CONSENT_REQUIRED`, `INTERACTION_REQUIRED`), with `step_up_url` \
             for who signed in here.",
        )
        .refused(
            404,
            "There is no such session or agent for the caller, nothing of the answer that \
             `Last-Event-ID` names is left (`MESSAGE_NOT_FOUND`), or no agents' service at all \
             (`CHAT_NOT_CONFIGURED`).",
        )
        .refused(
            409,
            "Another answer is being written in the session, no such approval is waited for, or \
             the agent is turned off in Foundry, or not there (`AGENT_UNAVAILABLE`).",
        )
        .refused(502, "The agents' service refused, or broke off.")
}
