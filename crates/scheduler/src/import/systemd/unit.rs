//! Unit files of systemd: sections of keys and values, put together from what stands in one text or several.

use std::collections::BTreeMap;

use super::super::Source;

/// A unit, with all that its files and drop-ins say, in their order.
#[derive(Debug, Default)]
pub(super) struct Unit {
    entries: Vec<Entry>,
}

/// An assignment.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) place: String,
}

impl Unit {
    /// The values of a key that may be given several times; an empty one takes those before it back.
    pub(super) fn all(&self, section: &str, key: &str) -> Vec<&Entry> {
        let mut values = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.section == section && entry.key == key) {
            if entry.value.is_empty() {
                values.clear();
            } else {
                values.push(entry);
            }
        }
        values
    }

    /// The last value of a key.
    pub(super) fn last(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section, key).last().map(|entry| entry.value.as_str())
    }

    pub(super) fn has(&self, section: &str) -> bool {
        self.entries.iter().any(|entry| entry.section == section)
    }

    /// The keys of a section that are not among those that are known.
    pub(super) fn others(&self, section: &str, known: &[&str]) -> Vec<String> {
        let of_section = self.entries.iter().filter(|entry| entry.section == section && !entry.value.is_empty());
        let mut keys: Vec<_> =
            of_section.filter(|entry| !known.contains(&entry.key.as_str())).map(|entry| entry.key.clone()).collect();
        keys.dedup();
        keys
    }

    /// Where it is said first.
    pub(super) fn place(&self) -> &str {
        self.entries.first().map_or("", |entry| entry.place.as_str())
    }
}

/// The units of texts, by their names.
///
/// A line like `# /etc/systemd/system/x.timer`, which `systemctl cat` prints, begins another file; without it the name of
/// the text is that of the unit.
pub(super) fn units(sources: &[Source]) -> BTreeMap<String, Unit> {
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    for source in sources {
        let (mut name, mut section) = (of_path(&source.name).unwrap_or_else(|| source.name.clone()), String::new());
        let mut lines = source.text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let place = format!("{}:{}", source.name, index + 1);
            let mut line = line.trim().to_owned();
            if let Some(path) = line.strip_prefix("# /").and_then(|path| of_path(&format!("/{path}"))) {
                (name, section) = (path, String::new());
                continue;
            }
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            while line.ends_with('\\') {
                line.pop();
                let Some((_, next)) = lines.next() else { break };
                // Comments may stand between the parts of a line.
                if !next.trim_start().starts_with(['#', ';']) {
                    line.push(' ');
                    line.push_str(next.trim());
                } else {
                    line.push('\\');
                }
            }
            if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                header.clone_into(&mut section);
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
                units.entry(name.clone()).or_default().entries.push(Entry {
                    section: section.clone(),
                    key,
                    value,
                    place,
                });
            }
        }
    }
    units
}

/// The unit that a file is of: its own name, or that of the folder of a drop-in.
fn of_path(path: &str) -> Option<String> {
    let is_unit = |name: &str| name.ends_with(".timer") || name.ends_with(".service");
    let mut parts = path.trim().rsplit('/');
    let file = parts.next()?;
    if is_unit(file) {
        return Some(file.to_owned());
    }
    let folder = parts.next()?.strip_suffix(".d")?;
    (file.ends_with(".conf") && is_unit(folder)).then(|| folder.to_owned())
}
