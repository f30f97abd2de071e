use serde_json::Value;
use serde_json::value::RawValue;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Iso8601;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::json;

/// .NET's text of a value that `Newtonsoft.Json` read into an `object`: a text
/// that looks like a date and time has become one and is rewritten, yes and no
/// get capitals, objects and arrays are indented.
pub(super) fn plain_text(value: &RawValue) -> Option<String> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{' | b'[') => Some(json::indented(text)),
        _ => match serde_json::from_str(text).ok()? {
            Value::String(text) => Some(date_text(&text).unwrap_or(text)),
            Value::Bool(true) => Some("True".to_owned()),
            Value::Bool(false) => Some("False".to_owned()),
            Value::Number(number) if number.is_f64() => number.as_f64().map(number_text),
            other => Some(other.to_string()),
        },
    }
}

/// The shortest text of a number, with an exponent from 1E+15 on and below
/// 1E-04.
fn number_text(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-5..1e15).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}E{sign}{exponent:0>2}")
        }
        None => text,
    }
}

const INVARIANT: &[BorrowedFormatItem<'_>] =
    format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");

/// Whether `Newtonsoft.Json` makes a date of a text.
pub(super) fn is_date_time(text: &str) -> bool {
    date_text(text).is_some()
}

/// The invariant text of an ISO date *and* time, in UTC, fractions lost; `None`
/// for any other text.
fn date_text(text: &str) -> Option<String> {
    if !(19..=40).contains(&text.len()) || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let local = match OffsetDateTime::parse(text, &Iso8601::DEFAULT) {
        Ok(moment) => {
            let moment = moment.to_offset(UtcOffset::UTC);
            PrimitiveDateTime::new(moment.date(), moment.time())
        }
        Err(_) => PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).ok()?,
    };
    local.format(INVARIANT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_the_texts_that_were_seen() {
        let cases = [
            (r#""Hello!""#, "Hello!"),
            (r#""""#, ""),
            (r#""{\"a\":1}""#, r#"{"a":1}"#),
            ("true", "True"),
            ("1.5", "1.5"),
            ("1e21", "1E+21"),
            ("9007199254740993", "9007199254740993"),
            ("[1,2]", "[\n  1,\n  2\n]"),
            (r#""2026-01-02T03:04:05Z""#, "01/02/2026 03:04:05"),
            (r#""2026-01-02T03:04:05.678+02:00""#, "01/02/2026 01:04:05"),
            (r#""2026-01-02T03:04:05""#, "01/02/2026 03:04:05"),
            (r#""2026-01-02""#, "2026-01-02"),
            (r#""2026-13-02T03:04:05Z""#, "2026-13-02T03:04:05Z"),
        ];
        for (value, text) in cases {
            let value = RawValue::from_string(value.to_owned()).unwrap();
            assert_eq!(plain_text(&value).as_deref(), Some(text));
        }
    }
}
