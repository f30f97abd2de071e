//! Many people behind one address, with the limits that a server has when
//! nobody sets any.

use serde_json::json;

use crate::rig::{Person, Rig, by_address};

const DEFAULT: (&str, &str) = ("ENTRADA_REQUESTS_PER_MINUTE", "100");

#[tokio::test]
async fn a_hundred_people_behind_one_address_sign_in_at_a_front_end() {
    let rig = Rig::with(&[by_address(), DEFAULT]).await;
    // Every step insists on its proper answer, so none is a 429.
    for batch in 0..10 {
        let people = (0..10).map(|_| async { Person::new(&rig, "reader").tokens().await });
        let tokens = futures::future::join_all(people).await;
        assert_eq!(tokens.len(), 10, "batch {batch}");
    }
}

/// The requests of an MCP client's sign-in, one after the other: being asked
/// for a token, registering, asking for authorization, the consent page and
/// its answer, the return from Entra, the token. What each answers is
/// another test's business; here it is that none is one too many.
#[tokio::test]
async fn a_hundred_mcp_clients_behind_one_address_ask_all_that_a_sign_in_needs() {
    let rig = Rig::with(&[by_address(), DEFAULT]).await;
    let sign_in = async |person: usize| {
        let (get, post) = (
            |path| rig.http.get(rig.url(path)),
            |path| rig.http.post(rig.url(path)),
        );
        let registration = json!({
            "client_name": format!("client {person}"),
            "redirect_uris": ["http://127.0.0.1:33418/callback"],
            "token_endpoint_auth_method": "none",
        });
        let registered = post("/register").json(&registration).send().await;
        assert_eq!(registered.unwrap().status(), 201);
        for request in [
            get("/mcp"),
            get("/authorize"),
            get("/consent"),
            post("/consent"),
            get("/auth/callback"),
            post("/token"),
        ] {
            let answer = request.send().await.unwrap();
            assert_ne!(answer.status(), 429, "{}", answer.url());
        }
    };
    for batch in 0..10 {
        futures::future::join_all((0..10).map(|person| sign_in(batch * 10 + person))).await;
    }
}
