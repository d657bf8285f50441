//! The few colours that there are; none of them says anything that the words do not say, too.

/// A colour, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Something is done to it.
    Act,
    /// It is refused, or wrong.
    Refuse,
    /// It went well.
    Good,
    /// What to do next.
    Hint,
}

impl Colour {
    /// The text in this colour, where `on`.
    #[must_use]
    pub fn around(self, text: &str, on: bool) -> String {
        if !on {
            return text.to_owned();
        }
        let code = match self {
            Self::Act => "33",
            Self::Refuse => "1;31",
            Self::Good => "32",
            Self::Hint => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(Colour::Refuse.around("no", false), "no");
        assert_eq!(Colour::Act.around("drop", true), "\u{1b}[33mdrop\u{1b}[0m");
    }
}
