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
            "doctor::",
            "foundry_agents::",
            "functions::",
            "health::",
            "limits::",
            "mcp::",
            "oauth::",
            "python::",
            "sign_in::",
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

impl Setting {
    /// The name of its log file and in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.through, self.storage)
    }
}
