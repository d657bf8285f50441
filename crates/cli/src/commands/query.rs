//! `query`: one statement, its rows as data.

use std::io::Read;

use clusterkeep_core::address::{ClusterAddress, Resolved};
use clusterkeep_core::error::BoxError;
use clusterkeep_core::sql::{ConnectOptions, Engine, Statement};
use clusterkeep_core::{Error, ErrorClass, ExitCode, Result};

use super::reading::{gives_rows, only_reads};
use crate::args::QueryArgs;
use crate::context::Context;

/// The longest statement that is read from the standard input.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

pub(super) async fn run(args: QueryArgs, context: &Context) -> Result<ExitCode> {
    let text = if args.statement == "-" { standard_input().await? } else { args.statement };
    let Resolved { address, origin } = context.resolve(&args.cluster)?;
    let known = match &address {
        ClusterAddress::Url(url) => Some(url.engine()),
        ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_) => Some(Engine::Cratedb),
        ClusterAddress::Local(_) => None,
    };
    let mut options = ConnectOptions::default().statement_timeout(args.timeout.0).max_sessions(1);
    if !args.write {
        // What can be refused without a server is.
        known.map_or(Ok(()), |engine| only_reads(&text, engine))?;
        options = options.read_only();
    }
    let target = context.connect_to(&address, &origin, options).await?;
    if !args.write && known.is_none() {
        only_reads(&text, target.db.engine())?;
    }
    let rows = !args.write || gives_rows(&text, target.db.engine());
    // The user typed it to be run here.
    let statement = Statement::assert_safe(text);
    let asked = |error| unknown(error, &target.db.address());
    if rows {
        let records = target.db.query(statement).await.map_err(asked)?;
        if !records.columns().is_empty() {
            context.printer.data(&context.printer.format().records(&records)?)?;
        }
    } else {
        let changed = target.db.execute(statement).await.map_err(asked)?;
        context.printer.note(&format!("{changed} row{} changed", if changed == 1 { "" } else { "s" }));
    }
    target.db.close().await;
    Ok(ExitCode::Done)
}

/// A statement that the database can't make sense of is bad input, not a failure.
pub(super) fn unknown(error: Error, address: &str) -> Error {
    let hint = match error.class() {
        Some(ErrorClass::Syntax) => "the statement goes to the database as it is, in its own dialect",
        Some(ErrorClass::MissingRelation) => "is the name right, and is it the right database?",
        Some(ErrorClass::MissingColumn) => "is the name of the column right?",
        _ => return error,
    };
    match error {
        Error::Database { source, .. } => Error::Input {
            what: format!("query on {address}"),
            place: None,
            hint: Some(hint.into()),
            source: Some(source),
        },
        other => other,
    }
}

async fn standard_input() -> Result<String> {
    let failed = |source: BoxError| Error::Input {
        what: "read a statement from the standard input".into(),
        place: None,
        hint: Some("give it as an argument, or pipe it in as UTF-8 text".into()),
        source: Some(source),
    };
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_string(&mut text).map(|_| text)
    });
    let text = read.await.map_err(|error| failed(error.into()))?.map_err(|error| failed(error.into()))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::input("the statement on the standard input is too long"));
    }
    Ok(text)
}
