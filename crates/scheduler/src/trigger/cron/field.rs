//! One field of an expression: its names and bounds, and how its items become values.

use super::{Dialect, Warning, restrict};

/// What a field is made of.
#[derive(Debug)]
pub(super) struct Field {
    /// In the singular, for messages.
    pub(super) name: &'static str,
    /// In the plural, for messages.
    pub(super) unit: &'static str,
    pub(super) min: u32,
    pub(super) max: u32,
    /// Three letters that mean the values from `min` on, and the whole words.
    names: &'static [(&'static str, &'static str)],
    pub(super) kind: Kind,
}

/// Which of the seven it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

const fn field(kind: Kind, name: &'static str, unit: &'static str, min: u32, max: u32) -> Field {
    Field { name, unit, min, max, names: &[], kind }
}

pub(super) static SECOND: Field = field(Kind::Second, "second", "seconds", 0, 59);
pub(super) static MINUTE: Field = field(Kind::Minute, "minute", "minutes", 0, 59);
pub(super) static HOUR: Field = field(Kind::Hour, "hour", "hours", 0, 23);
pub(super) static DAY_OF_MONTH: Field = field(Kind::DayOfMonth, "day of the month", "days of the month", 1, 31);
pub(super) static MONTH: Field = Field {
    names: &[
        ("JAN", "JANUARY"),
        ("FEB", "FEBRUARY"),
        ("MAR", "MARCH"),
        ("APR", "APRIL"),
        ("MAY", "MAY"),
        ("JUN", "JUNE"),
        ("JUL", "JULY"),
        ("AUG", "AUGUST"),
        ("SEP", "SEPTEMBER"),
        ("OCT", "OCTOBER"),
        ("NOV", "NOVEMBER"),
        ("DEC", "DECEMBER"),
    ],
    ..field(Kind::Month, "month", "months", 1, 12)
};
pub(super) static DAY_OF_WEEK: Field = Field {
    names: &[
        ("SUN", "SUNDAY"),
        ("MON", "MONDAY"),
        ("TUE", "TUESDAY"),
        ("WED", "WEDNESDAY"),
        ("THU", "THURSDAY"),
        ("FRI", "FRIDAY"),
        ("SAT", "SATURDAY"),
    ],
    ..field(Kind::DayOfWeek, "day of the week", "days of the week", 0, 6)
};
pub(super) static YEAR: Field = field(Kind::Year, "year", "years", 1970, 2199);

/// What is the same for all fields of one expression.
pub(super) struct Context<'a> {
    pub(super) dialect: Dialect,
    /// The schedule's name, which places hashed fields.
    pub(super) name: &'a str,
}

/// What is wrong with a field, without the expression around it.
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

pub(super) type Checked<T> = Result<T, Wrong>;

/// What a field looks like beyond its values.
#[derive(Default)]
pub(super) struct Shape {
    /// It begins with `*` or `?`.
    pub(super) star: bool,
    /// It has a `*`, a step or a range.
    pub(super) interval: bool,
}

/// The values from `first` to `last`; around the end of the field where `last` is below `first`.
struct Range {
    first: u32,
    last: u32,
}

impl Field {
    /// Reads a field: `special` may take an item (`L`, `15W`, ...), the others become values for `set`.
    pub(super) fn read(
        &self,
        text: &str,
        context: &Context<'_>,
        warnings: &mut Vec<Warning>,
        mut set: impl FnMut(u32),
        mut special: impl FnMut(&str) -> Checked<bool>,
    ) -> Checked<Shape> {
        let kubernetes = context.dialect == Dialect::Kubernetes;
        // Crontab looks at the first character only; Kubernetes at each item, and a step makes it a restriction.
        let mut shape = Shape { star: !kubernetes && text.starts_with(['*', '?']), interval: false };
        for item in text.split(',') {
            if item.is_empty() {
                return Err(self.wrong(format!("{} `{text}` has an empty item", self.name)));
            }
            if kubernetes && !restrict::kubernetes_takes(item) {
                return Err(restrict::not_in_kubernetes(self.name, item));
            }
            if special(item)? {
                continue;
            }
            let (base, step) = match item.split_once('/') {
                Some((base, step)) => (base, Some(self.step(item, step)?)),
                None => (item, None),
            };
            let range = self.range(item, base, step, context)?;
            shape.star |= kubernetes && matches!(base, "*" | "?") && step.is_none_or(|step| step == 1);
            shape.interval |= step.is_some() || range.first != range.last && !is_hashed(base);
            let mut values = Vec::new();
            self.each(&range, step.unwrap_or(1), &mut |value| {
                if step.is_some() {
                    values.push(value);
                }
                set(value);
            });
            self.warn(item, base, step, values, warnings);
        }
        Ok(shape)
    }

    /// An error with the values that the field takes as its hint.
    pub(super) fn wrong(&self, what: String) -> Wrong {
        let hint = match self.kind {
            Kind::DayOfWeek => "days of the week are 0 to 7, Sunday is 0 and 7, or SUN to SAT".to_owned(),
            Kind::Month => "months are 1 to 12, or JAN to DEC".to_owned(),
            _ => format!("{} are {} to {}", self.unit, self.min, self.max),
        };
        Wrong { what, hint: Some(hint) }
    }

    /// One value, by number or name; days of the week from 0, and 7 left as it is in crontab's dialect.
    pub(super) fn value(&self, text: &str, context: &Context<'_>) -> Checked<u32> {
        let named = |(short, long): &(&str, &str)| short.eq_ignore_ascii_case(text) || long.eq_ignore_ascii_case(text);
        if let Some(index) = self.names.iter().position(named) {
            return Ok(self.min + u32::try_from(index).unwrap_or_default());
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(number) = text.parse::<u32>().ok().filter(|_| digits) else {
            return Err(self.wrong(format!("`{text}` is no {}", self.name)));
        };
        let quartz = self.kind == Kind::DayOfWeek && context.dialect == Dialect::Quartz;
        let (min, max) = match self.kind {
            Kind::DayOfWeek if context.dialect == Dialect::Kubernetes => (0, 6),
            Kind::DayOfWeek => (u32::from(quartz), 7),
            _ => (self.min, self.max),
        };
        if number < min {
            let mut wrong = self.wrong(format!("{} `{text}` is below {min}", self.name));
            if quartz {
                wrong.hint = Some("in this dialect days of the week are 1 to 7, and 1 is Sunday".to_owned());
            }
            return Err(wrong);
        }
        if number > max {
            let mut wrong = self.wrong(format!("{} `{text}` is above {max}", self.name));
            if self.kind == Kind::DayOfWeek && max == 6 {
                wrong.hint = Some("in this dialect days of the week are 0 to 6, and Sunday is 0".to_owned());
            }
            return Err(wrong);
        }
        Ok(number - min + if quartz { 0 } else { min })
    }

    pub(super) fn step(&self, item: &str, step: &str) -> Checked<u32> {
        let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        let largest = self.max - self.min;
        match step.parse::<u32>().ok().filter(|_| digits) {
            Some(0) => Err(Wrong { what: format!("{} `{item}` has a step of 0", self.name), hint: None }),
            Some(step) if step > largest => Err(Wrong {
                what: format!("{} `{item}` has a step larger than its field", self.name),
                hint: Some(format!("the largest step in {} is {largest}; `@every` takes longer intervals", self.unit)),
            }),
            Some(step) => Ok(step),
            None => Err(Wrong {
                what: format!("{} `{item}` has the step `{step}`, which is no number", self.name),
                hint: None,
            }),
        }
    }

    fn range(&self, item: &str, base: &str, step: Option<u32>, context: &Context<'_>) -> Checked<Range> {
        let all = Range { first: self.min, last: self.max };
        if base == "*" {
            return Ok(all);
        }
        if base == "?" {
            let takes = matches!(self.kind, Kind::DayOfMonth | Kind::DayOfWeek) || context.dialect != Dialect::Crontab;
            return if takes { Ok(all) } else { Err(self.wrong(format!("`?` is no {}", self.name))) };
        }
        if let Some(hashed) = self.hashed(item, base, context)? {
            let size = hashed.last - hashed.first + 1;
            let first = hashed.first + self.place(context.name, step.map_or(size, |step| step.min(size)));
            return Ok(Range { first, last: if step.is_some() { hashed.last } else { first } });
        }
        if let Some((first, last)) = base.split_once('-') {
            let range = Range { first: self.value(first, context)?, last: self.value(last, context)? };
            let around = self.kind != Kind::Year && context.dialect != Dialect::Kubernetes;
            if range.first > range.last && !around {
                return Err(self.wrong(format!("{} `{item}` runs backwards", self.name)));
            }
            return Ok(range);
        }
        let first = self.value(base, context)?;
        Ok(Range { first, last: if step.is_some() { self.max.max(first) } else { first } })
    }

    /// The range that a hashed item (`H`, `H(0-29)`, `~`, `0~29`) is placed in.
    fn hashed(&self, item: &str, base: &str, context: &Context<'_>) -> Checked<Option<Range>> {
        // Every month has 28 days: a later place would leave months out.
        let last = if self.kind == Kind::DayOfMonth { 28 } else { self.max };
        let bounds = if let Some(inner) = base.strip_prefix(['H', 'h']) {
            let inner = if inner.is_empty() { None } else { Some(inner) };
            match inner.map(|inner| inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'))) {
                None => Some((self.min, last)),
                Some(Some(inner)) => {
                    let (first, last) = inner
                        .split_once('-')
                        .ok_or_else(|| self.wrong(format!("{} `{item}` has no range in its parentheses", self.name)))?;
                    Some((self.value(first, context)?, self.value(last, context)?))
                }
                Some(None) => None,
            }
        } else if let Some((from, to)) = base.split_once('~') {
            let bound = |text: &str, open| if text.is_empty() { Ok(open) } else { self.value(text, context) };
            Some((bound(from, self.min)?, bound(to, last)?))
        } else {
            None
        };
        match bounds {
            Some((first, last)) if first > last => Err(self.wrong(format!("{} `{item}` runs backwards", self.name))),
            Some((first, last)) => Ok(Some(Range { first, last })),
            None => Ok(None),
        }
    }

    /// A number below `size` that depends on the schedule's name and the field alone (FNV-1a, then mixed).
    fn place(&self, name: &str, size: u32) -> u32 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes().chain([0xff, self.kind as u8]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        u32::try_from((hash >> 32) % u64::from(size)).unwrap_or_default()
    }

    fn each(&self, range: &Range, step: u32, set: &mut impl FnMut(u32)) {
        let size = self.max - self.min + 1;
        let length = if range.first <= range.last {
            range.last - range.first
        } else {
            // Around the end: the distance from first to last, counted modulo the field.
            (range.last + size - range.first % size) % size
        };
        for distance in (0..=length).step_by(step as usize) {
            set(self.min + (range.first - self.min + distance) % size);
        }
    }

    fn warn(&self, item: &str, base: &str, step: Option<u32>, values: Vec<u32>, warnings: &mut Vec<Warning>) {
        let Some(step) = step else { return };
        let clock = matches!(self.kind, Kind::Second | Kind::Minute | Kind::Hour);
        if clock && (base == "*" || base == "?") && !(self.max + 1).is_multiple_of(step) {
            warnings.push(Warning::UnevenStep { item: item.to_owned(), unit: self.unit, step, values });
        }
    }
}

fn is_hashed(base: &str) -> bool {
    base.starts_with(['H', 'h']) || base.contains('~')
}
