use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::envelope::Envelope;
use super::outcome::{TextBlock, is_block};
use super::outcome_text::plain_text;
use crate::functions::{Function, McpPromptTrigger, PromptArgument, Trigger};

/// The prompts that the package declares, disabled ones left out.
#[derive(Debug)]
pub(super) struct Prompts(Vec<Prompt>);

/// A prompt and the function behind it.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) function: String,
    pub(super) trigger: McpPromptTrigger,
}

/// A prompt as `prompts/list` shows it: the same to everyone.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a [PromptArgument]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icons: Option<&'a RawValue>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Listing<'a> {
    prompts: Vec<Listed<'a>>,
}

/// A prompt's result as a client gets it (MCP 2025-06-18, `GetPromptResult`).
#[derive(Debug, Default, Serialize, Deserialize)]
struct GetPromptResult {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default)]
    messages: Vec<PromptMessage>,
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    meta: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PromptMessage {
    content: Box<RawValue>,
    role: Role,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

impl Prompts {
    pub(super) fn of(functions: &[Function]) -> Self {
        let prompts =
            functions
                .iter()
                .filter_map(|function| match (&function.trigger, function.disabled) {
                    (Trigger::McpPrompt(trigger), false) => Some(Prompt {
                        function: function.name.clone(),
                        trigger: trigger.as_ref().clone(),
                    }),
                    _ => None,
                });
        Self(prompts.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prompt of that name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<&Prompt> {
        let name = name.to_lowercase();
        self.0
            .iter()
            .find(|prompt| prompt.trigger.name.to_lowercase() == name)
    }

    /// The result of `prompts/list`; there are no pages.
    pub(super) fn listing(&self) -> serde_json::Result<Box<RawValue>> {
        let prompts = self
            .0
            .iter()
            .map(|prompt| Listed {
                name: &prompt.trigger.name,
                title: prompt.trigger.title.as_deref(),
                description: prompt.trigger.description.as_deref(),
                arguments: prompt.trigger.arguments.as_deref(),
                icons: prompt.trigger.icons.as_deref(),
                meta: prompt.trigger.metadata.as_deref(),
            })
            .collect();
        to_raw_value(&Listing { prompts })
    }
}

impl Prompt {
    /// What a client gets for a function's return value
    /// (azure-functions-mcp-extension, `PromptReturnValueBinder` and
    /// `SimplePromptReturnValueBinder`); `None` when the extension cannot read
    /// it.
    pub(super) fn result(&self, return_value: Option<&RawValue>) -> Option<Box<RawValue>> {
        let result = match return_value {
            None => GetPromptResult::default(),
            Some(value) if self.trigger.use_result_schema => enveloped(value)?,
            Some(value) => user_message(&plain_text(value)?)?,
        };
        to_raw_value(&result).ok()
    }
}

fn user_message(text: &str) -> Option<GetPromptResult> {
    let content = to_raw_value(&TextBlock::new(text)).ok()?;
    Some(GetPromptResult {
        messages: vec![PromptMessage {
            content,
            role: Role::User,
        }],
        ..GetPromptResult::default()
    })
}

/// Reads the envelope (`McpPromptResult`): a JSON text with `type` and
/// `content`, which is itself a JSON text.
fn enveloped(value: &RawValue) -> Option<GetPromptResult> {
    let text: String = serde_json::from_str(value.get()).ok()?;
    let envelope = Envelope::read(&text)?;
    let (kind, content) = (envelope.kind?, envelope.content?);
    let result: GetPromptResult = if kind.eq_ignore_ascii_case("get_prompt_result") {
        serde_json::from_str(&content).ok()?
    } else if kind.eq_ignore_ascii_case("prompt_messages") {
        GetPromptResult {
            messages: serde_json::from_str(&content).ok()?,
            ..GetPromptResult::default()
        }
    } else {
        return None;
    };
    let readable = result
        .messages
        .iter()
        .all(|message| is_block(&message.content));
    readable.then_some(result)
}
