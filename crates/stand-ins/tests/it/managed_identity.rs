use entrada_stand_ins::directory::{
    IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_OBJECT_ID,
};

use crate::harness::{Answer, Entra};

async fn asked(entra: &Entra, who: &str) -> Answer {
    let url = format!(
        "{}?api-version=2019-08-01&resource=https://vault.azure.net{who}",
        entra.stand_ins.identity_endpoint()
    );
    let request = entra
        .http
        .get(url)
        .header("x-identity-header", IDENTITY_HEADER);
    entra.send(request).await
}

/// The site has a user-assigned identity and no other.
#[tokio::test]
async fn only_the_identity_that_is_assigned_gets_a_token_and_only_by_its_name() {
    let entra = Entra::start().await;
    for who in [
        format!("&client_id={MANAGED_IDENTITY_CLIENT_ID}"),
        format!("&principal_id={MANAGED_IDENTITY_OBJECT_ID}"),
    ] {
        let answer = asked(&entra, &who).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let other = format!("&client_id={MANAGED_IDENTITY_OBJECT_ID}");
    for (who, why) in [
        ("", "proper Managed Identity"),
        (&other, "No User Assigned"),
    ] {
        let answer = asked(&entra, who).await;
        assert_eq!(answer.status, 400, "{who}");
        assert!(answer.text.contains(why), "{}", answer.text);
    }
}
