//! What an expression says that its writer may not have meant.

use std::fmt;

use serde::Serialize;

use super::Dialect;

/// A remark on an expression that is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "warning")]
#[non_exhaustive]
pub enum Warning {
    /// A step does not divide its field: the last interval is shorter than the others.
    UnevenStep {
        /// The item as written, such as `*/45`.
        item: String,
        /// The field's unit in the plural, such as `minutes`.
        unit: &'static str,
        /// The step.
        step: u32,
        /// The values that the item gives.
        values: Vec<u32>,
    },
    /// Both day fields are restricted, and either of them is enough.
    EitherDay {
        /// Whether the dialect knows `+`, which asks for both.
        plus: bool,
    },
    /// Quartz itself refuses it, since none of the two day fields is `?`; the crate `cron` does not.
    NoQuestionMark,
    /// Cron daemons take five fields.
    FieldsBeyondCrontab {
        /// How many there are.
        count: usize,
    },
    /// Cron daemons don't take it.
    BeyondCrontab {
        /// The item as written, such as `LW`.
        item: String,
    },
    /// It means the same in another dialect, once seconds are in front of it.
    NeedsSeconds {
        /// The other dialect.
        dialect: Dialect,
    },
    /// Another dialect refuses it.
    RefusedBy {
        /// The other dialect.
        dialect: Dialect,
        /// What is wrong there.
        why: String,
    },
    /// It means something else in another dialect.
    MeansElsewhere {
        /// The other dialect.
        dialect: Dialect,
        /// What it means there, in plain words.
        means: String,
        /// Which rules differ.
        because: Vec<&'static str>,
    },
}

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is about the expression itself, which may not mean what its writer meant.
    Warning,
    /// It says what other programs would make of it.
    Note,
}

impl Level {
    /// The name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Warning {
    /// How much it matters.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::UnevenStep { .. } | Self::EitherDay { .. } => Level::Warning,
            _ => Level::Note,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnevenStep { item, unit, step, values } => {
                write!(f, "`{item}` fires at ")?;
                let last = values.len().saturating_sub(1);
                for (i, value) in values.iter().enumerate() {
                    let before = if i == 0 { "" } else if i == last { " and " } else { ", " };
                    write!(f, "{before}{value}")?;
                }
                write!(f, " in {unit}, not every {step} {unit}; `@every` counts on")
            }
            Self::NoQuestionMark => f.write_str("Quartz itself wants `?` in one of the two day fields"),
            Self::FieldsBeyondCrontab { count } => {
                write!(f, "cron daemons take 5 fields, not {count}: most read the first as the minute")
            }
            Self::BeyondCrontab { item } => write!(f, "cron daemons do not take `{item}`"),
            Self::NeedsSeconds { dialect } => write!(f, "{dialect} wants seconds in front: `0 ...`"),
            Self::RefusedBy { dialect, why } => write!(f, "{dialect} refuses it: {why}"),
            Self::MeansElsewhere { dialect, means, because } => {
                write!(f, "in {dialect} it means: {means}")?;
                if because.is_empty() { Ok(()) } else { write!(f, " ({})", because.join("; ")) }
            }
            Self::EitherDay { plus: false } => {
                f.write_str("a day matches that either the day of the month or the day of the week names")
            }
            Self::EitherDay { plus: true } => f.write_str(
                "a day matches that either the day of the month or the day of the week names; `+` before the day of the week asks for both",
            ),
        }
    }
}
