//! What steers a terminal is kept from text that others have a part in: what a job, a server or a store has said.

use std::borrow::Cow;

/// The text without what would steer a terminal: characters of control, but for line ends (also those of Windows), tabs and
/// the colours that are our own, and those that turn the direction of what follows (Unicode, "Bidirectional formatting").
/// Each that is taken out leaves U+FFFD.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let whole = if rest.starts_with("\r\n") { Some(2) } else { colour(rest) };
        let taken = whole.unwrap_or(c.len_utf8());
        if taken == c.len_utf8() && steers(c) {
            kept.push('\u{fffd}');
        } else {
            kept.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    kept.into()
}

fn steers(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The length of the colour that a text begins with: `ESC [ DIGITS ; .. m` (ECMA-48, "Select graphic rendition").
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_reach_a_terminal() {
        for (text, shown) in [
            ("plain\n\ttext é", "plain\n\ttext é"),
            ("\u{1b}[1;31mno\u{1b}[0m", "\u{1b}[1;31mno\u{1b}[0m"),
            ("\u{1b}[2Jgone", "\u{fffd}[2Jgone"),
            ("\u{1b}]0;title\u{7}x", "\u{fffd}]0;title\u{fffd}x"),
            ("\u{1b}]52;c;cm0gLXJm\u{1b}\\", "\u{fffd}]52;c;cm0gLXJm\u{fffd}\\"),
            ("\u{9b}31mx", "\u{fffd}31mx"),
            ("good\rbad", "good\u{fffd}bad"),
            ("a line\r\nof Windows", "a line\r\nof Windows"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("\u{1b}[31", "\u{fffd}[31"),
            ("\u{1b}", "\u{fffd}"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }
}
