use std::time::Duration;

/// Reads .NET's `TimeSpan` text: `hh:mm`, `hh:mm:ss`, `d.hh:mm:ss`, with a
/// fraction of a second, or a bare number of *days*.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.contains(':') {
        return text
            .parse::<u64>()
            .ok()
            .and_then(|days| seconds(days, 0, 0, 0.0));
    }
    let mut parts = text.split(':');
    let (first, minutes, last) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = match first.split_once('.') {
        Some((days, hours)) => (days.parse().ok()?, hours),
        None => (0, first),
    };
    let hours: u64 = hours.parse().ok().filter(|hours| *hours < 24)?;
    let minutes: u64 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    let whole_and_fraction: f64 = match last {
        Some(last) if last.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            last.parse().ok().filter(|seconds| *seconds < 60.0)?
        }
        Some(_) => return None,
        None => 0.0,
    };
    seconds(days, hours, minutes, whole_and_fraction)
}

fn seconds(days: u64, hours: u64, minutes: u64, seconds: f64) -> Option<Duration> {
    let whole = days
        .checked_mul(24)?
        .checked_add(hours)?
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60)?;
    Duration::from_secs(whole).checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let cases = [
            ("00:00:30", 30_000),
            ("00:01:00", 60_000),
            ("1.00:00:00", 86_400_000),
            ("00:05", 300_000),
            ("00:00:00.2500000", 250),
            ("2", 172_800_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "30s", "00:60:00", "24:00:00", "1:2:3:4", "a:b", "00:00:61", "00:00:-1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
