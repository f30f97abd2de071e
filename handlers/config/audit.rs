//! How long the audit log is kept.

use super::reader::Reader;

const NAME: &str = "ENTRADA_AUDIT_DAYS";

/// A year, unless somebody says otherwise.
const DEFAULT: u32 = 365;

/// Ten years.
const LONGEST: u32 = 3653;

/// Days for which entries are kept, at least one: audit cannot be switched
/// off.
pub(super) fn days(reader: &mut Reader<'_>) -> u32 {
    let form = "a number of days from 1 to 3653";
    match reader.optional(NAME, form) {
        None => DEFAULT,
        Some(days) if (1..=LONGEST).contains(&days) => days,
        Some(_) => {
            reader.faults.note(NAME, format!("must be {form}"));
            DEFAULT
        }
    }
}
