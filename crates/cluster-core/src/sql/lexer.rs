//! Splits SQL text into tokens, as far as finding placeholders needs it.
//!
//! It knows where strings, comments and quoted names of each engine begin and end. It does not know grammar, and never
//! rejects text: what does not end is one token up to the end, and the server says what is wrong with it.

use super::Engine;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blanks and comments.
    Space,
    /// A keyword or a bare name.
    Word,
    /// A quoted name.
    Name,
    /// A string or number.
    Literal,
    /// `?`.
    Placeholder,
    /// `??`, which stands for the operator `?`.
    Question,
    /// One other character, such as `(`.
    Mark,
}

/// A part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

impl Token<'_> {
    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// The tokens of `text`; put together again they are the text.
pub(super) const fn tokens(engine: Engine, text: &str) -> Tokens<'_> {
    Tokens { engine, rest: text }
}

/// See [`tokens`].
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    engine: Engine,
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let first = self.rest.chars().next()?;
        let (kind, length) = self.measure(first);
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(Token { kind, text })
    }
}

impl Tokens<'_> {
    /// Kind and length in bytes of the token that begins with `first`.
    fn measure(&self, first: char) -> (Kind, usize) {
        let rest = self.rest;
        let mysql = self.engine == Engine::Mysql;
        match first {
            c if c.is_whitespace() => (Kind::Space, length_while(rest, char::is_whitespace)),
            '-' if rest.starts_with("--") && self.dashes_begin_a_comment() => (Kind::Space, line(rest)),
            '#' if mysql => (Kind::Space, line(rest)),
            '/' if rest.starts_with("/*") && !self.is_executed_comment() => (Kind::Space, self.block_comment()),
            '\'' => (Kind::Literal, quoted(rest, '\'', mysql)),
            '"' if mysql => (Kind::Literal, quoted(rest, '"', true)),
            '"' => (Kind::Name, quoted(rest, '"', false)),
            '`' if mysql || self.engine == Engine::Sqlite => (Kind::Name, quoted(rest, '`', false)),
            '[' if self.engine == Engine::Sqlite => (Kind::Name, rest.find(']').map_or(rest.len(), |at| at + 1)),
            '$' if self.has_dollar_quotes() => self.dollar(),
            '?' if rest.starts_with("??") => (Kind::Question, 2),
            '?' => (Kind::Placeholder, 1),
            c if c.is_ascii_digit() => (Kind::Literal, length_while(rest, is_word_part)),
            c if is_word_start(c) => self.word(),
            c => (Kind::Mark, c.len_utf8()),
        }
    }

    const fn has_dollar_quotes(&self) -> bool {
        matches!(self.engine, Engine::Postgres | Engine::Cratedb)
    }

    /// MariaDB/MySQL read `a--1` as a subtraction: there, a blank must follow.
    fn dashes_begin_a_comment(&self) -> bool {
        let blank_follows = self.rest[2..].chars().next().is_none_or(|c| c.is_whitespace() || c.is_control());
        self.engine != Engine::Mysql || blank_follows
    }

    /// MariaDB/MySQL execute what stands in `/*! .. */`, so placeholders in it count.
    fn is_executed_comment(&self) -> bool {
        self.engine == Engine::Mysql && (self.rest.starts_with("/*!") || self.rest.starts_with("/*M!"))
    }

    fn block_comment(&self) -> usize {
        let nests = self.engine == Engine::Postgres;
        let (mut depth, mut at) = (0_usize, 0);
        while let Some(found) = self.rest[at..].find(['/', '*']) {
            at += found;
            let rest = &self.rest[at..];
            if rest.starts_with("/*") && (depth == 0 || nests) {
                depth += 1;
                at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            } else {
                at += 1;
            }
        }
        self.rest.len()
    }

    /// A word, or with `E` before a quote a string with backslash escapes.
    fn word(&self) -> (Kind, usize) {
        let length = length_while(self.rest, is_word_part);
        let (word, after) = self.rest.split_at(length);
        if self.has_dollar_quotes() && word.eq_ignore_ascii_case("e") && after.starts_with('\'') {
            return (Kind::Literal, length + quoted(after, '\'', true));
        }
        (Kind::Word, length)
    }

    /// `$tag$ .. $tag$`, or a lone `$` (of `$1`).
    fn dollar(&self) -> (Kind, usize) {
        let tag = length_while(&self.rest[1..], is_word_part_but_dollar);
        let begins_with_digit = self.rest[1..].starts_with(|c: char| c.is_ascii_digit());
        if begins_with_digit || !self.rest[1 + tag..].starts_with('$') {
            return (Kind::Mark, 1);
        }
        let fence = &self.rest[..tag + 2];
        let end = self.rest[fence.len()..].find(fence).map_or(self.rest.len(), |at| at + 2 * fence.len());
        (Kind::Literal, end)
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_word_part(c: char) -> bool {
    is_word_part_but_dollar(c) || c == '$'
}

fn is_word_part_but_dollar(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

fn length_while(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

/// The length of what `quote` begins; doubled quotes belong to it, and so does what a backslash escapes.
fn quoted(text: &str, quote: char, backslash: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINES: [Engine; 4] = [Engine::Sqlite, Engine::Postgres, Engine::Mysql, Engine::Cratedb];

    fn shape(engine: Engine, text: &str) -> Vec<(Kind, &str)> {
        tokens(engine, text).filter(|t| t.kind != Kind::Space).map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn strings_end_by_each_engines_rules() {
        use Kind::{Literal, Placeholder, Word};
        assert_eq!(shape(Engine::Postgres, r"'a\' ?"), [(Literal, r"'a\'"), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Mysql, r"'a\' ?' ?"), [(Literal, r"'a\' ?'"), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Postgres, r"e'a\'?' ?"), [(Literal, r"e'a\'?'"), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Postgres, r"$a$ $$ ? $a$ ?"), [(Literal, r"$a$ $$ ? $a$"), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Sqlite, "x'00' 'it''s ?'"), [(Word, "x"), (Literal, "'00'"), (Literal, "'it''s ?'")]);
        assert_eq!(shape(Engine::Mysql, r#""a""?""#), [(Literal, r#""a""?""#)]);
    }

    #[test]
    fn names_end_by_each_engines_rules() {
        use Kind::{Literal, Mark, Name, Placeholder};
        assert_eq!(shape(Engine::Postgres, r#""a""?\" ?"#), [(Name, r#""a""?\""#), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Mysql, "`a``?` ?"), [(Name, "`a``?`"), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Sqlite, "[a?] ?"), [(Name, "[a?]"), (Placeholder, "?")]);
        let subscript = [(Mark, "["), (Placeholder, "?"), (Mark, "]")];
        assert_eq!(shape(Engine::Postgres, "[?]"), subscript);
        assert_eq!(shape(Engine::Cratedb, "['?']"), [(Mark, "["), (Literal, "'?'"), (Mark, "]")]);
    }

    #[test]
    fn comments_end_by_each_engines_rules() {
        use Kind::{Mark, Placeholder, Word};
        assert_eq!(shape(Engine::Sqlite, "a -- ?\n/* ? */ ?"), [(Word, "a"), (Placeholder, "?")]);
        assert_eq!(shape(Engine::Postgres, "/* /* ? */ ? */ ?"), [(Placeholder, "?")]);
        assert_eq!(shape(Engine::Sqlite, "/* /* ? */ ?"), [(Placeholder, "?")]);
        assert_eq!(
            shape(Engine::Mysql, "# ?\n?--?"),
            [(Placeholder, "?"), (Mark, "-"), (Mark, "-"), (Placeholder, "?")]
        );
        assert_eq!(tokens(Engine::Mysql, "/*! ? */").filter(|t| t.kind == Placeholder).count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn tokens_put_together_are_the_text(text in r#"([?'"`$/*\-#\\\[\]a-eE1(),; \n]|é|\PC){0,40}"#) {
            for engine in ENGINES {
                let joined: String = tokens(engine, &text).map(|token| token.text).collect();
                proptest::prop_assert_eq!(&joined, &text);
            }
        }
    }
}
