//! One route with one method, as the document describes it.

use serde_json::{Map, Value, json};

use super::schemas::{Schemas, Shape};
use crate::context::ErrorBody;

/// What an answer carries.
#[derive(Debug, Clone, Copy)]
enum Content {
    Nothing,
    Json(Shape),
    /// Of these media types, without a schema of ours.
    Media(&'static [&'static str]),
    /// JSON, or a stream of events for who asks for it.
    JsonOrEvents(Shape),
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    status: u16,
    what: &'static str,
    content: Content,
}

/// An operation (`OpenAPI` 3.1.1 section 4.8.10).
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    signed_in: bool,
    body: Option<(Shape, bool)>,
    query: Option<Shape>,
    parameters: Vec<(&'static str, &'static str, &'static str)>,
    answers: Vec<Answer>,
}

const HTML: &[&str] = &["text/html"];

impl Operation {
    /// An operation that anybody may ask for.
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            id,
            tag,
            summary,
            signed_in: false,
            body: None,
            query: None,
            parameters: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Needs a token that opens `/api`, and is counted.
    pub(super) fn signed_in(mut self) -> Self {
        self.signed_in = true;
        self.refused(401, "The token is missing, not good, or was revoked.")
            .refused(
                403,
                "The token lacks the scope, or chat does not serve the caller.",
            )
            .limited()
            .away()
    }

    /// Is counted.
    pub(super) fn limited(self) -> Self {
        self.refused(
            429,
            "Too many requests; `Retry-After` says when to come back.",
        )
    }

    /// Needs something that may be away.
    pub(super) fn away(self) -> Self {
        self.refused(
            503,
            "Something that the answer needs is away; try again after `Retry-After`.",
        )
    }

    /// Takes a JSON body.
    pub(super) fn takes(mut self, shape: Shape) -> Self {
        self.body = Some((shape, true));
        self.refused(400, "The body is not JSON, or what it names is not good.")
            .refused(413, "The body is larger than the route takes.")
            .refused(415, "The body is not `application/json`.")
            .refused(422, "The body does not have the documented form.")
    }

    /// Takes a JSON body or none.
    pub(super) fn may_take(mut self, shape: Shape) -> Self {
        self.body = Some((shape, false));
        self.refused(
            400,
            "There is neither a token nor the documented body, or it is not good.",
        )
        .refused(413, "The body is larger than the route takes.")
    }

    /// Takes the members of a type as query parameters.
    pub(super) fn query(mut self, shape: Shape) -> Self {
        self.query = Some(shape);
        self
    }

    /// Takes a part of the path.
    pub(super) fn path_part(self, name: &'static str, what: &'static str) -> Self {
        self.parameter("path", name, what)
    }

    /// Takes a header.
    pub(super) fn header(self, name: &'static str, what: &'static str) -> Self {
        self.parameter("header", name, what)
    }

    fn parameter(mut self, place: &'static str, name: &'static str, what: &'static str) -> Self {
        self.parameters.push((place, name, what));
        self
    }

    /// Answers JSON.
    pub(super) fn gives(self, status: u16, what: &'static str, shape: Shape) -> Self {
        self.answers(status, what, Content::Json(shape))
    }

    /// Answers JSON, or a stream of events.
    pub(super) fn gives_or_streams(self, what: &'static str, shape: Shape) -> Self {
        self.answers(200, what, Content::JsonOrEvents(shape))
    }

    /// Answers without a body.
    pub(super) fn gives_nothing(self, status: u16, what: &'static str) -> Self {
        self.answers(status, what, Content::Nothing)
    }

    /// Answers a page for people.
    pub(super) fn shows(self, status: u16, what: &'static str) -> Self {
        self.answers(status, what, Content::Media(HTML))
    }

    /// Answers one of these media types.
    pub(super) fn gives_media(self, what: &'static str, media: &'static [&'static str]) -> Self {
        self.answers(200, what, Content::Media(media))
    }

    /// Refuses with an error of ours.
    pub(super) fn refused(self, status: u16, what: &'static str) -> Self {
        self.answers(
            status,
            what,
            Content::Json(Schemas::gives::<ErrorBody<'static>>),
        )
    }

    /// The last word on a status counts.
    fn answers(mut self, status: u16, what: &'static str, content: Content) -> Self {
        self.answers.retain(|answer| answer.status != status);
        self.answers.push(Answer {
            status,
            what,
            content,
        });
        self
    }

    /// The operation as JSON.
    pub(super) fn to_json(&self, schemas: &mut Schemas) -> Value {
        let mut parameters: Vec<Value> = self
            .parameters
            .iter()
            .map(|(place, name, what)| {
                let in_path = *place == "path";
                json!({
                    "name": name,
                    "in": place,
                    "required": in_path,
                    "description": what,
                    "schema": {"type": "string", "minLength": u8::from(in_path)},
                })
            })
            .collect();
        if let Some(query) = self.query
            && let Value::Array(members) = query(schemas)
        {
            parameters.extend(members);
        }
        let mut operation = Map::from_iter([
            ("operationId".to_owned(), self.id.into()),
            ("tags".to_owned(), json!([self.tag])),
            ("summary".to_owned(), self.summary.into()),
            ("parameters".to_owned(), parameters.into()),
            ("responses".to_owned(), self.responses(schemas)),
        ]);
        if let Some((shape, required)) = self.body {
            let content = json!({"application/json": {"schema": shape(schemas)}});
            let body = json!({"required": required, "content": content});
            operation.insert("requestBody".to_owned(), body);
        }
        if self.signed_in {
            operation.insert("security".to_owned(), json!([{"bearer": []}]));
        }
        Value::Object(operation)
    }

    fn responses(&self, schemas: &mut Schemas) -> Value {
        let mut answers = self.answers.clone();
        answers.sort_by_key(|answer| answer.status);
        let responses = answers.iter().map(|answer| {
            let response = json!({
                "description": answer.what,
                "headers": headers(answer.status),
                "content": answer.content.to_json(schemas),
            });
            (answer.status.to_string(), response)
        });
        Value::Object(responses.collect())
    }
}

/// The headers that belong to a status.
fn headers(status: u16) -> Value {
    let header = |what| json!({"description": what, "schema": {"type": "string"}});
    match status {
        302 => json!({"Location": header("Where to go on.")}),
        429 | 503 => json!({"Retry-After": header("Seconds to wait.")}),
        401 => json!({"WWW-Authenticate": header("Which check failed.")}),
        _ => json!({}),
    }
}

impl Content {
    fn to_json(self, schemas: &mut Schemas) -> Value {
        let text = || json!({"schema": {"type": "string"}});
        match self {
            Self::Nothing => json!({}),
            Self::Json(shape) => json!({"application/json": {"schema": shape(schemas)}}),
            Self::JsonOrEvents(shape) => json!({
                "application/json": {"schema": shape(schemas)},
                "text/event-stream": text(),
            }),
            Self::Media(media) => {
                let media = media.iter().map(|media| ((*media).to_owned(), text()));
                Value::Object(media.collect())
            }
        }
    }
}
