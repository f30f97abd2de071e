use std::fmt::Write;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Comparison, Filter};
use crate::Value;
use crate::value::to_tick;

/// The form in which the service takes and gives moments.
pub(crate) const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

/// `filter` in `OData` (Microsoft: "Querying tables and entities"). Every
/// compound is in parentheses, so that no precedence is relied upon.
pub(super) fn render(filter: &Filter) -> String {
    let mut text = String::new();
    write_filter(&mut text, filter);
    text
}

fn write_filter(text: &mut String, filter: &Filter) {
    match filter {
        Filter::Compare {
            name,
            comparison,
            value,
        } => {
            text.push_str(name);
            text.push_str(operator(*comparison));
            text.push_str(&literal(value));
        }
        Filter::And(first, second) => write_pair(text, first, " and ", second),
        Filter::Or(first, second) => write_pair(text, first, " or ", second),
        Filter::Not(inner) => {
            text.push_str("not (");
            write_filter(text, inner);
            text.push(')');
        }
    }
}

fn write_pair(text: &mut String, first: &Filter, word: &str, second: &Filter) {
    text.push('(');
    write_filter(text, first);
    text.push(')');
    text.push_str(word);
    text.push('(');
    write_filter(text, second);
    text.push(')');
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " eq ",
        Comparison::NotEqual => " ne ",
        Comparison::Greater => " gt ",
        Comparison::GreaterOrEqual => " ge ",
        Comparison::Less => " lt ",
        Comparison::LessOrEqual => " le ",
    }
}

/// `value` as a typed literal.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Int32(integer) => integer.to_string(),
        Value::Int64(integer) => format!("{integer}L"),
        // Without an exponent, which not every implementation reads; always
        // with a point, which makes it a Double.
        Value::Double(number) => {
            let plain = number.to_string();
            if plain.contains('.') {
                plain
            } else {
                plain + ".0"
            }
        }
        Value::Binary(bytes) => {
            let mut text = String::with_capacity(bytes.len() * 2 + 3);
            text.push_str("X'");
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\'');
            text
        }
        Value::DateTime(moment) => format!("datetime'{}'", moment_text(*moment)),
        Value::Guid(guid) => format!("guid'{}'", guid.hyphenated()),
    }
}

/// `text` as a string literal: quotes are doubled, nothing else needs it.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `moment` in the service's form. Its range was checked before, within which
/// the format cannot fail.
pub(crate) fn moment_text(moment: OffsetDateTime) -> String {
    to_tick(moment).format(MOMENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_type_is_a_typed_literal() {
        let guid = Uuid::from_u128(0xffee_0000_0000_0000_0000_0000_0000_000a);
        let cases = [
            (Value::from("it's"), "'it''s'"),
            (Value::from(true), "true"),
            (Value::from(-5), "-5"),
            (Value::from(5_i64), "5L"),
            (Value::from(5.0), "5.0"),
            (Value::from(1e21), "1000000000000000000000.0"),
            (Value::from(1.5e-7), "0.00000015"),
            (Value::from(vec![0, 255]), "X'00ff'"),
            (
                Value::from(datetime!(2026-11-21 9:00:00.123456789 +1)),
                "datetime'2026-11-21T08:00:00.1234567Z'",
            ),
            (
                Value::from(guid),
                "guid'ffee0000-0000-0000-0000-00000000000a'",
            ),
        ];
        for (value, expected) in cases {
            let filter = Filter::eq("a", value);
            assert_eq!(render(&filter), format!("a eq {expected}"));
        }
    }

    #[test]
    fn compounds_are_in_parentheses_and_quotes_stay_inside() {
        let filter = Filter::eq("a", "' or b ne '")
            .and(!Filter::ge("b", 1))
            .or(Filter::lt("c", 2_i64));
        assert_eq!(
            render(&filter),
            "((a eq ''' or b ne ''') and (not (b ge 1))) or (c lt 2L)"
        );
    }
}
