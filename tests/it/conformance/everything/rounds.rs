//! Tools and a prompt that ask before they answer (MCP 2026-07-28, "Multi
//! Round-Trip Requests"). Nothing is remembered between the rounds.

use entrada::mcp::RequestStates;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, GetPromptRequestParams, GetPromptResponse,
};
use serde_json::{Value, json};

use super::input::{Question, answer_to, ask};
use super::{Context, complete, said, typed};

/// What a tool asks, round by round.
struct Talk {
    rounds: Vec<Vec<Question>>,
    /// Whether the round is carried by an authenticated state.
    keeps_state: bool,
}

fn talk(name: &str) -> Option<Talk> {
    let name_of = || Question::person("user_name", "What is your name?", "name");
    let confirm = || Question::person("confirm", "Please confirm", "ok");
    let (rounds, keeps_state) = match name {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
            (vec![vec![name_of()]], false)
        }
        "test_input_required_result_capabilities" => {
            let model = Question::model("greeting", "Generate a greeting");
            (vec![vec![name_of(), model]], false)
        }
        "test_input_required_result_sampling" => {
            let model = Question::model("capital_question", "What is the capital of France?");
            (vec![vec![model]], false)
        }
        "test_input_required_result_list_roots" => {
            (vec![vec![Question::roots("client_roots")]], false)
        }
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => (vec![vec![confirm()]], true),
        "test_input_required_result_multiple_inputs" => {
            let model = Question::model("greeting", "Generate a greeting");
            let roots = Question::roots("client_roots");
            (vec![vec![name_of(), model, roots]], true)
        }
        "test_input_required_result_multi_round" => {
            let first = Question::person("step1", "Step 1: What is your name?", "name");
            let second = Question::person("step2", "Step 2: What is your favorite color?", "color");
            (vec![vec![first], vec![second]], true)
        }
        _ => return None,
    };
    Some(Talk {
        rounds,
        keeps_state,
    })
}

/// What a round is bound to.
fn binding<'a>(context: &Context, name: &'a str, round: &'a str) -> [String; 3] {
    let who = super::principal(context).object_id().to_string();
    [who, name.to_owned(), round.to_owned()]
}

fn borrowed(binding: &[String; 3]) -> [&str; 3] {
    binding.each_ref().map(String::as_str)
}

/// Which round the client answers, by the state that it brings.
fn round_of(
    states: &RequestStates,
    state: &str,
    context: &Context,
    (name, rounds): (&str, usize),
) -> Result<usize, ErrorData> {
    for round in 0..rounds {
        let binding = binding(context, name, &round.to_string());
        if states
            .holds(state, &borrowed(&binding))
            .expect("there are keys")
        {
            return Ok(round);
        }
    }
    Err(ErrorData::invalid_params(
        "The requestState is not good.",
        None,
    ))
}

/// Calls a tool that asks.
pub(super) fn call(
    states: &RequestStates,
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let name = &*request.name;
    let talk = talk(name).expect("every tool that is listed does something");
    let round = match &request.request_state {
        Some(state) if talk.keeps_state => {
            round_of(states, state, context, (name, talk.rounds.len()))?
        }
        _ => 0,
    };
    let responses = request.input_responses.as_ref();
    let declared = context.client_capabilities();
    let suited = |round: usize| {
        let questions = talk.rounds[round].iter();
        questions.filter(|question| question.suits(declared.as_ref()))
    };
    let brought = !talk.keeps_state || request.request_state.is_some();
    let answers: Option<Vec<&Value>> = suited(round)
        .map(|question| answer_to(question, responses))
        .collect();
    let (next, answers) = match answers.filter(|answers| brought && !answers.is_empty()) {
        Some(answers) => (round + 1, answers),
        None => (round, Vec::new()),
    };
    if next == talk.rounds.len() {
        return complete(said(&format!("state-ok: {}", json!(answers))));
    }
    let state = talk.keeps_state.then(|| {
        let binding = binding(context, name, &next.to_string());
        states.issue(&borrowed(&binding)).expect("there are keys")
    });
    Ok(ask(suited(next), state)?.into())
}

/// Gets the prompt that asks.
pub(super) fn prompt(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    if request.name != "test_input_required_result_prompt" {
        let message = format!("Unknown prompt: {}", request.name);
        return Err(ErrorData::invalid_params(message, None));
    }
    let question = Question::person(
        "user_context",
        "What context should the prompt use?",
        "context",
    );
    let Some(answer) = answer_to(&question, request.input_responses.as_ref()) else {
        return Ok(ask([&question], None)?.into());
    };
    let content = json!({"type": "text", "text": answer.to_string()});
    let messages = json!([{"role": "user", "content": content}]);
    let result = json!({"resultType": "complete", "messages": messages});
    Ok(GetPromptResponse::Complete(typed(result)?))
}
