//! Text made safe to stand in HTML.
//!
//! Everything that comes from a database, a manifest or an error goes through here on its way into the page.

use std::fmt::{self, Display, Write};

/// A value that is escaped as it is written, in text and in quoted attributes alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped<T>(T);

/// `value`, to be written into HTML.
pub(super) const fn esc<T: Display>(value: T) -> Escaped<T> {
    Escaped(value)
}

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            c if is_disruptive(c) => self.0.write_char(char::REPLACEMENT_CHARACTER),
            c => self.0.write_char(c),
        })
    }
}

/// Whether `c` would not show itself but change how its neighbours show: a name could pose as another by it.
fn is_disruptive(c: char) -> bool {
    let turns_direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns_direction || (c.is_control() && c != '\n' && c != '\t')
}

/// A table of HTML, so that every table of the page has the same form: scrolled where it is too wide, numbers to the right.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// What it shows, for those who can't see it at a glance.
    pub(super) caption: &'a str,
    /// The titles of its columns, and whether numbers stand in them.
    pub(super) columns: &'a [(&'a str, bool)],
}

impl Table<'_> {
    /// The table with `rows` of finished HTML cells, each with the class of its row.
    pub(super) fn render(&self, rows: &[(&str, Vec<String>)]) -> String {
        let mut out = String::from("<div class=\"scroll\"><table>\n");
        out.push_str(&format!("<caption>{}</caption>\n<thead><tr>", esc(self.caption)));
        for (title, number) in self.columns {
            out.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(*number), esc(title)));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (kind, cells) in rows {
            out.push_str(&format!(
                "<tr{}>",
                if kind.is_empty() { String::new() } else { format!(" class=\"{kind}\"") }
            ));
            for (cell, (_, number)) in cells.iter().zip(self.columns) {
                out.push_str(&format!("<td{}>{cell}</td>", class(*number)));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table></div>\n");
        out
    }
}

const fn class(number: bool) -> &'static str {
    if number { " class=\"n\"" } else { "" }
}
