//! What is kept of arguments, and what is not.

use serde_json::json;

use super::*;

const SECRET: &str = "hunter2-is-not-here";

fn kept(value: &Value) -> String {
    arguments(value.as_object().unwrap()).to_string()
}

#[test]
fn values_with_secret_names_are_not_kept() {
    for name in [
        "password",
        "Password",
        "userPassword",
        "client_secret",
        "CLIENT-SECRET",
        "clientSecret",
        "token",
        "access_token",
        "refreshTokens",
        "key",
        "api_key",
        "apiKey",
        "APIKEY",
        "x-api-key",
        "private_key",
        "auth",
        "Authorization",
        "credential",
        "credentials",
        "code",
        "auth_code",
        "assertion",
        "client_assertion",
        "pwd",
        "connectionString",
        "cookie",
        "code_verifier",
    ] {
        for value in [
            json!({name: SECRET}),
            json!({"outer": [{"inner": {name: SECRET}}]}),
            json!({name: {"deep": [SECRET]}}),
            json!({"inside": json!({name: SECRET}).to_string()}),
        ] {
            let text = kept(&value);
            assert!(!text.contains(SECRET), "{name}: {text}");
            assert!(text.contains(REDACTED), "{name}: {text}");
        }
    }
}

#[test]
fn values_with_the_shape_of_a_secret_are_not_kept() {
    for secret in [
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "d41d8cd98f00b204e9800998ecf8427e",
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
        // A client secret of Entra ID, an access key of AWS, tokens of GitHub,
        // Slack and Google.
        "aBc8Q~dEfGhIjKlMnOpQrStUvWxYz.aBcDeFgHiJ",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-2444333222111-1KdFv4o3ZpQ8x7sT9aWmR2bL",
        "AIzaSyD4iE2xVSpkLLOXoyqT-RuPwURN3ddScAI",
    ] {
        for text in [
            secret.to_owned(),
            format!("see {secret} there"),
            format!("Authorization: Bearer {secret}"),
        ] {
            let kept = kept(&json!({"note": text}));
            assert!(!kept.contains(&secret[..20]), "{kept}");
        }
    }
    for (text, secret) in [
        (
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2hvcnQ=;E=1",
            "c2hvcnQ",
        ),
        ("https://a.example/?sv=1&sig=abc%2Bdef&x=1", "abc%2Bdef"),
        ("https://anna:swordfish@a.example/x", "swordfish"),
        (
            "Endpoint=sb://a.example/;SharedAccessKeyName=Root;SharedAccessKey=c2hvcnQ=",
            "c2hvcnQ",
        ),
        (
            "Server=db;User Id=anna;Password=swordfish;Encrypt=True",
            "swordfish",
        ),
        ("Server=db;Uid=anna;Pwd=swordfish", "swordfish"),
        ("SharedAccessSignature sr=a&sig=abc%2Bdef&se=1", "abc%2Bdef"),
        ("https://a.example/api/run?code=swordfish==", "swordfish"),
        (
            "InstrumentationKey=00000000-1111-2222-3333-444444444444",
            "444444",
        ),
        ("Cookie: session=swordfish; theme=dark", "swordfish"),
        ("Cookie: a=b; other=swordfish", "swordfish"),
        (
            "authorization: Digest username=\"anna\", response=\"swordfish\"",
            "swordfish",
        ),
        ("redis://:swordfish@a.example:6380/0", "swordfish"),
        ("passcode: swordfish", "swordfish"),
        ("x-functions-key: swordfish", "swordfish"),
        ("Bearer abcdef", "abcdef"),
        ("password: swordfish", "swordfish"),
        ("{\"password\": \"swordfish\", ", "swordfish"),
    ] {
        let kept = kept(&json!({"note": text}));
        assert!(!kept.contains(secret), "{kept}");
    }
}

#[test]
fn what_is_no_secret_is_kept() {
    let value = json!({
        "city": "São Paulo", "days": 3, "exact": true, "nothing": null, "limit": 0.5,
        "alert_id": "0199d3a4-5b6c-7d8e-9f00-112233445566",
        "keyword": "storm", "author": "Anna", "monkey": "yes",
        "url": "https://a.example/path?x=1",
        "filters": [{"column": "status", "operator": "eq", "value": "open"}],
    });
    assert_eq!(arguments(value.as_object().unwrap()), value);
    let text = "first\nCookie: a=b\nlast line";
    let text = kept(&json!({"note": text}));
    assert!(
        text.contains("first") && text.contains("last line"),
        "{text}"
    );
}

#[test]
fn text_of_messages_is_never_kept_but_its_length() {
    let text = kept(&json!({"agent": "assistant", "message": "I am ill", "content": ["I am ill"]}));
    assert!(!text.contains("ill"), "{text}");
    assert!(text.contains("[text of 8 characters]") && text.contains("assistant"));
}

proptest::proptest! {
    #[test]
    fn nothing_is_larger_than_four_kibibytes(
        names in proptest::collection::vec("\\PC{0,80}", 0..80),
        texts in proptest::collection::vec("\\PC{0,600}", 1..8),
        depth in 0_usize..30,
    ) {
        let mut value = json!(texts);
        for level in 0..depth {
            value = json!({format!("level{level}\"\\"): value, "beside": texts[0]});
        }
        let mut members = Map::new();
        for (index, name) in names.into_iter().enumerate() {
            members.insert(name, texts[index % texts.len()].clone().into());
        }
        members.insert("nested".to_owned(), value);
        let text = arguments(&members).to_string();
        proptest::prop_assert!(text.len() <= 4096, "{}", text.len());
    }
}
