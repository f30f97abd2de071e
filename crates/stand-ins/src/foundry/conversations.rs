use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::Foundry;
use super::body::{items as check_items, metadata, object, only};
use super::door::Door;
use super::problem::Problem;
use super::records::Conversation;

/// Most items that one request adds.
const ITEMS: usize = 20;

impl Conversation {
    fn document(&self) -> Value {
        json!({
            "id": self.id,
            "object": "conversation",
            "created_at": self.created_at,
            "metadata": self.metadata,
        })
    }
}

/// `POST …/conversations {items?, metadata?}`
pub(super) async fn create(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body = object(&headers, &body)?;
    only(&body, &["items", "metadata"], "")?;
    let conversation = Conversation {
        id: foundry.id("conv"),
        agent: door.endpoint.map(|agent| agent.name),
        created_at: foundry.clock.unix(),
        metadata: metadata(&body)?,
        items: foundry.kept(&new_items(body.get("items"))?),
    };
    let document = conversation.document();
    let weight = conversation.items.iter().map(|item| item.to_string().len());
    let weight = 512 + weight.sum::<usize>();
    let id = conversation.id.clone();
    foundry
        .records()
        .conversations
        .insert(id, conversation, weight);
    Ok(Json(document))
}

/// `GET …/conversations/{id}`
pub(super) async fn read(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    foundry.conversation(&door, |conversation| conversation.document())
}

/// `POST …/conversations/{id} {metadata}`
pub(super) async fn update(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body = object(&headers, &body)?;
    only(&body, &["metadata"], "")?;
    let metadata = metadata(&body)?;
    foundry.conversation(&door, |conversation| {
        conversation.metadata = metadata;
        conversation.document()
    })
}

/// `DELETE …/conversations/{id}`
pub(super) async fn delete(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let deleted = foundry.conversation(&door, |conversation| {
        json!({"id": conversation.id, "object": "conversation.deleted", "deleted": true})
    })?;
    foundry.records().conversations.remove(&door.id);
    Ok(deleted)
}

/// `GET …/conversations/{id}/items`, newest first as by default.
pub(super) async fn items(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let ascending = door.query.get("order").is_some_and(|order| order == "asc");
    foundry.conversation(&door, |conversation| {
        let mut items = conversation.items.clone();
        if !ascending {
            items.reverse();
        }
        list(&items)
    })
}

/// `POST …/conversations/{id}/items {items}`
pub(super) async fn add_items(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body = object(&headers, &body)?;
    only(&body, &["items"], "")?;
    let added = foundry.kept(&new_items(body.get("items"))?);
    let listed = foundry.conversation(&door, |_| list(&added))?;
    foundry.records().append(&door.id, &added);
    Ok(listed)
}

impl Foundry {
    /// Looks at or changes the conversation that the path names.
    fn conversation(
        &self,
        door: &Door,
        look: impl FnOnce(&mut Conversation) -> Value,
    ) -> Result<Json<Value>, Problem> {
        let id = &door.id;
        self.records()
            .conversations
            .grow(id, 0, |conversation| {
                door.shows(conversation.agent).then(|| look(conversation))
            })
            .flatten()
            .map(Json)
            .ok_or_else(|| Problem::not_found(format!("Conversation with id '{id}' not found.")))
    }
}

fn new_items(items: Option<&Value>) -> Result<Vec<Value>, Problem> {
    match items {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= ITEMS => check_items(items),
        Some(_) => Err(Problem::parameter(
            "invalid_value",
            "items",
            "At most 20 items",
        )),
    }
}

fn list(items: &[Value]) -> Value {
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    json!({
        "object": "list",
        "data": items,
        "first_id": id(items.first()),
        "last_id": id(items.last()),
        "has_more": false,
    })
}
