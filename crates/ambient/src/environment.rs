use std::collections::BTreeMap;
use std::fmt::Debug;

/// Reads settings that the process was started with.
pub trait Environment: Debug + Send + Sync {
    /// The value of `name`; `None` when it is not set, is empty or is not
    /// Unicode. (An emptied app setting means "not set" to people.)
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Default, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// Settings held in memory, optionally over another environment.
#[derive(Debug, Default)]
pub struct FixedEnvironment {
    values: BTreeMap<String, String>,
    over: Option<Box<dyn Environment>>,
}

impl FixedEnvironment {
    /// Exactly the given settings.
    pub fn new<N: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (N, V)>) -> Self {
        Self {
            values: values
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            over: None,
        }
    }

    /// The given settings as defaults: whatever `over` sets wins.
    #[must_use]
    pub fn beneath(self, over: Box<dyn Environment>) -> Self {
        Self {
            values: self.values,
            over: Some(over),
        }
    }
}

impl Environment for FixedEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        self.over
            .as_ref()
            .and_then(|over| over.get(name))
            .or_else(|| self.values.get(name).cloned())
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_means_not_set_and_the_upper_layer_wins() {
        let upper = FixedEnvironment::new([("A", "upper"), ("B", "")]);
        let layered =
            FixedEnvironment::new([("A", "lower"), ("B", "lower")]).beneath(Box::new(upper));
        assert_eq!(layered.get("A").as_deref(), Some("upper"));
        assert_eq!(layered.get("B").as_deref(), Some("lower"));
        assert_eq!(layered.get("C"), None);
    }
}
