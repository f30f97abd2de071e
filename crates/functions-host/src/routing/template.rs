use super::segment::{Segment, equal_ignoring_case};

/// A route template: literals, `{x}`, `{x?}`, `{*rest}`, and mixes of text and
/// parameters in a segment. Inline constraints and defaults are refused.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    text: String,
    segments: Vec<Segment>,
}

impl Template {
    /// Reads a template; a leading `/` or `~/` and a trailing `/` mean nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix("~/")
            .or_else(|| text.strip_prefix('/'))
            .unwrap_or(text);
        if inner.starts_with('~') {
            return Err(
                "The route template cannot start with a '~' character unless followed by a '/'."
                    .into(),
            );
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut segments = Vec::new();
        if !inner.is_empty() {
            for part in inner.split('/') {
                if part.is_empty() {
                    return Err(
                        "The route template separator character '/' cannot appear consecutively."
                            .into(),
                    );
                }
                if matches!(segments.last(), Some(Segment::CatchAll)) {
                    return Err("A catch-all parameter can only appear as the last segment of the route template.".into());
                }
                segments.push(Segment::parse(part)?);
            }
        }
        refuse_repeated_names(inner)?;
        Ok(Self {
            text: text.to_owned(),
            segments,
        })
    }

    /// The template as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path, in segments as `super::segments` makes them, matches.
    pub(crate) fn matches(&self, path: &[String]) -> bool {
        let mut template = self.segments.iter();
        for text in path {
            match template.next() {
                Some(Segment::CatchAll) => return true,
                Some(segment) if segment.matches(text) => {}
                // Empty segments beyond the template are overlooked.
                None if text.is_empty() => {}
                Some(_) | None => return false,
            }
        }
        template.all(Segment::may_be_absent)
    }
}

fn refuse_repeated_names(template: &str) -> Result<(), String> {
    let names: Vec<&str> = template
        .split('{')
        .skip(1)
        .filter_map(|after| after.split_once('}'))
        .map(|(inner, _)| inner.trim_matches(['*', '?']))
        .collect();
    for (index, name) in names.iter().enumerate() {
        if names
            .iter()
            .take(index)
            .any(|other| equal_ignoring_case(other, name))
        {
            return Err(format!(
                "The route parameter name '{name}' appears more than one time in the route template."
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::segments;
    use super::*;

    fn matches(template: &str, path: &str) -> bool {
        Template::parse(template).unwrap().matches(&segments(path))
    }

    #[test]
    fn literals_ignore_case_and_a_trailing_slash() {
        assert!(matches("auth/login", "/AUTH/Login/"));
        assert!(matches("/", "/"));
        assert!(!matches("auth/login", "/auth/loginx"));
        assert!(!matches("auth/login", "/auth"));
        assert!(!matches("auth", "/auth/login"));
    }

    #[test]
    fn parameters_take_one_segment_and_catch_alls_the_rest() {
        assert!(matches("a/{x}", "/a/1"));
        assert!(!matches("a/{x}", "/a/"));
        assert!(!matches("a/{x}", "/a/1/2"));
        assert!(matches("a/{x?}", "/a"));
        assert!(matches("a/{x?}", "/a/1"));
        assert!(matches("a/{*rest}", "/a"));
        assert!(matches("a/{*rest}", "/a/1/2/3"));
        assert!(matches("{*rest}", "/"));
        assert!(matches("a/{x}/b", "/a/anything/B"));
    }

    #[test]
    fn text_and_parameters_mix_within_a_segment() {
        assert!(matches("tool_{x}", "/TOOL_a"));
        assert!(!matches("tool_{x}", "/tool_"));
        assert!(matches("v{major}.{minor}/x", "/v1.2/x"));
        assert!(matches("v{major}.{minor}", "/v1.2.3"));
        assert!(!matches("v{major}.{minor}", "/v1."));
        assert!(matches("{file}.{ext?}", "/a"));
        assert!(matches("{file}.{ext?}", "/a.txt"));
        assert!(matches("{file}-end", "/a-end"));
        assert!(!matches("{file}-end", "/a-end2"));
        assert!(matches("a{x}a", "/aaa"));
        assert!(!matches("a{x}a", "/aa"));
    }

    #[test]
    fn malformed_templates_are_refused() {
        for template in [
            "a//b", "~a", "{", "{x", "{}", "{x}{y}", "{*a}/b", "a{*b}", "{x?}a", "{a}/{A}",
            "{x:int}", "{x=1}", "a?b",
        ] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }
}
