/// `text` without characters that a terminal would act on: what comes from a
/// token or from a server must not move the cursor or change colours.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_replaced() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{9b}1m\r"),
            "a\u{fffd}[2Jb\u{fffd}1m\u{fffd}"
        );
        assert_eq!(printable("Häuser, 家"), "Häuser, 家");
    }
}
