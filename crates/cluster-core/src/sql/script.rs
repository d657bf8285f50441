//! Splits what somebody types or pipes in into statements, by each engine's own rules for strings, comments and names.
//!
//! It decides nothing about a statement but where it ends, and rejects nothing.

use super::Engine;
use super::lexer::{Kind, Token, tokens};

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    engine: Engine,
    /// The statement, without what separates it from the next, and without blanks around it.
    pub text: &'a str,
    /// Whether a semicolon ended it; only the last one of a script may lack it.
    pub is_complete: bool,
}

impl<'a> Part<'a> {
    /// Its bare words, in order: keywords, and names that are not quoted.
    pub fn words(&self) -> impl Iterator<Item = &'a str> {
        tokens(self.engine, self.text).filter(|token| token.kind == Kind::Word).map(|token| token.text)
    }
}

/// The statements of `text`; what holds nothing but blanks and comments is none.
///
/// ```
/// use clusterkeep_core::sql::{Engine, statements};
/// let parts = statements(Engine::Sqlite, "SELECT ';' AS a; -- two;\nSELECT 2");
/// assert_eq!(parts.len(), 2);
/// assert_eq!(parts[0].text, "SELECT ';' AS a");
/// assert!(parts[0].is_complete && !parts[1].is_complete);
/// ```
#[must_use]
pub fn statements(engine: Engine, text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut shape = Shape::default();
    for token in tokens(engine, text) {
        let end = at + token.text.len();
        if token.is_mark(";") && !shape.is_inside_a_body() {
            if shape.tokens > 0 {
                parts.push(Part { engine, text: text[start..at].trim(), is_complete: true });
            }
            (start, shape) = (end, Shape::default());
        } else {
            shape.add(token);
        }
        at = end;
    }
    if shape.tokens > 0 {
        parts.push(Part { engine, text: text[start..].trim(), is_complete: false });
    }
    parts
}

/// What is known of a statement that has not ended yet.
#[derive(Debug, Default)]
struct Shape {
    tokens: usize,
    creates: bool,
    routine: bool,
    /// How many `BEGIN` and `CASE` wait for their `END`.
    open: usize,
    after_end: bool,
}

impl Shape {
    fn add(&mut self, token: Token<'_>) {
        if token.kind == Kind::Space {
            return;
        }
        self.tokens += 1;
        let is_one_of = |words: &[&str]| words.iter().any(|word| token.is_word(word));
        if self.tokens == 1 {
            self.creates = token.is_word("create");
        } else if self.creates && self.tokens <= 12 {
            self.routine |= is_one_of(&["trigger", "procedure", "function", "event"]);
        }
        if !self.routine {
            return;
        }
        if std::mem::take(&mut self.after_end) && is_one_of(&["case", "if", "loop", "while", "repeat", "for"]) {
            // `END IF`, `END LOOP` and their like close what was never counted; `END CASE` closes its CASE.
            self.open += usize::from(!token.is_word("case"));
        } else if token.is_word("begin") || (self.open > 0 && token.is_word("case")) {
            self.open += 1;
        } else if token.is_word("end") && self.open > 0 {
            self.open -= 1;
            self.after_end = true;
        }
    }

    /// Semicolons within the body of a trigger or procedure end its statements and not the one that creates it.
    const fn is_inside_a_body(&self) -> bool {
        self.routine && self.open > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Engine; 4] = [Engine::Sqlite, Engine::Postgres, Engine::Mysql, Engine::Cratedb];

    fn texts(engine: Engine, text: &str) -> Vec<String> {
        statements(engine, text).iter().map(|part| part.text.to_owned()).collect()
    }

    #[test]
    fn semicolons_count_outside_of_strings_names_and_comments_only() {
        for engine in ALL {
            assert_eq!(texts(engine, "a ';' b; /* ; */ c -- ;\n; ;;d"), ["a ';' b", "/* ; */ c -- ;", "d"]);
            assert!(texts(engine, " ; -- nothing\n;").is_empty());
        }
        assert_eq!(texts(Engine::Postgres, "DO $$ a; b; $$; c").len(), 2);
        assert_eq!(texts(Engine::Mysql, "`a;b`; \"c;d\"; e").len(), 3);
    }

    #[test]
    fn the_last_one_may_be_open() {
        let parts = statements(Engine::Sqlite, "SELECT 1;\nSELECT '");
        assert_eq!(parts.iter().map(|part| part.is_complete).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn bodies_of_triggers_and_procedures_stay_whole() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 END; \
                       DELETE FROM d; END; SELECT 1;";
        assert_eq!(texts(Engine::Sqlite, trigger).len(), 2);
        let procedure = "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; CASE 1 WHEN 1 THEN SELECT 1; END CASE; \
                         SELECT 2; END; SELECT 3";
        assert_eq!(texts(Engine::Mysql, procedure).len(), 2);
        assert_eq!(texts(Engine::Postgres, "BEGIN; SELECT 1; END; SELECT 2").len(), 4, "a transaction is no body");
    }

    #[test]
    fn words_are_bare_ones() {
        let parts = statements(Engine::Postgres, "-- x\nSelect \"a\", 'b' FROM t");
        assert_eq!(parts[0].words().collect::<Vec<_>>(), ["Select", "FROM", "t"]);
    }
}
