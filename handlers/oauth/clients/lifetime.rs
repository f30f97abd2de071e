//! How long an answer is good for, by its headers (RFC 9111).

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName};
use time::PrimitiveDateTime;
use time::macros::format_description;

/// Seconds that an answer stays fresh (RFC 9111 section 4.2.1, as a shared
/// cache), less its age; 0 when it must not be stored or served without
/// asking; `None` when its server says nothing.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<i64> {
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase());
    let (mut shared, mut any) = (None, None);
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((&directive, ""));
        let seconds = || value.trim_matches('"').parse::<i64>().unwrap_or(0).max(0);
        match name {
            "no-store" | "no-cache" => return Some(0),
            "s-maxage" => shared = Some(seconds()),
            "max-age" => any = Some(seconds()),
            _ => {}
        }
    }
    let fresh = shared.or(any).or_else(|| expires(headers))?;
    let age = text(headers, AGE)
        .and_then(|age| age.parse().ok())
        .unwrap_or(0);
    Some(fresh.saturating_sub(age).max(0))
}

/// From `Date` to `Expires`; what cannot be read has expired (RFC 9111
/// section 5.3).
fn expires(headers: &HeaderMap) -> Option<i64> {
    let expires = text(headers, EXPIRES)?;
    let seconds = moment(expires)
        .zip(text(headers, DATE).and_then(moment))
        .map_or(0, |(end, start)| (end - start).whole_seconds());
    Some(seconds.max(0))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// An IMF-fixdate (RFC 9110 section 5.6.7), the one form that servers may
/// still send.
fn moment(text: &str) -> Option<PrimitiveDateTime> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    PrimitiveDateTime::parse(text, form).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Option<i64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        lifetime(&headers)
    }

    #[test]
    fn what_the_headers_say_is_understood() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (pairs, seconds) in [
            (&[][..], None),
            (&[("cache-control", "max-age=600")][..], Some(600)),
            (&[("cache-control", "public, Max-Age=\"60\"")][..], Some(60)),
            (
                &[("cache-control", "max-age=60, s-maxage=90")][..],
                Some(90),
            ),
            (
                &[("cache-control", "max-age=600"), ("age", "100")][..],
                Some(500),
            ),
            (
                &[("cache-control", "max-age=10"), ("age", "100")][..],
                Some(0),
            ),
            (&[("cache-control", "max-age=soon")][..], Some(0)),
            (
                &[
                    ("cache-control", "max-age=600"),
                    ("cache-control", "no-store"),
                ][..],
                Some(0),
            ),
            (&[("cache-control", "no-cache")][..], Some(0)),
            (&[("cache-control", "must-revalidate")][..], None),
            (
                &[date, ("expires", "Sun, 06 Nov 1994 09:49:37 GMT")][..],
                Some(3600),
            ),
            (&[date, ("expires", "0")][..], Some(0)),
            (&[("expires", "Sun, 06 Nov 1994 09:49:37 GMT")][..], Some(0)),
            (
                &[date, ("expires", "Sun, 06 Nov 1994 07:49:37 GMT")][..],
                Some(0),
            ),
        ] {
            assert_eq!(of(pairs), seconds, "{pairs:?}");
        }
    }
}
