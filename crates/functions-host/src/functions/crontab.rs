/// A field of an NCRONTAB expression: its name in messages, its bounds, and
/// the names that stand for its values.
struct Field {
    name: &'static str,
    minimum: u32,
    maximum: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field {
        name: "Second",
        minimum: 0,
        maximum: 59,
        names: &[],
    },
    Field {
        name: "Minute",
        minimum: 0,
        maximum: 59,
        names: &[],
    },
    Field {
        name: "Hour",
        minimum: 0,
        maximum: 23,
        names: &[],
    },
    Field {
        name: "Day",
        minimum: 1,
        maximum: 31,
        names: &[],
    },
    Field {
        name: "Month",
        minimum: 1,
        maximum: 12,
        names: &[
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
    },
    Field {
        name: "DayOfWeek",
        minimum: 0,
        maximum: 6,
        names: &[
            "sunday",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
        ],
    },
];

/// Checks an expression of six fields, seconds first, or five without seconds,
/// by the grammar of `NCrontab`, the library that the timer extension reads
/// schedules with: `*`, values, names, `a-b`, `/step` and lists with `,`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn validate(expression: &str) -> Result<(), String> {
    let parts: Vec<_> = expression
        .split(' ')
        .filter(|part| !part.is_empty())
        .collect();
    let skipped = match parts.len() {
        6 => 0,
        5 => 1,
        count => return Err(format!("it has {count} fields, not 5 or 6")),
    };
    FIELDS
        .iter()
        .skip(skipped)
        .zip(parts)
        .try_for_each(|(field, text)| field.validate(text))
}

impl Field {
    fn validate(&self, text: &str) -> Result<(), String> {
        text.split(',').try_for_each(|item| {
            self.validate_item(item).map_err(|reason| {
                format!("'{text}' is not a valid [{}] field: {reason}", self.name)
            })
        })
    }

    fn validate_item(&self, item: &str) -> Result<(), String> {
        let range = match item.split_once('/') {
            Some((range, step)) if !range.is_empty() => {
                step.parse::<u32>()
                    .map_err(|_| format!("'{step}' is not a step"))?;
                range
            }
            _ => item,
        };
        if range == "*" {
            return Ok(());
        }
        match range.split_once('-') {
            Some((first, last)) if !first.is_empty() => {
                self.validate_value(first)?;
                self.validate_value(last)
            }
            _ => self.validate_value(range),
        }
    }

    fn validate_value(&self, text: &str) -> Result<(), String> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return match text.parse::<u32>() {
                Ok(value) if (self.minimum..=self.maximum).contains(&value) => Ok(()),
                _ => Err(format!(
                    "{text} is not between {} and {}",
                    self.minimum, self.maximum
                )),
            };
        }
        let lower = text.to_lowercase();
        if !lower.is_empty() && self.names.iter().any(|name| name.starts_with(&lower)) {
            return Ok(());
        }
        Err(format!("'{text}' is no value of it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expressions_of_the_documentation_are_valid() {
        for expression in [
            "0 */5 * * * *",
            "0 0 * * * *",
            "0 0 */2 * * *",
            "0 0 9-17 * * *",
            "0 30 9 * * 1-5",
            "0 30 9 * Jan Mon",
            "5,8,10 * * * * *",
            "*/15 * * * *",
            "0  5 1 1 sun",
        ] {
            assert_eq!(validate(expression), Ok(()), "{expression}");
        }
    }

    #[test]
    fn other_texts_are_not() {
        for expression in [
            "",
            "every night",
            "* * * *",
            "* * * * * * *",
            "60 * * * * *",
            "0 0 24 * * *",
            "0 0 0 0 * *",
            "0 0 0 * 13 *",
            "0 0 0 * * 7",
            "*/x * * * * *",
            "1- * * * * *",
            "1,,2 * * * * *",
            "0 0 0 * Foo *",
            "? * * * * *",
        ] {
            assert!(validate(expression).is_err(), "{expression}");
        }
    }
}
