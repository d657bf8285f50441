//! What an expression says that its writer may not have meant.

use std::fmt;

use serde::Serialize;

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
    EitherDay,
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
            Self::EitherDay => f.write_str(
                "a day matches that either the day of the month or the day of the week names; `+` before the day of the week asks for both",
            ),
        }
    }
}
