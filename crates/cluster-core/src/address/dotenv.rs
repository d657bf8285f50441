//! Reading of `.env` files: assignments, and nothing that reaches out of the file.
//!
//! The libraries for this replace `$NAME` by what the process's environment holds. Here that would let a file in a
//! folder that somebody else wrote put a key of the user into the address that it makes us talk to, so a value stands
//! for itself.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

use crate::error::{Error, Place, Result};

/// The variables of the file at `path`; none where there is no such file.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(source) => Err(Error::Input {
            what: format!("read `{}`", path.display()),
            place: None,
            hint: Some("name the cluster with --cluster, and the file is not looked at".into()),
            source: Some(source.into()),
        }),
    }
}

fn parse(text: &str, file: &str) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut reader = Reader { chars: text.trim_start_matches('\u{feff}').chars().peekable(), line: 1 };
    loop {
        reader.skip(|c| c.is_whitespace());
        let line = reader.line;
        let failed = |what: &str| Error::input(what).at(Place { file: file.into(), position: Some((line, 1)) });
        match reader.chars.peek() {
            None => return Ok(variables),
            Some('#') => reader.skip(|c| c != '\n'),
            Some(_) => {
                let (name, value) = reader.assignment().map_err(|what| {
                    failed(what).with_hint("write NAME=value; put a value with blanks, `#` or quotes in single quotes")
                })?;
                if variables.contains_key(&name) {
                    return Err(failed(&format!("{name} is set twice")).with_hint("keep one of the two lines"));
                }
                variables.insert(name, value);
            }
        }
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: u64,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next();
        self.line += u64::from(c == Some('\n'));
        c
    }

    fn take(&mut self, accept: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while self.chars.peek().is_some_and(|c| accept(*c)) {
            taken.extend(self.next());
        }
        taken
    }

    fn skip(&mut self, accept: impl Fn(char) -> bool) {
        self.take(accept);
    }

    /// `NAME=value`, `export NAME=value`, up to the end of the line.
    fn assignment(&mut self) -> Result<(String, String), &'static str> {
        let blank = |c: char| c == ' ' || c == '\t';
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
        let mut name = self.take(part);
        self.skip(blank);
        if name == "export" && self.chars.peek() != Some(&'=') {
            name = self.take(part);
            self.skip(blank);
        }
        if name.is_empty() || self.next() != Some('=') {
            return Err("this is no assignment");
        }
        self.skip(blank);
        let value = match self.chars.peek() {
            Some('\'') => self.quoted('\'')?,
            Some('"') => self.quoted('"')?,
            _ => {
                let value = self.take(|c| c != '\n');
                // As in a shell, ` #` begins a comment and `a#b` does not.
                let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
                let end = if value.starts_with('#') { 0 } else { end };
                return Ok((name, value[..end].trim_end().to_owned()));
            }
        };
        self.skip(|c| blank(c) || c == '\r');
        match self.chars.peek() {
            None | Some('\n') => Ok((name, value)),
            Some('#') => {
                self.skip(|c| c != '\n');
                Ok((name, value))
            }
            Some(_) => Err("something follows the closing quote"),
        }
    }

    /// Text in quotes, over several lines where it goes on; only double quotes know escapes.
    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next().ok_or("a quote is not closed")? {
                c if c == quote => return Ok(text),
                '\\' if quote == '"' => match self.next().ok_or("a quote is not closed")? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    c @ ('\\' | '"' | '$' | '`') => text.push(c),
                    _ => return Err("an escape is unknown"),
                },
                c => text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_for_themselves() {
        let text = "\u{feff}# a comment\nA=1\r\nexport B = 'x # y'\n\nC=\"two\\nlines\"  # why\nD=p#w $HOME ${A} # why\nE=\n\
                    F='-----\n-----'\nexport=7\nG=#\n";
        let variables = parse(text, ".env").unwrap();
        let expected = [
            ("A", "1"),
            ("B", "x # y"),
            ("C", "two\nlines"),
            ("D", "p#w $HOME ${A}"),
            ("E", ""),
            ("F", "-----\n-----"),
            ("G", ""),
            ("export", "7"),
        ];
        assert_eq!(variables, expected.map(|(name, value)| (name.into(), value.into())).into());
    }

    #[test]
    fn what_is_unclear_is_refused_with_its_line_and_without_its_value() {
        for (text, line) in [
            ("A=1\nhunter2\n", 2),
            ("A='hunter2", 1),
            ("A='hunter2' x", 1),
            ("A=1\nB=2\nA=hunter2", 3),
            ("=hunter2", 1),
            ("A=\"hunter2\\x\"", 1),
        ] {
            let error = parse(text, ".env").unwrap_err().to_string();
            assert!(error.starts_with(&format!(".env:{line}:1: ")), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
