//! Which function a request reaches: ASP.NET route templates, tried in order.

mod path;
mod segment;
mod template;

pub(crate) use path::segments;
pub(crate) use template::Template;

use crate::functions::{Function, HttpTrigger, Trigger};

/// The function that a request reaches: the first, in the order of `functions`,
/// whose template matches and whose methods allow. More specific templates do
/// not win (seen with the router that the Functions host uses, WebJobs HTTP
/// extension 3.2.0).
pub(crate) fn route<'a>(
    functions: &'a [Function],
    method: &str,
    path: &str,
) -> Option<(&'a Function, &'a HttpTrigger)> {
    let segments = segments(path);
    functions
        .iter()
        .find_map(|function| match &function.trigger {
            Trigger::Http(trigger)
                if trigger.template.matches(&segments) && trigger.allows(method) =>
            {
                Some((function, trigger))
            }
            _ => None,
        })
}
