//! What is copied and why not: pure, total and deterministic, whatever the order of the inventory.
//!
//! The hash covers both addresses and, of each table that is copied, its name on both sides, the way, its columns with
//! their types, and how it is made. The numbers of rows are left out: the source may be written to meanwhile, and nothing
//! of it goes. That the target is absent or empty is part of the way, and looked at again before a step.

use chrono::{DateTime, Utc};

use super::domain::{Action, Decision, Detail, Domain, Object, Reason, Side, Way};
use super::inventory::{Column, Inventory, Kind, Source, Target};
use super::model::Request;
use super::{catalogue, types};
use crate::error::Result;
use crate::plan::{Plan, PlanHasher, Step, StepId, Verdict};
use crate::sql::{Engine, Ident, TableName};

/// Plans `request` against what is there, as of `now`.
///
/// # Errors
///
/// A request that makes no sense.
pub fn plan(request: &Request, inventory: &Inventory, now: DateTime<Utc>) -> Result<Plan<Domain>> {
    request.check()?;
    let mut tables: Vec<&Source> = inventory.tables.iter().collect();
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    let mut hasher = PlanHasher::new("copy");
    for place in [&inventory.source, &inventory.target] {
        hasher.text(&place.address).text(&place.engine.to_string());
    }
    let (mut verdicts, mut copied) = (Vec::with_capacity(tables.len()), Vec::new());
    for table in tables {
        let (decision, reason) = decide(inventory, table);
        let object = Object(table.table.clone());
        if decision == Decision::Copy {
            copied.push(table);
        }
        let target_rows = table.target.as_ref().map(|target| target.rows);
        let detail = Detail { into: table.into.clone(), rows: table.rows, target_rows };
        verdicts.push(Verdict { object, verdict: decision, reason, detail });
    }
    let mut steps: Vec<Step<Domain>> = Vec::with_capacity(copied.len());
    let mut ids: Vec<(&Source, StepId)> = Vec::with_capacity(copied.len());
    for table in parents_first(copied) {
        let Some((way, again)) = way(inventory, table) else { continue };
        let id = StepId(u32::try_from(steps.len()).unwrap_or(u32::MAX).saturating_add(1));
        let action = Action::Copy { table: table.table.clone(), into: table.into.clone(), way, again };
        feed(&mut hasher, table, &action);
        let sql = made_of(table, way).map(|definition| definition.create(&table.into).text().to_owned());
        let needs = ids.iter().filter(|(parent, _)| refers(table, parent)).map(|(_, id)| *id).collect();
        steps.push(Step { id, action, objects: vec![Object(table.table.clone())], needs, sql });
        ids.push((table, id));
    }
    Ok(Plan { kind: "copy", as_of: now, zone: chrono_tz::Tz::UTC, hash: hasher.finish(), verdicts, steps })
}

/// The tables in an order in which foreign keys find what they refer to; those in a ring stay in the order of names.
fn parents_first(mut tables: Vec<&Source>) -> Vec<&Source> {
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let free = |table: &&Source| !tables.iter().any(|other| other.table != table.table && refers(table, other));
        let at = tables.iter().position(free).unwrap_or(0);
        ordered.push(tables.remove(at));
    }
    ordered
}

/// Whether a foreign key of `table` refers to `parent`, both at the target.
fn refers(table: &Source, parent: &Source) -> bool {
    let references = table.target.iter().flat_map(|target| &target.references);
    let mut named = references.filter(|one| one.name == parent.into.name);
    // Where the name says no schema it is the one that all of them are in.
    named.any(|one| parent.into.schema.is_none() || one.schema.is_none() || one.schema == parent.into.schema)
}

/// What the copy is made by, where it is made.
pub(super) fn made_of(table: &Source, way: Way) -> Option<&super::Definition> {
    match way {
        Way::Create => table.definition.as_ref(),
        Way::Replace => table.target.as_ref()?.definition.as_ref(),
        Way::Fill => None,
    }
}

fn feed(hasher: &mut PlanHasher, table: &Source, action: &Action) {
    let Action::Copy { into, way, again, .. } = action;
    hasher.text(&table.table.to_string()).text(&into.to_string()).number(*way as u64).number(u64::from(*again));
    hasher.optional(made_of(table, *way), |hasher, definition| {
        hasher.text(definition.body());
    });
    let target = table.target.as_ref().map_or(&[][..], |target| &target.columns);
    for columns in [&table.columns[..], target] {
        hasher.number(columns.len() as u64);
        for column in columns {
            hasher.text(column.name.as_str()).text(&column.type_name);
            hasher.optional(column.generated.as_ref(), |hasher, expression| {
                hasher.text(expression);
            });
        }
    }
}

fn way(inventory: &Inventory, table: &Source) -> Option<(Way, bool)> {
    let way = match (&table.target, inventory.target.engine) {
        (None, _) => Way::Create,
        (Some(_), Engine::Cratedb) => Way::Replace,
        (Some(_), _) => Way::Fill,
    };
    (way != Way::Create || table.definition.is_some()).then_some((way, table.left_over))
}

/// The name that a copy has in CrateDB until it is verified; `None` where that would be too long.
pub(super) fn staging(into: &TableName) -> Option<TableName> {
    // The folder of a table is named after it, and no longer than a name of a file may be.
    let name = Ident::new(format!("{}{}", into.name.as_str(), catalogue::SUFFIX)).ok()?;
    let length = name.as_str().len() + into.schema.as_ref().map_or(0, |schema| schema.as_str().len() + 1);
    (length <= 255).then_some(TableName { schema: into.schema.clone(), name })
}

fn decide(inventory: &Inventory, table: &Source) -> (Decision, Reason) {
    let refuse = |reason| (Decision::Refuse, reason);
    if inventory.source.address == inventory.target.address && table.table == table.into {
        return refuse(Reason::Itself);
    }
    if let Kind::Other(kind) = &table.kind {
        return refuse(Reason::NotATable { side: Side::Source, kind: kind.clone() });
    }
    if inventory.target.engine == Engine::Cratedb && staging(&table.into).is_none() {
        return refuse(Reason::LongName);
    }
    let Some(target) = &table.target else {
        return match &table.definition {
            Some(definition) => create(inventory, table, definition),
            None => refuse(Reason::NoTable),
        };
    };
    if let Kind::Other(kind) = &target.kind {
        return refuse(Reason::NotATable { side: Side::Target, kind: kind.clone() });
    }
    if let Some(verified) = table.verified.filter(|seen| seen.rows == target.rows && seen.rows == table.rows) {
        return (Decision::Keep, Reason::Copied { at: verified.at, rows: verified.rows });
    }
    if target.rows > 0 {
        return refuse(Reason::HasRows { rows: target.rows, source_rows: table.rows });
    }
    match obstacle(inventory, table, target) {
        Some(reason) => refuse(reason),
        None => (Decision::Copy, Reason::Empty { again: table.left_over }),
    }
}

fn create(inventory: &Inventory, table: &Source, definition: &super::Definition) -> (Decision, Reason) {
    if let Some(setting) = definition.blocks_writing() {
        return (Decision::Refuse, Reason::WriteBlocked { setting: setting.to_owned() });
    }
    match unsupported(inventory, &table.columns, &table.columns) {
        Some(reason) => (Decision::Refuse, reason),
        None => (Decision::Copy, Reason::Absent { again: table.left_over }),
    }
}

/// What keeps the rows out of a table that is there and empty.
fn obstacle(inventory: &Inventory, table: &Source, target: &Target) -> Option<Reason> {
    let missing = |of: &[Column], from: &[Column]| -> Vec<Ident> {
        let is_missing = |column: &&Column| !from.iter().any(|other| other.name == column.name);
        of.iter().filter(is_missing).map(|column| column.name.clone()).collect()
    };
    let (source_only, target_only) =
        (missing(&table.columns, &target.columns), missing(&target.columns, &table.columns));
    if !source_only.is_empty() || !target_only.is_empty() {
        return Some(Reason::ColumnsDiffer { source: source_only, target: target_only });
    }
    if let Some(storage) = &target.without_transactions {
        return Some(Reason::NoTransactions { storage: storage.clone() });
    }
    if inventory.target.engine == Engine::Cratedb {
        if target.granted {
            return Some(Reason::Granted);
        }
        if let Some(setting) = target.definition.as_ref().and_then(super::Definition::blocks_writing) {
            return Some(Reason::WriteBlocked { setting: setting.to_owned() });
        }
    }
    unsupported(inventory, &table.columns, &target.columns)
}

/// A column that can't travel.
fn unsupported(inventory: &Inventory, source: &[Column], target: &[Column]) -> Option<Reason> {
    let (from, to) = (inventory.source.engine, inventory.target.engine);
    for column in target {
        let Some(read) = source.iter().find(|read| read.name == column.name) else { continue };
        if let Some(expression) = &column.generated {
            let function = types::volatile(expression).filter(|_| to == Engine::Cratedb);
            if let Some(function) = function {
                return Some(Reason::Volatile { column: column.name.clone(), function: function.to_owned() });
            }
            continue;
        }
        let refuse = |side, of: &Column| Reason::UnsupportedType {
            column: of.name.clone(),
            side,
            type_name: of.type_name.clone(),
        };
        if types::read(from, read).is_none() || types::is_lost((from, read), (to, column)) {
            return Some(refuse(Side::Source, read));
        }
        if types::write(to, column).is_none() {
            return Some(refuse(Side::Target, column));
        }
    }
    None
}
