use std::collections::BTreeMap;

use entrada_ambient::{Clock, Random};
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// The body of a wrapped invocation. Values are JSON texts already.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Payload {
    /// The inputs by their bindings' names.
    pub(crate) data: BTreeMap<String, Box<RawValue>>,
    /// What the trigger knows about the invocation.
    pub(crate) metadata: BTreeMap<String, Box<RawValue>>,
}

impl Payload {
    /// A payload with nothing but the host's own metadata.
    pub(crate) fn new(sys: &Sys) -> serde_json::Result<Self> {
        Ok(Self {
            data: BTreeMap::new(),
            metadata: BTreeMap::from([("sys".to_owned(), serde_json::value::to_raw_value(sys)?)]),
        })
    }

    /// Adds an object to the metadata, as it is.
    pub(crate) fn add_metadata(
        &mut self,
        name: &str,
        value: &impl Serialize,
    ) -> serde_json::Result<()> {
        let value = serde_json::value::to_raw_value(value)?;
        self.metadata.insert(name.to_owned(), value);
        Ok(())
    }

    /// Adds a text to the metadata, encoded twice.
    pub(crate) fn add_metadata_text(&mut self, name: &str, text: &str) -> serde_json::Result<()> {
        self.metadata.insert(name.to_owned(), encoded_twice(text)?);
        Ok(())
    }

    /// Adds an object to the data, as it is.
    pub(crate) fn add_data(
        &mut self,
        name: &str,
        value: &impl Serialize,
    ) -> serde_json::Result<()> {
        let value = serde_json::value::to_raw_value(value)?;
        self.data.insert(name.to_owned(), value);
        Ok(())
    }

    /// Adds a text to the data, encoded twice.
    pub(crate) fn add_data_text(&mut self, name: &str, text: &str) -> serde_json::Result<()> {
        self.data.insert(name.to_owned(), encoded_twice(text)?);
        Ok(())
    }
}

/// A text as a JSON string inside a JSON string: the host serialises every
/// value that is no object once by itself and once with the payload
/// (azure-functions-host, `GetHttpScriptInvocationContextValue`).
fn encoded_twice(text: &str) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&serde_json::to_string(text)?)
}

/// What the host tells about every invocation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Sys {
    method_name: String,
    utc_now: String,
    rand_guid: String,
}

impl Sys {
    pub(crate) fn new(function: &str, clock: &dyn Clock, random: &dyn Random) -> Self {
        Self {
            method_name: function.to_owned(),
            utc_now: date_time(clock.now(), "Z"),
            rand_guid: random.uuid_v4().to_string(),
        }
    }
}

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// A moment as .NET writes it: up to seven digits of a fraction, without
/// trailing zeros, then `suffix`.
pub(super) fn date_time(moment: OffsetDateTime, suffix: &str) -> String {
    let seconds = moment.format(SECONDS).unwrap_or_default();
    let fraction = format!("{:07}", moment.nanosecond() / 100);
    match fraction.trim_end_matches('0') {
        "" => format!("{seconds}{suffix}"),
        digits => format!("{seconds}.{digits}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn texts_are_encoded_twice() {
        assert_eq!(encoded_twice("abc").unwrap().get(), r#""\"abc\"""#);
    }

    #[test]
    fn moments_have_up_to_seven_digits_of_a_fraction() {
        let cases = [
            (
                datetime!(2026-11-21 06:53:43.039_006_7 UTC),
                "2026-11-21T06:53:43.0390067Z",
            ),
            (
                datetime!(2026-11-21 06:55:51.190_859 UTC),
                "2026-11-21T06:55:51.190859Z",
            ),
            (datetime!(2026-11-21 06:55:51 UTC), "2026-11-21T06:55:51Z"),
        ];
        for (moment, text) in cases {
            assert_eq!(date_time(moment, "Z"), text);
        }
    }
}
