use url::Url;

/// The URI of a resource, or a template of several
/// (azure-functions-mcp-extension, `ResourceUriHelper`).
#[derive(Debug, Clone)]
pub(crate) struct ResourceUri {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Parameter {
        name: String,
        /// Characters that a value cannot have.
        stops: &'static [char],
    },
}

/// Values end where the path's segment does, in a query where the pair does.
const IN_PATH: &[char] = &['/', '?', '#'];
const IN_QUERY: &[char] = &['&', '#'];

impl ResourceUri {
    /// Reads a URI or a template.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("Resource URI cannot be null or whitespace.".into());
        }
        let pieces = pieces(text)?;
        check_parameters(&pieces)?;
        // Any text in place of a parameter has to make a URI.
        let example: String = pieces.iter().map(Piece::example).collect();
        if Url::parse(&example).is_err() {
            return Err(format!("Invalid resource URI format: '{text}'"));
        }
        Ok(Self {
            text: text.to_owned(),
            pieces,
        })
    }

    /// Whether the extension looks for a resource of this URI at all: it fails
    /// on what is no URI.
    pub(crate) fn is_askable(text: &str) -> bool {
        Self::parse(text).is_ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_template(&self) -> bool {
        self.parameters().next().is_some()
    }

    /// The same for every template that stands for the same URIs.
    pub(super) fn shape(&self) -> String {
        let shape: String = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_str(),
                Piece::Parameter { .. } => "{_}",
            })
            .collect();
        shape.to_lowercase()
    }

    /// The parameters' values in a URI that this one stands for; case does not
    /// matter, and values stay as they were written.
    pub(crate) fn values(&self, uri: &str) -> Option<Vec<(String, String)>> {
        let mut values = matched(&self.pieces, uri)?;
        values.reverse();
        Some(values)
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(Piece::name)
    }
}

impl Piece {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter { name, .. } => Some(name),
        }
    }

    fn example(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Parameter { .. } => "template",
        }
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let malformed = || {
        "Resource URI contains malformed template syntax (unmatched or empty braces).".to_owned()
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(malformed)?;
        if name.is_empty() || name.contains('{') || literal.contains('}') {
            return Err(malformed());
        }
        if literal.is_empty() && !pieces.is_empty() {
            return Err(
                "Resource URI template expressions must be separated by at least one literal character or delimiter."
                    .into(),
            );
        }
        let in_query = literal.ends_with(['?', '&']);
        pieces.push(Piece::Literal(literal.to_owned()));
        pieces.push(Piece::Parameter {
            name: name.to_owned(),
            stops: if in_query { IN_QUERY } else { IN_PATH },
        });
        rest = after;
    }
    if rest.contains('}') {
        return Err(malformed());
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(pieces)
}

fn check_parameters(pieces: &[Piece]) -> Result<(), String> {
    let mut known: Vec<String> = Vec::new();
    for name in pieces.iter().filter_map(Piece::name) {
        if name.trim().is_empty() || name.contains(['/', '#', '?', '&', ' ']) {
            return Err(format!(
                "Resource URI template parameter '{name}' contains invalid characters."
            ));
        }
        let plain = name
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_")
            .to_ascii_lowercase();
        if known.contains(&plain) {
            return Err(format!(
                "Resource URI template has duplicate or colliding parameter names: '{name}'."
            ));
        }
        known.push(plain);
    }
    Ok(())
}

/// The values of the parameters among `pieces`, the last first. A value is as
/// long as it can be.
fn matched(pieces: &[Piece], uri: &str) -> Option<Vec<(String, String)>> {
    match pieces {
        [] => uri.is_empty().then(Vec::new),
        [Piece::Literal(text), rest @ ..] => {
            let (start, after) = uri.split_at_checked(text.len())?;
            start.eq_ignore_ascii_case(text).then_some(())?;
            matched(rest, after)
        }
        [Piece::Parameter { name, stops }, rest @ ..] => {
            let longest = uri.find(*stops).unwrap_or(uri.len());
            let (span, _) = uri.split_at_checked(longest)?;
            span.char_indices().rev().find_map(|(start, last)| {
                let (value, after) = uri.split_at_checked(start + last.len_utf8())?;
                let mut values = matched(rest, after)?;
                values.push((name.clone(), value.to_owned()));
                Some(values)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, uri: &str) -> Option<Vec<String>> {
        let values = ResourceUri::parse(template).unwrap().values(uri)?;
        Some(values.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn a_template_stands_for_uris_with_a_value_in_each_place() {
        for (template, uri, expected) in [
            ("docs://pages/{page}", "docs://pages/one", vec!["one"]),
            ("docs://pages/{page}", "DOCS://Pages/a%2Fb", vec!["a%2Fb"]),
            ("a://x/{one}/{two}", "a://x/1/2", vec!["1", "2"]),
            ("a://x/{one}-{two}", "a://x/1-2-3", vec!["1-2", "3"]),
            ("a://x?q={q}", "a://x?q=1", vec!["1"]),
            ("a://x?{q}&{r}", "a://x?1/2&3?", vec!["1/2", "3?"]),
            ("file://x", "FILE://X", vec![]),
        ] {
            let found = values(template, uri).unwrap_or_else(|| panic!("{template} {uri}"));
            assert_eq!(found, expected, "{template} {uri}");
        }
        for (template, uri) in [
            ("docs://pages/{page}", "docs://pages/"),
            ("docs://pages/{page}", "docs://pages/a/b"),
            ("docs://pages/{page}", "docs://pages/a?b"),
            ("docs://pages/{page}/x", "docs://pages/a"),
            ("file://x", "file://x/"),
        ] {
            assert_eq!(values(template, uri), None, "{template} {uri}");
        }
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            " ",
            "pages/{page}",
            "docs://{",
            "docs://a}",
            "docs://{}",
            "docs://{a}{b}",
            "docs://{a}/{A}",
            "docs://{a b}",
        ] {
            assert!(ResourceUri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn templates_that_differ_in_names_alone_have_one_shape() {
        let shape = |text: &str| ResourceUri::parse(text).unwrap().shape();
        assert_eq!(shape("docs://{a}/x"), shape("DOCS://{b}/X"));
        assert_ne!(shape("docs://{a}/x"), shape("docs://a/x"));
    }
}
