use std::fmt::Write;

use crate::chat::{self, Chat};
use crate::load::{Round, as_number};
use crate::measure::{Effort, MANY, Measured, Memory, Pair, median};
use crate::server::Start;

/// A row of the table: what, both values, how they compare, what is aimed at.
struct Row {
    what: String,
    values: Pair<f64>,
    digits: usize,
    aim: &'static str,
}

impl Row {
    fn new(what: &str, values: Pair<f64>, digits: usize, aim: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            values,
            digits,
            aim,
        }
    }
}

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`; do not edit. Figures depend on the machine; the ratio of two
columns taken in one run says more.

## MCP

`/mcp` of Entrada beside a bare MCP server of the same SDK (rmcp) with one tool, a list of the same
tools, and nothing else: no sign-in, no roles, no audit, no storage.

| | Entrada | bare rmcp | ratio | aim |
|---|--:|--:|--:|---|
";

/// The page with the figures, in Markdown.
pub(crate) fn page(measured: &Measured, chat: &Chat, effort: Effort, cores: usize) -> String {
    let mut text = HEAD.to_owned();
    for row in rows(measured) {
        let [entrada, bare] = row.values;
        let digits = row.digits;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {entrada:.digits$} | {bare:.digits$} | {:.2} | {} |",
            row.what,
            entrada / bare,
            row.aim
        );
    }
    text.push_str(&of_chat(chat));
    text.push_str(&method(measured, effort, cores));
    text
}

/// The figures of chat.
fn of_chat(chat: &Chat) -> String {
    let first_words = |which: usize| {
        let all = chat.first_words.iter();
        median(all.filter_map(|both| both.get(which).copied()))
    };
    let (through, alone) = (first_words(0), first_words(1));
    let streams = chat::STREAMS;
    format!(
        "\n## Chat\n\n\
         `/api/chat` of Entrada beside the agent itself (the stand-in for Foundry), asked by the same\n\
         client with the person's token in hand.\n\n\
         | | Entrada | agent alone | difference | aim |\n\
         |---|--:|--:|--:|---|\n\
         | first words of an answer, ms | {through:.1} | {alone:.1} | {:.1} | 5 ms |\n\
         | memory while {streams} answers come in, MiB | {:.1} | | | 128 MiB |\n\
         | processor time meanwhile, share of a core | {:.2} | | | |\n",
        through - alone,
        mebibytes(chat.memory),
        chat.processor.unwrap_or(f64::NAN),
    )
}

fn rows(measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    let calls = [
        ("`tools/call`", &measured.tools_call),
        ("`tools/list`", &measured.tools_list),
    ];
    for (name, rounds) in calls {
        rows.extend(throughput(name, rounds));
    }
    let start = |value: fn(&Start) -> f64| {
        measured
            .starts
            .each_ref()
            .map(|starts| median(starts.iter().map(value)))
    };
    rows.push(Row::new(
        "start to first answer, ms",
        start(|start| start.first_answer.as_secs_f64() * 1e3),
        1,
        "20 ms",
    ));
    rows.push(Row::new(
        "start to first `tools/call`, ms",
        start(|start| start.first_call.as_secs_f64() * 1e3),
        1,
        "80 ms",
    ));
    let memory = |value: fn(&Memory) -> Option<u64>| {
        measured
            .memory
            .each_ref()
            .map(|memory| mebibytes(value(memory)))
    };
    rows.push(Row::new(
        "memory idle, MiB",
        memory(|memory| memory.idle),
        1,
        "20 MiB",
    ));
    rows.push(Row::new(
        &format!("memory under {MANY} connections, MiB"),
        memory(|memory| memory.busy),
        1,
        "64 MiB",
    ));
    rows
}

fn throughput(name: &str, rounds: &Pair<Vec<Round>>) -> Vec<Row> {
    let of = |value: &dyn Fn(&Round) -> f64| {
        rounds
            .each_ref()
            .map(|rounds| median(rounds.iter().map(value)))
    };
    vec![
        Row::new(
            &format!("{name} per second"),
            of(&|round| round.rate),
            0,
            "ratio 0.8",
        ),
        Row::new(
            &format!("{name} latency p50, ms"),
            of(&|round| round.milliseconds(0.5)),
            2,
            "",
        ),
        Row::new(
            &format!("{name} latency p99, ms"),
            of(&|round| round.milliseconds(0.99)),
            2,
            "",
        ),
        Row::new(
            &format!("{name} processor time of the server, µs"),
            of(&|round| round.processor.unwrap_or(f64::NAN)),
            1,
            "",
        ),
    ]
}

fn mebibytes(bytes: Option<u64>) -> f64 {
    bytes.map_or(f64::NAN, |bytes| as_number(bytes) / f64::from(1 << 20))
}

fn method(measured: &Measured, effort: Effort, cores: usize) -> String {
    let Effort {
        rounds,
        seconds,
        connections,
        starts,
        turns,
    } = effort;
    let [entrada, bare] = measured.sizes;
    let [call, list] = entrada;
    let [bare_call, bare_list] = bare;
    let [slowest, fastest] = spread(&measured.tools_call);
    format!(
        "\n## How it was measured\n\n\
         * {cores} processor cores, shared by the server and the load generator, which is part of\n  \
         the project and written in Rust. So the ratio of rates flatters the slower server a\n  \
         little; the processor time per answer does not contain the load generator.\n\
         * Entrada as it is packaged (release build, no `dev` feature): Entra access tokens, roles,\n  \
         storage in a file, logs as by default, audit, and limits so high that the one caller, who\n  \
         makes every call, does not meet them.\n\
         * {connections} kept-alive connections, each with one call under way. {rounds} rounds of\n  \
         {seconds} s for each server and call, one second of warm-up before each, the servers turn\n  \
         about. The table has the medians of the rounds. Rates of `tools/call` over the rounds: Entrada\n  \
         {} to {}, bare rmcp {} to {}.\n\
         * Answers to `tools/call`: {call} and {bare_call} bytes; to `tools/list`: {list} and {bare_list}\n  \
         bytes (what a reader may use).\n\
         * Start: from starting the process until an HTTP answer, tried for every millisecond, and\n  \
         until the tool call that follows it at once, of a caller with a token, was answered; medians\n  \
         of {starts} starts with existing storage. The keys of Entra come from its stand-in on the same\n  \
         machine.\n\
         * Memory: resident set, a second after the first tool call, and the most that was seen\n  \
         under {MANY} connections.\n\
         * Chat: medians of {turns} turns in conversations that have begun, one after the other, the agent\n  \
         turn about and without TLS. Then {} answers at a time, of {} people, a word every {} ms in\n  \
         each, watched for {} s after all had begun. The agent and whoever reads the answers share the\n  \
         cores.\n",
        whole(slowest[0]),
        whole(fastest[0]),
        whole(slowest[1]),
        whole(fastest[1]),
        chat::STREAMS,
        entrada_stand_ins::directory::crowd().len(),
        chat::PAUSE.as_millis(),
        chat::WATCHED.as_secs(),
    )
}

/// Lowest and highest rate of each server.
fn spread(rounds: &Pair<Vec<Round>>) -> [Pair<f64>; 2] {
    let rates = |pick: fn(f64, f64) -> f64, start: f64| {
        rounds
            .each_ref()
            .map(|rounds| rounds.iter().map(|round| round.rate).fold(start, pick))
    };
    [
        rates(f64::min, f64::INFINITY),
        rates(f64::max, f64::NEG_INFINITY),
    ]
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}
