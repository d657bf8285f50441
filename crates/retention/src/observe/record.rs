//! What the sources of rollups were when they were verified: rows of the state table `rollups`.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Db, Engine, Records as ValueRecords, Session, SqlBuilder, Statement, TableName, Value};
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, ErrorClass, Result};

use serde::{Deserialize, Serialize};

use super::{Facts, Piece};
use crate::model::KnownTable;

/// The records of a state, of which there may be none yet.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(super) state: State,
}

/// What a record keeps beside the bounds: how buckets were cut, and what the piece added up to.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    cut: String,
    facts: Option<Facts>,
}

/// What records are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded<'a> {
    pub(crate) target: &'a TableName,
    pub(crate) source: &'a TableName,
    /// How buckets are cut: their width and zone.
    pub(crate) cut: &'a str,
}

impl Records {
    pub(crate) const fn of_state(state: State) -> Self {
        Self { state }
    }

    /// Whether one transaction can hold both data of `db` and records.
    pub(crate) fn share_transactions_with(&self, db: &Db) -> bool {
        self.state.db().same_as(db) && db.capabilities().transactions
    }

    /// How many bytes a name may have.
    pub(crate) fn longest_name(&self) -> usize {
        self.state.db().capabilities().max_identifier
    }

    /// Whether `table` is one of the state's own, by its schema or, on engines without schemas, by its name.
    pub(crate) fn are_kept_in(&self, table: &KnownTable) -> bool {
        let own = self.state.name().as_str();
        table.schema == own || table.table.name.as_str().strip_prefix(own).is_some_and(|rest| rest.starts_with('_'))
    }

    pub(super) fn sql(&self) -> SqlBuilder {
        SqlBuilder::new(self.state.db().engine())
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// The pieces that `target` was verified against, sorted.
    ///
    /// # Errors
    ///
    /// They were cut in another way than `cut`: buckets of both would overlap.
    pub(crate) async fn of(&self, target: &TableName, cut: &str) -> Result<Vec<Piece>> {
        let mut session = self.state.db().session().await?;
        self.refresh(&mut *session, "rollups").await?;
        match session.query(&self.select(target)).await {
            Ok(records) => pieces(&records, target, cut),
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// The same, as the transaction sees them that `session` has open.
    pub(crate) async fn of_within(
        &self,
        session: &mut dyn Session,
        target: &TableName,
        cut: &str,
    ) -> Result<Vec<Piece>> {
        pieces(&session.query(&self.select(target)).await?, target, cut)
    }

    fn select(&self, target: &TableName) -> Statement {
        let mut query = self.sql();
        query.push("SELECT ").join(", ", ["bucket", "until", "source_rows", "facts", "dropped_at"], |sql, name| {
            sql.name(name);
        });
        query.push(" FROM ").table(&self.state.table("rollups")).push(" WHERE ").name("target").push(" = ");
        query.bind(target.to_string()).push(" ORDER BY ").name("bucket");
        query.build()
    }

    /// Adds rows that came later to the record of a piece, which is written where there is none yet.
    pub(crate) async fn add(
        &self,
        session: &mut dyn Session,
        what: &Recorded<'_>,
        piece: &Piece,
        facts: &Facts,
        rows: u64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let sum = piece.facts.clone().unwrap_or_default().plus(facts);
        let known = piece.facts.is_some();
        let rows = if known { piece.rows + rows } else { rows };
        let grown = Piece { rows, facts: Some(sum), ..piece.clone() };
        // The end of the piece stands for its own record alone: no other begins within it.
        self.replace(session, what, (piece.start, piece.end), &[grown], now).await?;
        if piece.dropped {
            self.mark_dropped(session, what.source, (piece.start, piece.end), now).await?;
        }
        Ok(())
    }

    /// A session on the state, in a transaction where it has any; what was written is there after [`Self::commit`].
    pub(crate) async fn begin(&self) -> Result<Box<dyn Session>> {
        let mut session = self.state.db().session().await?;
        if self.state.db().capabilities().transactions {
            session.begin().await?;
        }
        Ok(session)
    }

    /// Ends what [`Self::begin`] began.
    pub(crate) async fn commit(&self, mut session: Box<dyn Session>) -> Result<()> {
        if self.state.db().capabilities().transactions { session.commit().await } else { Ok(()) }
    }

    /// Makes what was written visible to queries, on an engine where that takes a while by itself.
    pub(super) async fn refresh(&self, session: &mut dyn Session, table: &'static str) -> Result<()> {
        if self.state.db().engine() != Engine::Cratedb {
            return Ok(());
        }
        let mut refresh = self.sql();
        refresh.push("REFRESH TABLE ").table(&self.state.table(table));
        match session.execute(&refresh.build()).await {
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes the records of `[from, until)`: until there are new ones, nothing is known of its source.
    #[cfg(feature = "cratedb")]
    pub(crate) async fn forget_span(&self, target: &TableName, span: (DateTime<Utc>, DateTime<Utc>)) -> Result<()> {
        let mut session = self.state.db().session().await?;
        self.refresh(&mut *session, "rollups").await?;
        session.execute(&self.deletion(target, span)).await?;
        self.refresh(&mut *session, "rollups").await
    }

    fn deletion(&self, target: &TableName, span: (DateTime<Utc>, DateTime<Utc>)) -> Statement {
        let mut delete = self.sql();
        delete.push("DELETE FROM ").table(&self.state.table("rollups")).push(" WHERE ").name("target").push(" = ");
        delete.bind(target.to_string());
        delete.push(" AND ").name("bucket").push(" >= ").bind(span.0.timestamp_micros());
        delete.push(" AND ").name("bucket").push(" < ").bind(span.1.timestamp_micros());
        delete.build()
    }

    /// Replaces the records of `[from, until)` by `pieces`, within the transaction that `session` has open.
    pub(crate) async fn replace(
        &self,
        session: &mut dyn Session,
        what: &Recorded<'_>,
        span: (DateTime<Utc>, DateTime<Utc>),
        pieces: &[Piece],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let Recorded { target, source, cut } = what;
        let table = self.state.table("rollups");
        session.execute(&self.deletion(target, span)).await?;
        let columns = ["target", "bucket", "until", "source", "source_rows", "facts", "verified_at", "dropped_at"];
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&table).push(" (").join(", ", columns, |sql, name| {
            sql.name(name);
        });
        insert.push(") VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        let rows = pieces.iter().map(|piece| {
            Ok(vec![
                target.to_string().into(),
                piece.start.timestamp_micros().into(),
                piece.end.timestamp_micros().into(),
                source.to_string().into(),
                piece.rows.into(),
                serde_json::to_string(&Kept { cut: (*cut).to_owned(), facts: piece.facts.clone() })
                    .map_err(|e| Error::caused("write the record of a rollup", e))?
                    .into(),
                now.timestamp_micros().into(),
                0_i64.into(),
            ])
        });
        let rows = rows.collect::<Result<Vec<Vec<Value>>>>()?;
        session.execute_many(&insert.build(), &rows).await.map(drop)
    }

    /// Marks that the source of `[from, until)` was dropped, within the transaction that `session` has open.
    pub(crate) async fn mark_dropped(
        &self,
        session: &mut dyn Session,
        source: &TableName,
        span: (DateTime<Utc>, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.refresh(session, "rollups").await?;
        let mut update = self.sql();
        update.push("UPDATE ").table(&self.state.table("rollups")).push(" SET ").name("dropped_at").push(" = ");
        update.bind(now.timestamp_micros()).push(" WHERE ").name("source").push(" = ").bind(source.to_string());
        update.push(" AND ").name("bucket").push(" >= ").bind(span.0.timestamp_micros());
        update.push(" AND ").name("until").push(" <= ").bind(span.1.timestamp_micros());
        session.execute(&update.build()).await.map(drop)
    }
}

fn pieces(records: &ValueRecords, target: &TableName, cut: &str) -> Result<Vec<Piece>> {
    records
        .rows()
        .map(|row| {
            let text: String = row.get("facts")?;
            let kept: Kept = serde_json::from_str(&text)
                .map_err(|e| Error::caused(format!("read the record of rollup `{target}`"), e))?;
            if kept.cut != cut {
                let what = format!("rollup `{target}` has buckets of a {}, the manifest says a {cut}", kept.cut);
                return Err(
                    Error::input(what).with_hint("leave width and zone as they are, or name another table in `into`")
                );
            }
            Ok(Piece {
                start: instant(row.get("bucket")?)?,
                end: instant(row.get("until")?)?,
                rows: row.get("source_rows")?,
                facts: kept.facts,
                dropped: row.get::<i64>("dropped_at")? != 0,
            })
        })
        .collect()
}

pub(super) fn instant(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| Error::failed(format!("{micros} µs is no point in time")))
}
