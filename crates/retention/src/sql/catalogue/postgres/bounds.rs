//! Reads the bounds of a partition as `pg_get_expr` writes them: what is written, not yet what it means.
//!
//! What is of no form that is known here is no bound: the partition stays.

/// What `FOR VALUES ..` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    /// It takes what no other partition does.
    Default,
    /// It takes what hashes to its remainder.
    Hash,
    /// It takes rows with one of these keys.
    List(Vec<Limit>),
    /// It takes what is at or after the first and before the second, column by column.
    Range(Vec<Limit>, Vec<Limit>),
}

/// One value of a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Limit {
    /// Less than every value.
    Min,
    /// More than every value.
    Max,
    /// NULL.
    Null,
    /// A value, as its type writes it.
    Value(String),
}

impl Bound {
    /// Reads a bound; `None` where it is of no known form.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut tokens = Tokens(text);
        let bound = match tokens.word()?.as_str() {
            "DEFAULT" => Self::Default,
            "FOR" if tokens.word()? == "VALUES" => match tokens.word()?.as_str() {
                "WITH" => return Some(Self::Hash),
                "IN" => Self::List(tokens.row()?),
                "FROM" => {
                    let from = tokens.row()?;
                    let to = (tokens.word()? == "TO").then(|| tokens.row()).flatten()?;
                    (from.len() == to.len()).then_some(Self::Range(from, to))?
                }
                _ => return None,
            },
            _ => return None,
        };
        tokens.next().is_none().then_some(bound)
    }
}

/// A part of the text.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A keyword, or a number that needs no quotes.
    Word(String),
    /// A literal in quotes, without them.
    Quoted(String),
    /// `(`, `)` or `,`; or a quote that never ends, which nothing takes.
    Mark(char),
}

/// The tokens of the rest of a text.
struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.0 = self.0.trim_start();
        let first = self.0.chars().next()?;
        match first {
            '\'' => match quoted(&self.0[1..]) {
                Some((literal, rest)) => {
                    self.0 = rest;
                    Some(Token::Quoted(literal))
                }
                None => {
                    self.0 = "";
                    Some(Token::Mark(first))
                }
            },
            '(' | ')' | ',' => {
                self.0 = &self.0[1..];
                Some(Token::Mark(first))
            }
            _ => {
                let end = self.0.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                Some(Token::Word(word.to_owned()))
            }
        }
    }
}

/// What stands before the quote that ends a literal, and what comes after it; a quote within is written twice.
fn quoted(mut rest: &str) -> Option<(String, &str)> {
    let mut literal = String::new();
    loop {
        let (before, after) = rest.split_once('\'')?;
        literal.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                literal.push('\'');
                rest = more;
            }
            None => return Some((literal, after)),
        }
    }
}

impl Tokens<'_> {
    fn word(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// `(value, ..)`.
    fn row(&mut self) -> Option<Vec<Limit>> {
        if self.next()? != Token::Mark('(') {
            return None;
        }
        let mut row = Vec::new();
        loop {
            row.push(match self.next()? {
                Token::Quoted(literal) => Limit::Value(literal),
                Token::Word(word) => match word.as_str() {
                    "MINVALUE" => Limit::Min,
                    "MAXVALUE" => Limit::Max,
                    "NULL" => Limit::Null,
                    _ => Limit::Value(word),
                },
                Token::Mark(_) => return None,
            });
            match self.next()? {
                Token::Mark(',') => {}
                Token::Mark(')') => return Some(row),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Limit {
        Limit::Value(text.to_owned())
    }

    #[test]
    fn each_form_is_read_as_it_is_written() {
        let cases = [
            ("DEFAULT", Bound::Default),
            ("FOR VALUES WITH (modulus 4, remainder 0)", Bound::Hash),
            (
                "FOR VALUES IN ('it''s', NULL, 5, '-5')",
                Bound::List(vec![value("it's"), Limit::Null, value("5"), value("-5")]),
            ),
            (
                "FOR VALUES FROM ('2013-01-01 00:00:00+00', MINVALUE) TO (MAXVALUE, ') TO (')",
                Bound::Range(vec![value("2013-01-01 00:00:00+00"), Limit::Min], vec![Limit::Max, value(") TO (")]),
            ),
            ("FOR VALUES IN ('')", Bound::List(vec![value("")])),
        ];
        for (text, wanted) in cases {
            assert_eq!(Bound::read(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_of_another_form_is_no_bound() {
        for text in [
            "",
            "FOR",
            "FOR VALUES",
            "FOR VALUES IN",
            "FOR VALUES IN ()",
            "FOR VALUES IN ('a'",
            "FOR VALUES IN ('a",
            "FOR VALUES IN ('a' 'b')",
            "FOR VALUES IN ('a') ('b')",
            "FOR VALUES IN (B'101')",
            "FOR VALUES IN ('a'::text)",
            "FOR VALUES FROM ('a')",
            "FOR VALUES FROM ('a') TO ('b', 'c')",
            "FOR VALUES FROM ('a') BELOW ('b')",
            "DEFAULT DEFAULT",
        ] {
            assert_eq!(Bound::read(text), None, "{text}");
        }
    }
}
