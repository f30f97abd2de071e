//! What `entrada dev` tells people once it is ready.

use std::fmt::Write as _;

use entrada_stand_ins::directory::{CONTOSO, personas};

/// The text above the last line.
pub(super) fn banner(base: &str, stand_ins: &str, data_dir: &str) -> String {
    let mut text = String::new();
    let rows = [
        ("Server", base.to_owned()),
        ("MCP endpoint", format!("{base}/mcp")),
        ("Sign in", format!("{base}/auth/login")),
        ("Health", format!("{base}/api/health")),
        ("Stand-ins for Azure and Entra ID", stand_ins.to_owned()),
        ("State", data_dir.to_owned()),
    ];
    // Writing to a String cannot fail.
    let _ = writeln!(text);
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<36}{value}");
    }
    let _ = writeln!(
        text,
        "
  {:<10}{:<10}{:<28}What for",
        "Persona", "Tenant", "Roles"
    );
    for persona in personas() {
        let tenant = if persona.tenant == CONTOSO {
            "contoso"
        } else {
            "fabrikam"
        };
        let roles = if persona.roles.is_empty() {
            "none".to_owned()
        } else {
            persona.roles.join(", ")
        };
        let _ = writeln!(
            text,
            "  {:<10}{tenant:<10}{roles:<28}{}",
            persona.name, persona.description
        );
    }
    let _ = writeln!(
        text,
        "\n  Next, in another terminal:\n\
         \x20   TOKEN=$(cargo run -q -- dev token reader)\n\
         \x20   curl {base}/mcp/tools -H \"Authorization: Bearer $TOKEN\"\n\
         \x20 or open {base}/auth/login in a browser. Ctrl-C stops everything.\n"
    );
    text
}
