//! What the signed-in find of themselves.

use super::operation::Operation;
use super::schemas::Schemas;
use crate::auth::me::Me;
use crate::auth::my_grants::GrantList;

const TAG: &str = "account";

pub(super) fn all() -> Vec<Operation> {
    let me = "The caller's profile, and the roles that count here.";
    let grants = "The caller's sign-ins that are in use, used last first.";
    let end = "Ends one of the caller's sign-ins.";
    vec![
        Operation::new("get", "/api/auth/me", "me", TAG, me)
            .signed_in()
            .gives(200, "The profile.", Schemas::gives::<Me>),
        Operation::new("get", "/api/grants", "list_grants", TAG, grants)
            .signed_in()
            .gives(200, "The sign-ins.", Schemas::gives::<GrantList>),
        Operation::new("delete", "/api/grants/{id}", "end_grant", TAG, end)
            .path_part("id", "The sign-in's id.")
            .signed_in()
            .gives_nothing(204, "Its tokens are refused everywhere within seconds.")
            .refused(400, "The path cannot be read.")
            .refused(404, "The caller has no such sign-in."),
    ]
}
