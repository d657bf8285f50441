//! Lists, ranges and steps, as most crons write them.

/// The names that a field takes for its values.
pub(super) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
pub(super) const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// How a program reads a field.
pub(super) struct Grammar {
    pub(super) low: u32,
    pub(super) high: u32,
    /// Names for the values from `low` on.
    pub(super) names: &'static [&'static str],
    /// Whether `?` is a star.
    pub(super) question: bool,
    /// Whether `5/15` means from 5 to the end; else it is refused.
    pub(super) open_step: bool,
    /// Whether `22-2` goes around the end.
    pub(super) around: bool,
}

impl Grammar {
    pub(super) const fn of(low: u32, high: u32) -> Self {
        Self { low, high, names: &[], question: false, open_step: false, around: false }
    }

    /// The values of a field, in order.
    pub(super) fn values(&self, field: &str) -> Result<Vec<u32>, String> {
        let mut values = Vec::new();
        for item in field.split(',') {
            self.item(item, &mut values)?;
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn item(&self, item: &str, values: &mut Vec<u32>) -> Result<(), String> {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(number(step).filter(|step| *step > 0).ok_or_else(|| refused(item))?)),
            None => (item, None),
        };
        let (first, last) = if base == "*" || base == "?" && self.question {
            (self.low, self.high)
        } else if let Some((first, last)) = base.split_once('-') {
            (self.value(first).ok_or_else(|| refused(item))?, self.value(last).ok_or_else(|| refused(item))?)
        } else {
            let first = self.value(base).ok_or_else(|| refused(item))?;
            match step {
                Some(_) if !self.open_step => return Err(refused(item)),
                Some(_) => (first, self.high),
                None => (first, first),
            }
        };
        if first > last && !self.around {
            return Err(refused(item));
        }
        let size = self.high - self.low + 1;
        let last = if first > last { last + size } else { last };
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
        values.extend((first..=last).step_by(step).map(|value| self.low + (value - self.low) % size));
        Ok(())
    }

    /// A number or a name.
    pub(super) fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|index| u32::try_from(index).ok()).map(|index| self.low + index);
        named.or_else(|| number(text)).filter(|value| (self.low..=self.high).contains(value))
    }
}

pub(super) fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn refused(item: &str) -> String {
    format!("`{item}` is refused there")
}

/// All of an unbroken range.
pub(super) fn all(low: u32, high: u32) -> Vec<u32> {
    (low..=high).collect()
}
