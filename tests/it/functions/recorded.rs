//! Every post that was recorded from the real MCP extension: what the handler
//! answers, with names and tokens of its own put in.

use serde_json::{Value, json};

use super::{complaint, post};
use crate::rig::Rig;

/// What the host stand-in is compared with too; its folder says what is there.
const POSTS: &str =
    include_str!("../../../crates/functions-host/tests/fixtures/handler_posts.jsonl");

/// The tool whose name is put in: it takes no arguments.
const TOOL: &str = "whoami";

/// A recorded post.
struct Post {
    function: String,
    /// The text that the trigger handed over.
    trigger: String,
    data: Value,
    metadata: Value,
}

fn posts() -> Vec<Post> {
    let mut posts = Vec::new();
    for line in POSTS.lines() {
        let functions: Value = serde_json::from_str(line).unwrap();
        for function in functions["functions"].as_array().unwrap() {
            let function = function.as_str().unwrap();
            let line: Value = serde_json::from_str(&line.replace("$FUNCTION", function)).unwrap();
            posts.push(Post {
                function: function.to_owned(),
                trigger: line["trigger"].as_str().unwrap().to_owned(),
                data: line["data"].clone(),
                metadata: line["metadata"].clone(),
            });
        }
    }
    posts
}

impl Post {
    fn call(&self) -> Value {
        serde_json::from_str(&self.trigger).unwrap()
    }

    /// The `Authorization` that was recorded.
    fn authorization(&self) -> Option<String> {
        let call = self.call();
        let sent = call.pointer("/transport/properties/headers/Authorization");
        sent.map(|sent| sent.as_str().unwrap().to_owned())
    }

    fn arguments(&self) -> Vec<String> {
        let call = self.call();
        let arguments = call["arguments"].as_object().cloned();
        arguments.unwrap_or_default().keys().cloned().collect()
    }

    /// The same post with our tool's name, as the client wrote it, and `token`.
    /// The text is changed as text: numbers stay as they were written.
    fn put_in(mut self, token: &str) -> Self {
        if let Some(name) = self.call()["name"].as_str() {
            let own = if name == name.to_uppercase() {
                TOOL.to_uppercase()
            } else {
                TOOL.to_owned()
            };
            self.trigger = self.trigger.replacen(name, &own, 1);
            assert_eq!(self.call()["name"], own);
        }
        self.trigger = match self.authorization() {
            Some(sent) => self.trigger.replace(&sent, &format!("Bearer {token}")),
            None => self.trigger.replace(
                r#""headers":{"#,
                &format!(r#""headers":{{"AUTHORIZATION":"Bearer {token}","#),
            ),
        };
        self
    }

    /// The body, as the host makes it.
    fn body(&self) -> String {
        let (mut data, mut metadata) = (self.data.clone(), self.metadata.clone());
        let context = Value::from(self.trigger.as_str()).to_string();
        data["context"] = json!(context);
        metadata["context"] = json!(context);
        metadata["sys"] = json!({
            "MethodName": self.function,
            "UtcNow": "2026-11-21T06:55:51.3920454Z",
            "RandGuid": "35bfd53e-d4ac-4543-8af8-49901c92d2c4",
        });
        json!({"Data": data, "Metadata": metadata}).to_string()
    }
}

#[tokio::test]
async fn every_recorded_post_is_refused_with_the_token_of_its_recording() {
    let rig = Rig::start().await;
    let (mut with, mut without) = (0, 0);
    for sent in posts() {
        let answer = post(&rig, TOOL, sent.body()).await;
        let text = complaint(&answer);
        assert!(text.contains("Not let in"), "{}: {text}", sent.trigger);
        let reason = if sent.authorization().is_some() {
            with += 1;
            "the token is malformed"
        } else {
            without += 1;
            "no access token was sent"
        };
        assert!(text.contains(reason), "{}: {text}", sent.trigger);
        assert!(
            answer["_meta"]["mcp/www_authenticate"][0].is_string(),
            "{answer}"
        );
    }
    assert_eq!((with, without), (7, 59));
}

#[tokio::test]
async fn every_recorded_post_is_answered_as_the_token_and_the_arguments_deserve() {
    let rig = Rig::start().await;
    let token = rig.token("reader");
    let (_, me) = rig.get("/api/auth/me", &token).await;
    let (mut calls, mut refused) = (0, 0);
    for sent in posts() {
        let sent = sent.put_in(&token);
        let answer = post(&rig, TOOL, sent.body()).await;
        let arguments = sent.arguments();
        if arguments.is_empty() {
            assert_eq!(answer["isError"], false, "{}: {answer}", sent.trigger);
            let found = &answer["structuredContent"];
            assert_eq!(found["object_id"], me["azure_id"], "{answer}");
            assert_eq!(found["roles"], json!(["Task.Read"]), "{answer}");
            calls += 1;
        } else {
            let text = complaint(&answer);
            assert!(text.starts_with("Invalid arguments"), "{text}");
            for argument in arguments {
                let named = format!("'{argument}'");
                assert!(text.contains(&named), "{}: {text}", sent.trigger);
            }
            refused += 1;
        }
    }
    assert_eq!((calls, refused), (45, 21));
}
