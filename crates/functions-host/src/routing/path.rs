use percent_encoding::percent_decode_str;

/// The segments of a request path as the router compares them: `%` escapes
/// decoded (`%2F` stays, so that it never splits a segment), `.` and `..`
/// resolved, one trailing slash dropped, as Kestrel and ASP.NET's path
/// tokenizer do.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    let mut ends_in_folder = false;
    for raw in path.strip_prefix('/').unwrap_or(path).split('/') {
        let segment = decode(raw);
        ends_in_folder = matches!(segment.as_str(), "." | "..");
        match segment.as_str() {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    if !ends_in_folder && segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    segments
}

fn decode(raw: &str) -> String {
    let kept = raw.replace("%2F", "%252F").replace("%2f", "%252f");
    match percent_decode_str(&kept).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        Err(_) => raw.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn paths_split_as_the_router_sees_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("/", &[]),
            ("/a", &["a"]),
            ("/a/", &["a"]),
            ("/a//", &["a", ""]),
            ("/a%20b/%6Dcp", &["a b", "mcp"]),
            ("/a%2Fb", &["a%2Fb"]),
            ("/a/../b/./c", &["b", "c"]),
            ("/../x", &["x"]),
            ("/%FF", &["%FF"]),
        ];
        for (path, expected) in cases {
            assert_eq!(segments(path), expected, "{path}");
        }
    }
}
