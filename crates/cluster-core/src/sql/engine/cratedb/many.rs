//! One statement for many rows, as `bulk_args`.

use reqwest::Client;
use serde::Deserialize;
use serde_json::Value as Json;

use super::super::super::value::Value;
use super::super::report::{Report, Said};
use super::Failure;
use super::error::{DOCUMENT_MISSING, LOST, ServerError, UNSUPPORTED};
use super::http::{Call, Endpoint, Running, failed};
use super::value::encode;
use crate::error::{BoxError, Error, ErrorClass};

/// The most rows in one request.
const MOST_ROWS: usize = 5_000;

#[derive(Debug, Deserialize)]
struct Answer {
    results: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    rowcount: i64,
    error: Option<ServerError>,
}

/// Runs the statement for every row; returns how many rows it changed.
pub(super) async fn run(endpoint: &Endpoint, client: &Client, text: &str, rows: &[Vec<Value>]) -> Result<u64, Failure> {
    let mut changed = 0;
    for chunk in encoded(rows)?.chunks(MOST_ROWS) {
        match send(endpoint, client, text, chunk).await {
            Ok(items) => changed += count(&items)?,
            // What drops partitions runs alone.
            Err(report) if report.code.as_deref() == Some(&UNSUPPORTED.to_string()) => {
                changed += one_by_one(endpoint, client, text, chunk).await?;
            }
            Err(report) => return Err(report.into()),
        }
    }
    Ok(changed)
}

/// Runs the statement for every row; says of each whether it changed anything.
pub(super) async fn each(
    endpoint: &Endpoint,
    client: &Client,
    text: &str,
    rows: &[Vec<Value>],
) -> Result<Vec<bool>, Failure> {
    let mut changed = Vec::with_capacity(rows.len());
    for chunk in encoded(rows)?.chunks(MOST_ROWS) {
        changed.extend(outcomes(&send(endpoint, client, text, chunk).await?)?);
    }
    Ok(changed)
}

fn encoded(rows: &[Vec<Value>]) -> Result<Vec<Vec<Json>>, Failure> {
    rows.iter()
        .map(|row| row.iter().map(encode).collect())
        .collect::<Result<_, _>>()
        .map_err(|cause: BoxError| Failure::Bind(Error::caused("bind the parameters of many rows", cause)))
}

async fn send(endpoint: &Endpoint, client: &Client, text: &str, chunk: &[Vec<Json>]) -> Result<Vec<Item>, Report> {
    let mut running = Running::new(endpoint);
    let call = Call { stmt: &running.tagged(text), args: Vec::new(), bulk_args: chunk };
    let sent = endpoint.send(client, &call).await;
    if !matches!(&sent, Err(report) if report.class == ErrorClass::Unreachable) {
        running.ended();
    }
    let answer: Answer = sent?.json().await.map_err(failed)?;
    Ok(answer.results)
}

async fn one_by_one(endpoint: &Endpoint, client: &Client, text: &str, rows: &[Vec<Json>]) -> Result<u64, Report> {
    #[derive(Deserialize)]
    struct Single {
        rowcount: i64,
    }
    let mut changed = 0;
    for row in rows {
        let call = Call { stmt: text, args: row.clone(), bulk_args: &[] };
        let single: Single = endpoint.send(client, &call).await?.json().await.map_err(failed)?;
        changed += u64::try_from(single.rowcount).unwrap_or_default();
    }
    Ok(changed)
}

/// The rows changed, or an error with the number of rows that failed; what did not fail stays.
fn count(results: &[Item]) -> Result<u64, Report> {
    let failures: Vec<_> = results.iter().enumerate().filter(|(_, item)| item.rowcount < -1).collect();
    let reasons = || failures.iter().filter_map(|(at, item)| Some((at, item.error.as_ref()?)));
    // The server tells the reasons of the first failures only.
    let nothing_to_change = failures.is_empty()
        || (reasons().next().is_some() && reasons().all(|(_, error)| error.code == DOCUMENT_MISSING));
    if nothing_to_change {
        return Ok(results.iter().map(|item| u64::try_from(item.rowcount).unwrap_or_default()).sum());
    }
    let (failed, all) = (failures.len(), results.len());
    let Some((at, error)) = reasons().find(|(_, error)| error.code != DOCUMENT_MISSING) else {
        let said = Said(format!("{failed} of {all} rows failed, and the server does not say why"));
        return Err(Report::new(ErrorClass::Other, said));
    };
    let said = Said(format!("{failed} of {all} rows failed, the others stay; row {}: {}", at + 1, error.message));
    Err(Report { source: Box::new(said), ..error.clone().report() })
}

/// Whether each row was changed; one that is not there, or not as the statement said any more, was not.
fn outcomes(results: &[Item]) -> Result<Vec<bool>, Report> {
    let failed =
        |item: &&Item| item.rowcount < -1 && item.error.as_ref().is_some_and(|error| !LOST.contains(&error.code));
    if let Some(error) = results.iter().find(failed).and_then(|item| item.error.clone()) {
        return Err(error.report());
    }
    // The server tells the reasons of the first failures only.
    let (mut lost, mut told) = (0, 0);
    for item in results.iter().filter(|item| item.rowcount < -1) {
        lost += 1;
        told += usize::from(item.error.is_some());
    }
    if lost > 0 && told == 0 {
        let said = Said(format!("{lost} of {} rows failed, and the server does not say why", results.len()));
        return Err(Report::new(ErrorClass::Other, said));
    }
    Ok(results.iter().map(|item| item.rowcount > 0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(json: &str) -> Result<u64, Report> {
        count(&serde_json::from_str::<Vec<Item>>(json).unwrap())
    }

    #[test]
    fn failed_rows_are_counted_and_told() {
        let report = items(
            r#"[{"rowcount":1},{"rowcount":-2,"error":{"code":4091,"message":"there"}},{"rowcount":-2},{"rowcount":0}]"#,
        )
        .unwrap_err();
        assert_eq!(report.class, ErrorClass::DuplicateKey);
        assert_eq!(report.source.to_string(), "2 of 4 rows failed, the others stay; row 2: there");
        assert_eq!(items(r#"[{"rowcount":-2}]"#).unwrap_err().class, ErrorClass::Other);
    }

    #[test]
    fn rows_that_are_not_there_are_no_failure() {
        let missing = r#"[{"rowcount":1},{"rowcount":-2,"error":{"code":40411,"message":"missing"}},{"rowcount":-2}]"#;
        assert_eq!(items(missing).unwrap(), 1);
        assert_eq!(items(r#"[{"rowcount":-1},{"rowcount":3}]"#).unwrap(), 3);
    }
}
