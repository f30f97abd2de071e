use axum::http::StatusCode;
use axum::response::Response;

use super::{escape, page};
use crate::directory::{Application, Persona, Scope};

/// What the consent page shows.
pub(in super::super) struct ConsentPage<'a> {
    /// Address of the form.
    pub(in super::super) action: String,
    /// The sealed request and session.
    pub(in super::super) context: String,
    pub(in super::super) client: &'static Application,
    pub(in super::super) persona: &'static Persona,
    /// What is asked for.
    pub(in super::super) scopes: &'a [(&'static Application, &'static Scope)],
    /// Some of it is above this person, who can only go back.
    pub(in super::super) needs_administrator: bool,
}

/// The page that asks for consent, or says that an administrator must give it.
pub(in super::super) fn consent(shown: &ConsentPage<'_>) -> Response {
    let (heading, buttons) = if shown.needs_administrator {
        (
            "Need admin approval",
            "<button class=\"primary\" name=\"decision\" value=\"leave\">Return to the application \
             without approval</button>",
        )
    } else {
        (
            "Permissions requested",
            "<button class=\"primary\" name=\"decision\" value=\"accept\">Accept</button>\n\
             <button class=\"secondary\" name=\"decision\" value=\"cancel\">Cancel</button>",
        )
    };
    let permissions: Vec<String> = shown
        .scopes
        .iter()
        .map(|(resource, scope)| {
            format!(
                "<li>{}<span class=\"upn\">{} on {}</span></li>\n",
                escape(scope.description),
                escape(scope.name),
                escape(resource.name)
            )
        })
        .collect();
    let permissions = if permissions.is_empty() {
        "<li>Nothing new</li>\n".to_owned()
    } else {
        permissions.concat()
    };
    let main = format!(
        "<p class=\"upn\">{upn}</p>\n<h1>{heading}</h1>\n\
         <p class=\"lead\"><strong>{client}</strong> would like to:</p>\n\
         <ul class=\"permissions\">\n{permissions}</ul>\n\
         <form method=\"post\" action=\"{action}\" class=\"decision\">\n\
         <input type=\"hidden\" name=\"context\" value=\"{context}\">\n{buttons}\n</form>",
        upn = escape(shown.persona.user_principal_name),
        client = escape(shown.client.name),
        action = escape(&shown.action),
        context = escape(&shown.context),
    );
    page(StatusCode::OK, heading, &main)
}
