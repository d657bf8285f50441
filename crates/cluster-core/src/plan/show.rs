//! Plans as people read them: a table with a reason on every row, and numbers that read well.

use super::Class;

/// A column of a shown table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// Its title.
    pub title: &'static str,
    /// Whether it holds numbers, which stand at the right.
    pub right: bool,
    /// Whether it holds verdicts, which may be coloured.
    pub verdict: bool,
}

impl Heading {
    /// A column of text.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, verdict: false }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, verdict: false }
    }

    /// A column of verdicts.
    #[must_use]
    pub const fn verdict(title: &'static str) -> Self {
        Self { title, right: false, verdict: true }
    }
}

/// A row of a shown table: as many cells as there are headings, and the class that its verdict is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    /// What the verdict means.
    pub class: Class,
    /// The text of each column.
    pub cells: Vec<String>,
}

/// The rows as lines of text, aligned; `paint` may colour a verdict by its class.
#[must_use]
pub fn table(headings: &[Heading], rows: &[Cells], paint: impl Fn(Class, &str) -> String) -> String {
    let width = |column: usize, heading: &Heading| {
        let cells = rows.iter().filter_map(|row| row.cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(heading.title.chars().count())
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(|(column, heading)| width(column, heading)).collect();
    let mut out = String::new();
    let mut line = |cells: &[String], class: Option<Class>| {
        let mut text = String::new();
        for ((heading, width), cell) in headings.iter().zip(&widths).zip(cells) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let shown = match class {
                Some(class) if heading.verdict => paint(class, cell),
                _ => cell.clone(),
            };
            text.push_str("  ");
            text.push_str(&if heading.right { padding + &shown } else { shown + &padding });
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let titles: Vec<String> = headings.iter().map(|heading| heading.title.to_owned()).collect();
    line(&titles, None);
    for row in rows {
        line(&row.cells, Some(row.class));
    }
    out
}

/// A number with its thousands grouped.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things, such as `1 row` and `20,698 rows`.
#[must_use]
pub fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A number of bytes in binary units.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit < 2 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let headings = [Heading::text("table"), Heading::number("rows"), Heading::verdict("verdict")];
        let row = |class, cells: [&str; 3]| Cells { class, cells: cells.map(str::to_owned).to_vec() };
        let rows = [row(Class::Act, ["doc.t", "7", "copy"]), row(Class::Refuse, ["doc.longer", "1,000", "refuse"])];
        let text = table(&headings, &rows, |class, text| format!("<{class:?} {text}>"));
        assert_eq!(
            text,
            "  table        rows  verdict\n  doc.t           7  <Act copy>\n  doc.longer  1,000  <Refuse refuse>\n"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(20_698), "20,698");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(size(68_719_476_736), "64.0 GiB");
    }
}
