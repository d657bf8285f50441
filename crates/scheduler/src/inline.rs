//! Inline metadata: what files say about themselves in TOML, Python in comments (PEP 723) and Rust in its frontmatter
//! (RFC 3502 and 3503, "cargo script").
//!
//! Only text is taken apart: nothing is run, imported or looked up.

use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::tree::Position;
#[cfg(feature = "import")]
use clusterkeep_core::manifest::tree::{Entry, Tree, Value};
use clusterkeep_core::{Error, Result};
#[cfg(feature = "import")]
use toml::Spanned;
#[cfg(feature = "import")]
use toml::de::{DeTable, DeValue};

/// TOML out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The TOML.
    pub(crate) text: String,
    /// The line of the file that its first line is, from 1.
    pub(crate) line: u64,
    /// How many characters stand before each of its lines.
    indent: u64,
}

impl Block {
    /// What it says.
    ///
    /// # Errors
    ///
    /// It is no TOML, with its place in `file`.
    pub(crate) fn table(&self, file: &str) -> Result<toml::Table> {
        self.text.parse().map_err(|error| self.no_toml(&error, file))
    }

    fn no_toml(&self, error: &toml::de::Error, file: &str) -> Error {
        let position = self.position(error.span().map_or(0, |span| span.start));
        Error::input(format!("its inline metadata is no TOML: {}", error.message().trim_end()))
            .at(Place { file: file.to_owned(), position: Some(position) })
    }

    /// The line and column in the file of what begins at this byte.
    fn position(&self, byte: usize) -> Position {
        let before = self.text.get(..byte).unwrap_or_default();
        let line = before.matches('\n').count() as u64;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
        (self.line + line, column + self.indent + 1)
    }

    /// What it says, as a tree in which every key and value knows its place in the file.
    ///
    /// # Errors
    ///
    /// As [`table`](Self::table).
    #[cfg(feature = "import")]
    pub(crate) fn tree(&self, file: &str) -> Result<Tree> {
        let table = self.table(file)?;
        let placed = DeTable::parse(&self.text).map_err(|error| self.no_toml(&error, file))?;
        let at = (self.line, 1);
        Ok(Tree { value: Value::Map(self.entries(&table, Some(placed.get_ref()), at)), at })
    }

    #[cfg(feature = "import")]
    fn entries(&self, table: &toml::Table, placed: Option<&DeTable<'_>>, outer: Position) -> Vec<Entry> {
        let entry = |(key, value): (&String, &toml::Value)| {
            let known = placed.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
            Entry {
                key: key.clone(),
                at: known.map_or(outer, |(name, _)| self.position(name.span().start)),
                value: self.value(value, known.map(|(_, value)| value), outer),
            }
        };
        let mut entries: Vec<Entry> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    #[cfg(feature = "import")]
    fn value(&self, value: &toml::Value, placed: Option<&Spanned<DeValue<'_>>>, outer: Position) -> Tree {
        let at = placed.map_or(outer, |placed| self.position(placed.span().start));
        let placed = placed.map(Spanned::get_ref);
        let value = match value {
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Integer(number) => Value::Integer((*number).into()),
            toml::Value::Float(number) => Value::Float(*number),
            toml::Value::Boolean(truth) => Value::Bool(*truth),
            toml::Value::Datetime(instant) => Value::Text(instant.to_string()),
            toml::Value::Array(items) => {
                let placed = placed.and_then(DeValue::as_array);
                let item = |(number, item): (usize, &toml::Value)| {
                    self.value(item, placed.and_then(|items| items.get(number)), at)
                };
                Value::List(items.iter().enumerate().map(item).collect())
            }
            toml::Value::Table(table) => Value::Map(self.entries(table, placed.and_then(DeValue::as_table), at)),
        };
        Tree { value, at }
    }
}

/// The block of this name in the comments of a Python file: `# /// NAME`, up to `# ///`.
///
/// # Errors
///
/// A block without an end, with the line that it begins in.
#[cfg(feature = "import")]
pub(crate) fn python(text: &str, name: &str, file: &str) -> Result<Option<Block>> {
    let mut lines = (1..).zip(text.lines()).skip_while(|(_, line)| line.trim_end() != format!("# /// {name}"));
    let Some((first, _)) = lines.next() else { return Ok(None) };
    let mut block = String::new();
    for (_, line) in lines {
        let line = line.trim_end();
        if line == "# ///" {
            return Ok(Some(Block { text: block, line: first + 1, indent: 2 }));
        }
        let Some(line) = line.strip_prefix('#') else { break };
        block.push_str(line.strip_prefix(' ').unwrap_or(line));
        block.push('\n');
    }
    Err(Error::input(format!("its block `# /// {name}` has no end `# ///`"))
        .at(Place { file: file.to_owned(), position: Some((first, 1)) })
        .with_hint("each line of it begins with `#`, and the last one is `# ///`"))
}

/// The frontmatter of a Rust file, and the file with blank lines in its place, so that lines keep their numbers.
///
/// # Errors
///
/// A frontmatter without an end, or in another language than TOML for cargo.
pub(crate) fn rust(text: &str, file: &str) -> Result<(Option<Block>, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let shebang = text.starts_with("#!") && !text.trim_start_matches("#!").trim_start().starts_with('[');
    let mut body = String::with_capacity(text.len());
    let mut lines = (1..).zip(text.lines());
    let mut fence = None;
    for (number, line) in lines.by_ref() {
        let dashes = line.len() - line.trim_start_matches('-').len();
        if dashes >= 3 {
            let language = line[dashes..].trim();
            if !matches!(language, "" | "cargo" | "toml") {
                return Err(Error::input(format!("its frontmatter is `{}`", language.escape_debug()))
                    .at(Place { file: file.to_owned(), position: Some((number, 1)) })
                    .with_hint("begin it with `---cargo`, or with `---` alone"));
            }
            fence = Some((number, dashes));
            body.push('\n');
            break;
        }
        let is_shebang = number == 1 && shebang;
        if !is_shebang && !line.trim().is_empty() {
            return Ok((None, text.to_owned()));
        }
        body.push_str(line);
        body.push('\n');
    }
    let Some((first, dashes)) = fence else { return Ok((None, text.to_owned())) };
    let mut block = String::new();
    for (_, line) in lines.by_ref() {
        body.push('\n');
        if line.trim_end().len() == dashes && line.starts_with('-') && line.trim_end().bytes().all(|byte| byte == b'-')
        {
            for (_, line) in lines {
                body.push_str(line);
                body.push('\n');
            }
            return Ok((Some(Block { text: block, line: first + 1, indent: 0 }), body));
        }
        block.push_str(line);
        block.push('\n');
    }
    Err(Error::input("its frontmatter has no end")
        .at(Place { file: file.to_owned(), position: Some((first, 1)) })
        .with_hint(format!("end it with a line of `{}`", "-".repeat(dashes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "import")]
    #[test]
    fn a_block_of_comments_is_taken_out_with_its_lines() {
        let text =
            "#!/usr/bin/env python\n# /// script\n# ///\n# /// task\n# when = \"@daily\"\n#\n# [env]\n# ///\nx = 1\n";
        let block = python(text, "task", "t.py").unwrap().unwrap();
        assert_eq!(block, Block { text: "when = \"@daily\"\n\n[env]\n".into(), line: 5, indent: 2 });
        assert_eq!(python("x = 1\n", "task", "t.py").unwrap(), None);
        let error = python("# /// task\n# a = 1\nx = 1\n", "task", "t.py").unwrap_err();
        assert_eq!(error.to_string(), "t.py:1:1: its block `# /// task` has no end `# ///`");
        let wrong = python("\n# /// task\n# a = 1\n# b =\n# ///\n", "task", "t.py").unwrap().unwrap();
        assert!(wrong.table("t.py").unwrap_err().to_string().starts_with("t.py:4:"), "{wrong:?}");
    }

    #[test]
    fn frontmatter_is_taken_out_and_lines_stay_where_they_are() {
        let text = "#!/usr/bin/env cargo\n\n---cargo\n[dependencies]\n---\nfn main() {}\n";
        let (block, body) = rust(text, "t.rs").unwrap();
        assert_eq!(block, Some(Block { text: "[dependencies]\n".into(), line: 4, indent: 0 }));
        assert_eq!(body, "#!/usr/bin/env cargo\n\n\n\n\nfn main() {}\n");
        for plain in ["fn main() {}\n", "#![allow(x)]\n---\n", "// a\n---\n---\n", ""] {
            assert_eq!(rust(plain, "t.rs").unwrap(), (None, plain.to_owned()), "{plain:?}");
        }
        for (text, part) in [("----\n---\n", "t.rs:1:1: its frontmatter has no end"), ("\n---yaml\n---\n", "is `yaml`")]
        {
            let error = rust(text, "t.rs").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
