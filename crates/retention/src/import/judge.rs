//! What a policy of the other tool means here: pure.

use std::collections::BTreeMap;
use std::fmt;

use clusterkeep_core::Result;
use clusterkeep_core::age::{Age, days};
use clusterkeep_core::sql::{Ident, TableName};
use schemars::JsonSchema;
use serde::Serialize;

use super::Foreign;
use crate::model::{Manifest, Meaning, Policy, Tag};

/// What becomes of all rows.
#[derive(Debug, Clone)]
pub struct Import {
    /// The policies that could be taken over, in a zone of UTC.
    pub manifest: Manifest,
    /// Each row, in order.
    pub judged: Vec<Judged>,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Judged {
    /// The row.
    pub row: Foreign,
    /// Whether it was taken over.
    pub imported: bool,
    /// In what its meaning differs here, or why it was not taken over.
    pub differs: Vec<Difference>,
}

/// In what a policy differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// There a partition goes by its start, here by its end.
    CountedFromEnd,
    /// There the day is that of the machine that runs it, here that of the policy's zone.
    DayOfZone,
    /// The column is a time without a zone: taken to be UTC, as it is there.
    TakenForUtc,
    /// The column's type is no point in time; there every number is taken for milliseconds since 1970.
    NeedsMeaning {
        /// The type.
        column_type: String,
    },
    /// The other tool moves or saves partitions; what that means here is for a person to write.
    StrategyMissing {
        /// What it does.
        strategy: String,
    },
    /// A strategy that the other tool does not have.
    UnknownStrategy {
        /// What it says.
        strategy: String,
    },
    /// Several policies delete from one table: there the shortest period wins, here the longest.
    LongestWins {
        /// The period that holds here, in days.
        days: u32,
    },
    /// The period is missing, zero or negative: there it means everything, or nothing.
    BadPeriod {
        /// What it says.
        days: Option<i64>,
    },
    /// There is no such table or column; there that is passed over.
    Missing {
        /// What.
        what: String,
    },
    /// A name or tag that can't be one here.
    BadName {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CountedFromEnd => f.write_str(
                "there a partition goes once its start is old enough, here once its end is: it stays longer, by its width",
            ),
            Self::DayOfZone => f.write_str(
                "there the day is that of the machine that runs it, here one of the policy's zone: set `zone` if not UTC",
            ),
            Self::TakenForUtc => f.write_str("the column has no zone: it is taken for UTC, as there"),
            Self::NeedsMeaning { column_type } => write!(
                f,
                "its column is {column_type}, no point in time: there every number is read as milliseconds since 1970; \
                 write the policy with what it means (`as`)"
            ),
            Self::StrategyMissing { strategy } => write!(f, "the strategy `{strategy}` is not imported: write its tier by hand; nothing goes"),
            Self::UnknownStrategy { strategy } => write!(f, "there is no strategy `{}`", strategy.escape_debug()),
            Self::LongestWins { days } => write!(
                f,
                "several policies delete from this table: there the shortest period wins, here the longest, {days} days"
            ),
            Self::BadPeriod { days: Some(days) } => write!(f, "a period of {days} days would let everything go"),
            Self::BadPeriod { days: None } => f.write_str("it has no period"),
            Self::Missing { what } => write!(f, "there is no {what}; there that is passed over without a word"),
            Self::BadName { why } => f.write_str(why),
        }
    }
}

/// Says of each row what it means here, and makes a manifest `name` of what can be taken over.
///
/// # Errors
///
/// None of a row: what can't be taken over says so itself.
pub fn judge(name: &str, rows: Vec<Foreign>) -> Result<Import> {
    let mut judged: Vec<Judged> = Vec::with_capacity(rows.len());
    let mut taken: BTreeMap<TableName, Vec<usize>> = BTreeMap::new();
    let mut policies: BTreeMap<TableName, Taken> = BTreeMap::new();
    for row in rows {
        match take(&row) {
            Err(why) => judged.push(Judged { row, imported: false, differs: vec![why] }),
            Ok(one) => {
                let mut differs = vec![Difference::CountedFromEnd, Difference::DayOfZone];
                differs.extend(one.meaning.is_some().then_some(Difference::TakenForUtc));
                taken.entry(one.table.clone()).or_default().push(judged.len());
                judged.push(Judged { row, imported: true, differs });
                match policies.get_mut(&one.table) {
                    None => {
                        policies.insert(one.table.clone(), one);
                    }
                    Some(known) if known.column == one.column => known.join(one),
                    // Two columns of one table can't both be its time: the first stays.
                    Some(known) => {
                        let why = format!("another policy goes by the column {} of this table", known.column);
                        if let Some(last) = judged.last_mut() {
                            (last.imported, last.differs) = (false, vec![Difference::BadName { why }]);
                        }
                        taken.entry(one.table).or_default().pop();
                    }
                }
            }
        }
    }
    for (table, rows) in taken.iter().filter(|(_, rows)| rows.len() > 1) {
        let Some(days) = policies.get(table).map(|one| one.days) else { continue };
        for row in rows {
            judged[*row].differs.push(Difference::LongestWins { days });
        }
    }
    let mut manifest = Manifest { zone: Some(chrono_tz::Tz::UTC), ..Manifest::named(name) };
    manifest.tables = policies.into_values().map(Taken::policy).collect();
    Ok(Import { manifest, judged })
}

/// A policy that can be taken over.
struct Taken {
    table: TableName,
    column: Ident,
    meaning: Option<Meaning>,
    days: u32,
    tags: Vec<Tag>,
}

impl Taken {
    fn join(&mut self, other: Self) {
        self.days = self.days.max(other.days);
        self.tags.extend(other.tags);
        self.tags.sort();
        self.tags.dedup();
    }

    fn policy(self) -> Policy {
        let age: Age = days(self.days);
        let mut policy = Policy::for_table(&self.table.to_string()).drop_after(age);
        policy.time.column = self.column;
        policy.time.meaning = self.meaning;
        policy.tags = self.tags;
        policy
    }
}

fn take(row: &Foreign) -> Result<Taken, Difference> {
    let bad_name = |e: clusterkeep_core::Error| Difference::BadName { why: e.to_string() };
    let strategy = || row.strategy.clone();
    match row.strategy.as_str() {
        "delete" => {}
        "reallocate" | "snapshot" => return Err(Difference::StrategyMissing { strategy: strategy() }),
        _ => return Err(Difference::UnknownStrategy { strategy: strategy() }),
    }
    let days = row.days.and_then(|days| u32::try_from(days).ok()).filter(|days| *days > 0);
    let days = days.ok_or(Difference::BadPeriod { days: row.days })?;
    let missing = |what: &str| Difference::Missing { what: what.to_owned() };
    let name = Ident::new(row.table.as_deref().ok_or_else(|| missing("table in it"))?).map_err(bad_name)?;
    let table = match &row.schema {
        Some(schema) => TableName::within(Ident::new(schema).map_err(bad_name)?, name),
        None => TableName::bare(name),
    };
    let column = Ident::new(&row.column).map_err(bad_name)?;
    let Some(column_type) = row.column_type.as_deref() else {
        return Err(missing(&format!("column {column} of a table {table}")));
    };
    let meaning = match column_type.to_ascii_lowercase().as_str() {
        "timestamp with time zone" => None,
        "timestamp without time zone" => Some(Meaning::Utc),
        _ => return Err(Difference::NeedsMeaning { column_type: column_type.to_owned() }),
    };
    let tags = row.tags.iter().map(|tag| tag.parse().map_err(bad_name)).collect::<Result<Vec<Tag>, _>>()?;
    Ok(Taken { table, column, meaning, days, tags })
}
