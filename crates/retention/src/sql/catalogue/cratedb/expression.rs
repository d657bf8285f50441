//! Reads the expression of a generated column as CrateDB stores it: one call whose arguments are literals and a column.
//!
//! A closed grammar: whatever else it finds, it reads nothing, and what is not read is not guessed.

/// A call such as `date_trunc('day', ts)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) function: String,
    pub(super) arguments: Vec<Argument>,
}

/// An argument; casts of literals are left out, since the server has folded them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Text(String),
    Number(i64),
    Column(Column),
}

/// A column, or a place within an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) within: Vec<String>,
}

impl Call {
    /// Reads all of `text`; `None` where it is anything else than one call.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader(text);
        let function = reader.word()?.to_owned();
        reader.mark("(")?;
        let mut arguments = vec![reader.argument()?];
        while reader.mark(",").is_some() {
            arguments.push(reader.argument()?);
        }
        reader.mark(")")?;
        reader.0.is_empty().then_some(Self { function, arguments })
    }

    /// The one column among the arguments; `None` where there is none or more than one.
    pub(super) fn column(&self) -> Option<&Column> {
        let mut columns = self.arguments.iter().filter_map(|argument| match argument {
            Argument::Column(column) => Some(column),
            Argument::Text(_) | Argument::Number(_) => None,
        });
        let column = columns.next()?;
        columns.next().is_none().then_some(column)
    }
}

/// What is left to read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn mark(&mut self, mark: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(mark)?.trim_start();
        Some(())
    }

    /// Letters, digits and underscores, not beginning with a digit.
    fn word(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        Some(word)
    }

    /// What stands between two quotes; a doubled one stands for itself.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut rest = self.0.strip_prefix(quote)?;
        let mut text = String::new();
        loop {
            let (before, after) = rest.split_once(quote)?;
            text.push_str(before);
            match after.strip_prefix(quote) {
                Some(further) => {
                    text.push(quote);
                    rest = further;
                }
                None => {
                    self.0 = after;
                    return Some(text);
                }
            }
        }
    }

    fn number(&mut self) -> Option<i64> {
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()) + self.0.len() - digits.len();
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        number.parse().ok()
    }

    fn argument(&mut self) -> Option<Argument> {
        let argument = match self.0.chars().next()? {
            '\'' => Argument::Text(self.quoted('\'')?),
            '-' | '0'..='9' => Argument::Number(self.number()?),
            _ => return self.column().map(Argument::Column),
        };
        if self.mark("::").is_some() {
            self.word()?;
            // `timestamp with time zone` has more words than one.
            while self.0.starts_with(' ') {
                self.0 = self.0.trim_start();
                self.word()?;
            }
        }
        Some(argument)
    }

    fn column(&mut self) -> Option<Column> {
        let name = if self.0.starts_with('"') { self.quoted('"')? } else { self.word()?.to_owned() };
        let mut within = Vec::new();
        while let Some(rest) = self.0.strip_prefix('[') {
            self.0 = rest;
            within.push(self.quoted('\'')?);
            self.0 = self.0.strip_prefix(']')?;
        }
        Some(Column { name, within })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        Column { name: name.to_owned(), within: Vec::new() }
    }

    #[test]
    fn what_the_server_stores_is_read() {
        let call = Call::read("date_trunc('day', ts)").unwrap();
        assert_eq!(call.function, "date_trunc");
        assert_eq!(call.arguments, [Argument::Text("day".into()), Argument::Column(column("ts"))]);
        let call = Call::read("date_bin('P7D'::interval, ts, 1578268800000::bigint)").unwrap();
        assert_eq!(call.arguments[2], Argument::Number(1_578_268_800_000));
        let call = Call::read(r#"date_trunc('day', "Tä""s, (")"#).unwrap();
        assert_eq!(call.column(), Some(&column("Tä\"s, (")));
        let call = Call::read("f('it''s', -1::timestamp with time zone, o['a''b']['c'])").unwrap();
        assert_eq!(call.arguments[..2], [Argument::Text("it's".into()), Argument::Number(-1)]);
        assert_eq!(call.column().unwrap().within, ["a'b", "c"]);
    }

    #[test]
    fn whatever_else_there_is_is_not_read() {
        for text in [
            "",
            "ts",
            "(date_trunc('day', ts) + 'P1D'::interval)",
            "cast(date_trunc('day', ts) AS BIGINT)",
            "extract(YEAR FROM ts)",
            "date_trunc('day', ts) + 1",
            "date_trunc('day', ts",
            "date_trunc('day ts)",
            "date_trunc('day', ts::bigint)",
            "date_trunc('day', f(ts))",
            "f(99999999999999999999, ts)",
            "f(o[1])",
        ] {
            assert_eq!(Call::read(text), None, "{text}");
        }
        assert_eq!(Call::read("f(a, b)").unwrap().column(), None, "of two columns");
    }
}
