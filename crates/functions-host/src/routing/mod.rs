//! Which function a request reaches: ASP.NET route templates, tried in order.

mod path;
mod segment;
mod template;

pub(crate) use path::segments;
pub(crate) use template::Template;

use crate::functions::{Function, HttpTrigger, Trigger};

/// The function that a request reaches: the first, in the order of `functions`,
/// whose template matches and whose methods allow. More specific templates do
/// not win (seen with the router that the Functions host uses, the HTTP
/// extension 3.2.0 of azure-webjobs-sdk-extensions).
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::functions::AuthorizationLevel;

    fn functions(added: &Value, seven: &str) -> Vec<Function> {
        let added = added.as_array().unwrap();
        added
            .iter()
            .map(|entry| {
                let text = |index: usize| entry[index].as_str().unwrap();
                let methods = if text(2) == "*" { seven } else { text(2) };
                Function {
                    name: text(0).to_owned(),
                    disabled: false,
                    trigger: Trigger::Http(HttpTrigger {
                        route: text(1).to_owned(),
                        template: Template::parse(text(1)).unwrap(),
                        methods: Some(methods.split(' ').map(str::to_owned).collect()),
                        authorization_level: AuthorizationLevel::Anonymous,
                    }),
                }
            })
            .collect()
    }

    #[test]
    fn every_request_reaches_the_function_that_the_real_router_chose() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/router.json")).unwrap();
        let seven = recorded["seven"].as_str().unwrap();
        let mut checked = 0;
        for run in ["first", "second"] {
            let functions = functions(&recorded[run]["added"], seven);
            for case in recorded[run]["reached"].as_array().unwrap() {
                let request = case[0].as_str().unwrap();
                let (method, path) = request.split_once(' ').unwrap();
                let reached = route(&functions, method, path).map(|(found, _)| found.name.as_str());
                assert_eq!(reached, case[1].as_str(), "{run}: {request}");
                checked += 1;
            }
        }
        assert_eq!(checked, 28);
    }
}
