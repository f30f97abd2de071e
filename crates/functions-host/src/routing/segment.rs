/// A piece of a segment that mixes text and parameters (`v{major}.{minor}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Parameter,
    /// `{x?}`, allowed at the end after a `.`: both may be absent.
    OptionalAfterPeriod,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Parameter { optional: bool },
    CatchAll,
    Mixed(Vec<Part>),
}

impl Segment {
    /// Reads the text between two slashes of a template.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(Part, Option<&str>)> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('{') {
                let (inner, remainder) = after
                    .split_once('}')
                    .ok_or("There is an incomplete parameter in the route template.")?;
                if parts.last().is_some_and(|(_, inner)| inner.is_some()) {
                    return Err("A path segment cannot contain two consecutive parameters.".into());
                }
                parts.push((Part::Parameter, Some(inner)));
                rest = remainder;
            } else {
                let end = rest.find('{').unwrap_or(rest.len());
                let (literal, remainder) = rest.split_at(end);
                if literal.contains(['}', '?']) {
                    return Err(format!("The literal section '{literal}' is invalid."));
                }
                parts.push((Part::Literal(literal.to_owned()), None));
                rest = remainder;
            }
        }
        match parts.as_slice() {
            [(Part::Literal(text), None)] => Ok(Self::Literal(text.clone())),
            [(_, Some(inner))] => Self::whole_parameter(inner),
            _ => mixed(&parts).map(Self::Mixed),
        }
    }

    fn whole_parameter(inner: &str) -> Result<Self, String> {
        if let Some(name) = inner.strip_prefix("**").or_else(|| inner.strip_prefix('*')) {
            check_name(name)?;
            return Ok(Self::CatchAll);
        }
        match inner.strip_suffix('?') {
            Some(name) => check_name(name).map(|()| Self::Parameter { optional: true }),
            None => check_name(inner).map(|()| Self::Parameter { optional: false }),
        }
    }

    /// Whether one segment of a path matches (`CatchAll` takes any).
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => equal_ignoring_case(literal, text),
            Self::Parameter { optional } => *optional || !text.is_empty(),
            Self::CatchAll => true,
            Self::Mixed(parts) => matches_mixed(parts, &text.to_lowercase()),
        }
    }

    /// Whether the path may end before this segment.
    pub(super) fn may_be_absent(&self) -> bool {
        matches!(self, Self::Parameter { optional: true } | Self::CatchAll)
    }
}

fn mixed(parts: &[(Part, Option<&str>)]) -> Result<Vec<Part>, String> {
    let mut mixed = Vec::with_capacity(parts.len());
    for (index, (part, inner)) in parts.iter().enumerate() {
        let Some(inner) = inner else {
            mixed.push(part.clone());
            continue;
        };
        if inner.starts_with('*') {
            return Err("A catch-all parameter must be a whole segment.".into());
        }
        let Some(name) = inner.strip_suffix('?') else {
            check_name(inner)?;
            mixed.push(Part::Parameter);
            continue;
        };
        check_name(name)?;
        let after_period = matches!(mixed.last(), Some(Part::Literal(text)) if text == ".");
        if index + 1 != parts.len() || !after_period {
            return Err(format!(
                "The parameter '{inner}' may be optional only at the end of a segment, after a period."
            ));
        }
        mixed.push(Part::OptionalAfterPeriod);
    }
    Ok(mixed)
}

fn check_name(name: &str) -> Result<(), String> {
    if name.contains([':', '=']) {
        return Err(format!(
            "This stand-in evaluates no constraints or defaults in routes: '{{{name}}}'."
        ));
    }
    if name.is_empty() || name.contains(['*', '?', '{', '/']) {
        return Err(format!("The route parameter name '{name}' is invalid."));
    }
    Ok(())
}

pub(super) fn equal_ignoring_case(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

/// Matches from the end, each literal at its last place, as ASP.NET's
/// `RoutePatternMatcher` does: earlier parameters are greedy, none is empty.
fn matches_mixed(parts: &[Part], text: &str) -> bool {
    if let Some((Part::OptionalAfterPeriod, before)) = parts.split_last() {
        let with = [before, &[Part::Parameter]].concat();
        let without = before.split_last().map_or(before, |(_, rest)| rest);
        return matches_plain(&with, text) || matches_plain(without, text);
    }
    matches_plain(parts, text)
}

fn matches_plain(parts: &[Part], text: &str) -> bool {
    let mut end = text.len();
    let mut parameter_open = false;
    for part in parts.iter().rev() {
        let Part::Literal(literal) = part else {
            parameter_open = true;
            continue;
        };
        let literal = literal.to_lowercase();
        let Some(head) = text.get(..end) else {
            return false;
        };
        // An open parameter needs at least one character after the literal.
        let searched = if parameter_open {
            let last = head
                .char_indices()
                .next_back()
                .map_or(0, |(index, _)| index);
            head.get(..last).unwrap_or_default()
        } else {
            head
        };
        let Some(start) = searched.rfind(&literal) else {
            return false;
        };
        if !parameter_open && start + literal.len() != end {
            return false;
        }
        (end, parameter_open) = (start, false);
    }
    if parameter_open { end > 0 } else { end == 0 }
}
