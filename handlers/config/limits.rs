//! How often callers may call.

use std::num::NonZeroU32;

use super::reader::Reader;
use crate::limits::Figures;

/// The one figure that the others follow from.
const ONE: &str = "ENTRADA_REQUESTS_PER_MINUTE";
/// An older system's switch.
const OLD_SWITCH: &str = "MREG_FASTMCP_ENABLE_RATE_LIMITING";

/// The figure when nobody says otherwise.
const DEFAULT: NonZeroU32 = NonZeroU32::new(100).unwrap();

const FORM: &str = "a number of requests a minute, at least 1, or `off`";

pub(super) fn read(reader: &mut Reader<'_>) -> Figures {
    let on = reader.flag(OLD_SWITCH, true) || reader.has_own(ONE);
    let one = figure(reader, ONE, Some(DEFAULT)).filter(|_| on);
    let from_one = one.map_or(Figures::NONE, Figures::from_one);
    Figures {
        user: figure(reader, "ENTRADA_LIMIT_USER", from_one.user),
        admin: figure(reader, "ENTRADA_LIMIT_ADMIN", from_one.admin),
        tenant: figure(reader, "ENTRADA_LIMIT_TENANT", from_one.tenant),
        global: figure(reader, "ENTRADA_LIMIT_GLOBAL", from_one.global),
        public_tool: figure(reader, "ENTRADA_LIMIT_PUBLIC_TOOL", from_one.public_tool),
        refused_token: figure(
            reader,
            "ENTRADA_LIMIT_REFUSED_TOKEN",
            from_one.refused_token,
        ),
        sign_in: figure(reader, "ENTRADA_LIMIT_SIGN_IN", from_one.sign_in),
        registration: figure(reader, "ENTRADA_LIMIT_REGISTRATION", from_one.registration),
    }
}

fn figure(reader: &mut Reader<'_>, name: &str, default: Option<NonZeroU32>) -> Option<NonZeroU32> {
    match reader.text(name) {
        None => default,
        Some(text) if text.eq_ignore_ascii_case("off") => None,
        Some(_) => reader.optional(name, FORM),
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::FixedEnvironment;

    use super::super::{Settings, SettingsFaults};
    use super::*;

    fn load(values: &[(&str, &str)]) -> Result<Figures, SettingsFaults> {
        let guid = "11111111-1111-4111-8111-111111111111";
        let needed = [
            ("ENTRADA_TENANT_ID", guid),
            ("ENTRADA_CLIENT_ID", guid),
            ("ENTRADA_STORAGE", "file:/tmp/state"),
            ("ENTRADA_KEY_VAULT_URL", "https://kv.example"),
        ];
        let values = needed.iter().chain(values).copied();
        let (settings, _) = Settings::load(&FixedEnvironment::new(values), false)?;
        Ok(settings.limits)
    }

    fn all(figures: Figures) -> [u32; 8] {
        let Figures {
            user,
            admin,
            tenant,
            global,
            public_tool,
            refused_token,
            sign_in,
            registration,
        } = figures;
        [
            user,
            admin,
            tenant,
            global,
            public_tool,
            refused_token,
            sign_in,
            registration,
        ]
        .map(|figure| figure.map_or(0, NonZeroU32::get))
    }

    #[test]
    fn all_follow_from_one_figure() {
        let expected = [100, 1_000, 1_000, 10_000, 20, 20, 500, 100];
        assert_eq!(all(load(&[]).unwrap()), expected);
        let seven = load(&[("ENTRADA_REQUESTS_PER_MINUTE", "7")]).unwrap();
        assert_eq!(all(seven), [7, 70, 70, 700, 2, 2, 35, 7]);
        let old = load(&[("MREG_FASTMCP_REQUESTS_PER_MINUTE", "10")]).unwrap();
        assert_eq!(old.admin, NonZeroU32::new(100));
    }

    #[test]
    fn each_can_be_set_and_switched_off_by_itself() {
        let figures = load(&[
            ("ENTRADA_REQUESTS_PER_MINUTE", "off"),
            ("ENTRADA_LIMIT_GLOBAL", "5000"),
        ]);
        assert_eq!(all(figures.unwrap()), [0, 0, 0, 5_000, 0, 0, 0, 0]);
        let figures = load(&[
            ("ENTRADA_LIMIT_SIGN_IN", "OFF"),
            ("ENTRADA_LIMIT_USER", "1"),
        ]);
        let expected = [1, 1_000, 1_000, 10_000, 20, 20, 0, 100];
        assert_eq!(all(figures.unwrap()), expected);
    }

    #[test]
    fn an_older_switch_means_off_unless_the_new_name_says_a_number() {
        let off = ("MREG_FASTMCP_ENABLE_RATE_LIMITING", "false");
        assert_eq!(load(&[off]).unwrap(), Figures::NONE);
        let both = load(&[off, ("ENTRADA_REQUESTS_PER_MINUTE", "60")]).unwrap();
        assert_eq!(both.user, NonZeroU32::new(60));
        let old_number = load(&[off, ("MREG_FASTMCP_REQUESTS_PER_MINUTE", "60")]);
        assert_eq!(old_number.unwrap(), Figures::NONE);
    }

    #[test]
    fn what_is_no_figure_stops_the_start() {
        for text in ["0", "-1", "1.5", "many"] {
            let faults = load(&[("ENTRADA_LIMIT_TENANT", text)]).unwrap_err();
            assert_eq!(faults.names().collect::<Vec<_>>(), ["ENTRADA_LIMIT_TENANT"]);
        }
    }
}
