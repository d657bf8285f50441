//! The report: what went and what was kept, as a page to look at.

use clusterkeep_core::plan::Report;
use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::Planned;
use clusterkeep_retention::model::Meaning;
use clusterkeep_retention::plan::Domain;
use clusterkeep_testkit::weather;

use super::prepare::Weather;
use crate::report::{ReportData, RollupColumn, TableSize, collect_rollup, into_series, render};

/// Writes the report, whole or not at all.
pub(super) async fn write(
    weather: &Weather,
    planned: &Planned,
    report: &Report<Domain>,
    sizes: &[TableSize],
) -> Result<()> {
    let mut raw = std::collections::BTreeMap::<String, Vec<_>>::new();
    for row in weather::observations()? {
        if let Some(temp) = row.numbers[0] {
            raw.entry(row.origin).or_default().push((row.time_hour, temp));
        }
    }
    let mut rolled = Vec::new();
    for policy in &weather.manifest.tables {
        for rollup in policy.rollups() {
            let column = RollupColumn {
                table: rollup.target.clone(),
                meaning: Some(Meaning::EpochSeconds),
                by: Ident::literal("origin"),
                column: Ident::literal("temp"),
                every: rollup.every,
                zone: weather.manifest.zone_of(policy),
            };
            rolled.push(collect_rollup(&weather.db, &column).await?);
        }
    }
    let mut rolled = rolled.into_iter();
    let series = into_series(raw, rolled.next().unwrap_or_default(), rolled.next().unwrap_or_default());
    let data = ReportData {
        planned,
        report,
        table: TableName::bare(Ident::literal("observations")),
        column: "temp".to_owned(),
        unit: "°F".to_owned(),
        by: "airport".to_owned(),
        series,
        sizes: sizes.to_vec(),
        notes: vec!["SQLite keeps the pages that became free within its file, for what comes next.".to_owned()],
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let partial = weather.report.with_extension("html.partial");
    std::fs::write(&partial, render(&data)).map_err(|e| Error::io("write the report", &partial, e))?;
    std::fs::rename(&partial, &weather.report).map_err(|e| Error::io("put the report in place at", &weather.report, e))
}
