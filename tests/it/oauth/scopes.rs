//! A missing scope is the one thing that is 403.

use entrada::identity::{Audience, Door, TokenTerms};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_entra::SubjectKind;
use entrada_stand_ins::directory::CONTOSO;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::rig::Rig;

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_to_ask_for() {
    let rig = Rig::start().await;
    let token = |scope: &str| {
        let issued = rig.own_tokens().issue(TokenTerms {
            tenant_id: CONTOSO,
            object_id: Uuid::from_u128(7),
            name: None,
            email: None,
            roles: vec!["Task.Read".to_owned()],
            client_id: "somebody".to_owned(),
            grant_id: Uuid::from_u128(8),
            audience: Audience::only(Door::Mcp),
            scope: scope.to_owned(),
            kind: SubjectKind::User,
            signed_in_at: SystemClock::new().unix(),
            expires_at: SystemClock::new().unix() + 60,
        });
        issued.unwrap().expose_secret().to_owned()
    };
    assert_eq!(rig.get("/mcp/tools", &token("mcp")).await.0, 200);
    let request = rig
        .http
        .get(rig.url("/mcp/tools"))
        .bearer_auth(token("other"));
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with("Bearer error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"mcp\""), "{challenge}");
    assert!(challenge.contains("resource_metadata=\""), "{challenge}");
}
