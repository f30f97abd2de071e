use axum::http::StatusCode;
use axum::response::Response;

use super::{escape, page};
use crate::directory::{self, Application, Persona};

/// What the sign-in page shows.
pub(in super::super) struct SignInPage {
    /// Address of the form.
    pub(in super::super) action: String,
    /// The sealed request.
    pub(in super::super) context: String,
    pub(in super::super) client: &'static Application,
    /// Whose accounts may sign in.
    pub(in super::super) authority: &'static str,
    /// The accounts, with the app roles that each has now.
    pub(in super::super) personas: Vec<(&'static Persona, Vec<String>)>,
    /// The account that the client expects.
    pub(in super::super) hint: Option<&'static Persona>,
    /// The client asked for a stronger sign-in.
    pub(in super::super) stronger: bool,
    pub(in super::super) error: Option<String>,
}

/// The sign-in page: one button for each account, and one to go back without.
pub(in super::super) fn sign_in(shown: &SignInPage) -> Response {
    let mut main = vec![format!(
        "<h1>Sign in</h1>\n<p class=\"lead\">to continue to <strong>{}</strong></p>\n",
        escape(shown.client.name)
    )];
    if let Some(error) = &shown.error {
        main.push(format!(
            "<p class=\"error\" role=\"alert\">{}</p>\n",
            escape(error)
        ));
    }
    if shown.stronger {
        main.push(
            "<p class=\"hint\">The application asks for additional verification. Choosing an \
             account counts as that.</p>\n"
                .to_owned(),
        );
    }
    main.push(format!(
        "<form method=\"post\" action=\"{}\">\n\
         <input type=\"hidden\" name=\"context\" value=\"{}\">\n",
        escape(&shown.action),
        escape(&shown.context)
    ));
    main.extend(groups(shown));
    if shown.personas.is_empty() {
        main.push(format!(
            "<p class=\"hint\">Nobody can sign in at <em>{}</em>.</p>\n",
            escape(shown.authority)
        ));
    }
    main.push(
        "<div class=\"decision\"><button class=\"secondary\" name=\"decision\" \
         value=\"cancel\">Cancel</button></div>\n</form>"
            .to_owned(),
    );
    page(StatusCode::OK, "Sign in", &main.concat())
}

/// The account that the client expects, then the others by tenant.
fn groups(shown: &SignInPage) -> Vec<String> {
    let (expected, others): (Vec<_>, Vec<_>) = shown
        .personas
        .iter()
        .partition(|(persona, _)| shown.hint == Some(persona));
    let mut groups = Vec::new();
    if !expected.is_empty() {
        groups.push(group("Expected by the application", &expected, true));
    }
    for tenant in directory::tenants() {
        let members: Vec<_> = others
            .iter()
            .copied()
            .filter(|(persona, _)| persona.tenant == tenant.id)
            .collect();
        if !members.is_empty() {
            groups.push(group(tenant.name, &members, false));
        }
    }
    groups
}

fn group(title: &str, members: &[&(&'static Persona, Vec<String>)], focus: bool) -> String {
    let buttons: String = members
        .iter()
        .map(|(persona, roles)| button(persona, roles, focus))
        .collect();
    format!(
        "<fieldset>\n<legend>{}</legend>\n{buttons}</fieldset>\n",
        escape(title)
    )
}

fn button(persona: &Persona, roles: &[String], focus: bool) -> String {
    let initials: String = persona
        .display_name
        .split(' ')
        .filter_map(|word| word.chars().next())
        .collect();
    let roles: String = if roles.is_empty() {
        "<span class=\"role none\">no role</span>".to_owned()
    } else {
        roles
            .iter()
            .map(|role| format!("<span class=\"role\">{}</span>", escape(role)))
            .collect::<Vec<_>>()
            .concat()
    };
    let focus = if focus { " autofocus" } else { "" };
    format!(
        "<button class=\"account\" name=\"persona\" value=\"{name}\"{focus}>\
         <span class=\"avatar\" aria-hidden=\"true\">{initials}</span>\
         <span class=\"who\"><span class=\"name\">{display}</span>\
         <span class=\"upn\">{upn}</span>\
         <span class=\"about\">{about}</span></span>\
         <span class=\"roles\">{roles}</span></button>\n",
        name = escape(persona.name),
        initials = escape(&initials),
        display = escape(persona.display_name),
        upn = escape(persona.user_principal_name),
        about = escape(persona.description),
    )
}
