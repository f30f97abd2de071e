/// One way of running the black-box tests (`tests/it`). They read
/// `ENTRADA_TEST_STORAGE` and `ENTRADA_TEST_THROUGH` and start the server
/// accordingly.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Where state lies: `embedded` (a file) or `azurite` (Table Storage).
    pub(crate) storage: &'static str,
    /// How requests reach the handler: `direct`, or through the stand-in of
    /// the Functions `host`, which runs the package.
    pub(crate) through: &'static str,
    /// Which tests run, as libtest takes it: those whose path contains one of
    /// these; empty for all.
    pub(crate) tests: &'static [&'static str],
}

/// The setting of the first run, which covers every crate.
pub(crate) const FIRST: Setting = Setting {
    storage: "embedded",
    through: "direct",
    tests: &[],
};

/// The black-box tests that touch storage or the host, in every other
/// setting.
pub(crate) const OTHERS: [Setting; 3] = [
    Setting {
        storage: "azurite",
        through: "direct",
        tests: &[
            "audit::",
            "chat::",
            "clients::",
            "limits::",
            "mcp::",
            "oauth::",
            "python::",
            "round_trips::",
            "secrets::re_encryption",
            "sign_in::",
            "tokens::",
            "tools::",
        ],
    },
    Setting {
        storage: "embedded",
        through: "host",
        tests: &[
            "audit::",
            "bad_input::",
            "browser::",
            "chat::",
            "clients::",
            "conformance::the_product",
            "doctor::",
            "foundry_agents::",
            "functions::",
            "health::",
            "limits::",
            "mcp::",
            "oauth::",
            "openapi::pages",
            "python::",
            "secrets::credentials",
            "secrets::first_requests",
            "secrets::rotation",
            "secrets::starts",
            "secrets::storage",
            "sign_in::",
            "telemetry::",
            "tokens::",
            "tools::",
        ],
    },
    Setting {
        storage: "azurite",
        through: "host",
        tests: &[
            "audit::",
            "chat::",
            "functions::",
            "instances::",
            "limits::",
            "mcp::",
            "oauth::",
            "sign_in::",
            "tools::",
        ],
    },
];

/// Black-box tests that do not run through the host on embedded storage, and
/// why.
#[cfg(test)]
const NOT_THROUGH_THE_HOST: [(&str, &str); 8] = [
    (
        "conformance::",
        "but for the product's: the server with everything runs in the test's own process",
    ),
    (
        "instances::",
        "they share storage, and a file has one owner",
    ),
    (
        "openapi::routes",
        "the router is looked at, and no server runs",
    ),
    (
        "openapi::schemathesis",
        "the host itself refuses methods that no function takes, with 404",
    ),
    (
        "round_trips::",
        "storage is counted in the test's own process",
    ),
    (
        "secrets::keys",
        "the program is run as a command, by people",
    ),
    (
        "secrets::re_encryption",
        "storage is looked into while the server is down",
    ),
    ("stand_ins::", "no server runs"),
];

impl Setting {
    /// The name of its log file and in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.through, self.storage)
    }

    /// Tests that run at a time. Black-box tests, which run alone in other
    /// settings than the first, wait more than they compute.
    pub(crate) fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if self.tests.is_empty() {
            cores
        } else {
            2 * cores
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::workspace::Workspace;

    use super::*;

    /// The modules that a file of the tests declares: none if it is not there.
    fn modules(file: &str) -> Vec<String> {
        let path = Workspace::of_this_build().path("tests/it").join(file);
        let source = std::fs::read_to_string(path).unwrap_or_default();
        let declared = source.lines().filter_map(|line| {
            let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
            Some(name.to_owned())
        });
        declared.collect()
    }

    /// Modules without tests.
    const SHARED: [&str; 2] = ["rig::", "secrets::wrapped"];

    /// Tests that nobody has thought about run through no host: each runs
    /// through it, or is left out for a reason.
    #[test]
    fn the_host_runs_every_black_box_test_but_those_that_cannot() {
        let through_host = OTHERS
            .iter()
            .find(|setting| (setting.through, setting.storage) == ("host", "embedded"))
            .unwrap();
        let left_out = NOT_THROUGH_THE_HOST.iter().map(|(tests, _)| tests);
        let known: BTreeSet<_> = through_host
            .tests
            .iter()
            .chain(left_out)
            .chain(&SHARED)
            .copied()
            .collect();
        let top = modules("main.rs");
        assert!(top.len() > 10, "{top:?}");
        for module in top {
            let whole = format!("{module}::");
            if known.contains(whole.as_str()) {
                continue;
            }
            let parts = modules(&format!("{module}/mod.rs"));
            assert!(!parts.is_empty(), "{whole} is not known");
            for part in parts {
                let part = format!("{whole}{part}");
                assert!(known.contains(part.as_str()), "{part} is not known");
            }
        }
    }
}
