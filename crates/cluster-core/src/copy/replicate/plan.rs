//! What beginning and ending a replication takes: pure, total and deterministic.
//!
//! The hash covers both addresses, the name, and the tables with what is done to them; their rows are left out, for they
//! go on changing.

use chrono::{DateTime, Utc};

use super::super::inventory::Kind;
use super::domain::{Action, Decision, Detail, Domain, Object, Reason};
use super::observe::{Followed, Inventory, raw};
use crate::plan::{Class, Decide, Domain as _, Plan, PlanHasher, Step, StepId, Verdict};
use crate::sql::TableName;

type One = Verdict<Domain>;

/// Plans the beginning of a replication.
#[must_use]
pub fn start(inventory: &Inventory, now: DateTime<Utc>) -> Plan<Domain> {
    let mut tables: Vec<&Followed> = inventory.tables.iter().collect();
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    let wanted: Vec<String> = tables.iter().map(|table| raw(&table.table)).collect();
    let names: Vec<TableName> = tables.iter().map(|table| table.table.clone()).collect();
    let follows = inventory.subscription.is_some();

    let publication = publication(inventory, &wanted);
    let subscription = subscription(inventory);
    let mut verdicts = vec![publication, subscription];
    verdicts.extend(tables.iter().map(|table| table_verdict(table, follows)));
    let refused = verdicts.iter().any(|verdict| verdict.verdict.class() == Class::Refuse);
    let acts = |object: &Object| {
        verdicts.iter().any(|verdict| verdict.object == *object && verdict.verdict.class() == Class::Act)
    };
    let mut steps = Vec::new();
    // A publication without all of its tables would be another one: it is all or nothing.
    if !refused {
        let object = Object::Publication(inventory.name.clone());
        if acts(&object) {
            let action = Action::Publish { name: inventory.name.clone(), tables: names.clone() };
            steps.push(Step { id: StepId(1), action, objects: vec![object], needs: Vec::new(), sql: None });
        }
        let object = Object::Subscription(inventory.name.clone());
        if acts(&object) {
            let mut objects = vec![object];
            objects.extend(names.iter().cloned().map(Object::Table));
            let needs = steps.iter().map(|step| step.id).collect();
            let action = Action::Subscribe { name: inventory.name.clone(), tables: names };
            steps.push(Step { id: StepId(2), action, objects, needs, sql: None });
        }
    }
    finish("start", inventory, now, verdicts, steps)
}

/// Plans the end of a replication.
#[must_use]
pub fn end(inventory: &Inventory, now: DateTime<Utc>) -> Plan<Domain> {
    let name = || inventory.name.clone();
    let of = |object, there| {
        let (verdict, reason) = if there { (Decision::Drop, Reason::Stops) } else { (Decision::Keep, Reason::Gone) };
        One { object, verdict, reason, detail: Detail::default() }
    };
    let ours = |publications: &[String]| publications == [inventory.name.as_str()];
    let subscription = match &inventory.subscription {
        Some(subscription) if !ours(&subscription.publications) => {
            let reason = Reason::OtherPublication { publications: subscription.publications.clone() };
            let object = Object::Subscription(name());
            One { object, verdict: Decision::Refuse, reason, detail: Detail::default() }
        }
        other => of(Object::Subscription(name()), other.is_some()),
    };
    let releases = subscription.verdict == Decision::Drop;
    let mut verdicts = vec![of(Object::Publication(name()), inventory.publication.is_some()), subscription];
    let mut tables: Vec<&Followed> = inventory.tables.iter().filter(|table| table.target_rows.is_some()).collect();
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    for table in &tables {
        let verdict = if releases { Decision::Release } else { Decision::Keep };
        verdicts.push(One {
            object: Object::Table(table.table.clone()),
            verdict,
            reason: Reason::Stays { behind: table.behind },
            detail: Detail { rows: Some(table.rows), target_rows: table.target_rows },
        });
    }
    let refused = verdicts.iter().any(|verdict| verdict.verdict.class() == Class::Refuse);
    let mut steps = Vec::new();
    if releases && !refused {
        let mut objects = vec![Object::Subscription(name())];
        objects.extend(tables.iter().map(|table| Object::Table(table.table.clone())));
        let action = Action::Unsubscribe { name: name() };
        steps.push(Step { id: StepId(1), action, objects, needs: Vec::new(), sql: None });
    }
    if inventory.publication.is_some() && !refused {
        let needs = steps.iter().map(|step| step.id).collect();
        let action = Action::Unpublish { name: name() };
        steps.push(Step { id: StepId(2), action, objects: vec![Object::Publication(name())], needs, sql: None });
    }
    finish("end", inventory, now, verdicts, steps)
}

fn publication(inventory: &Inventory, wanted: &[String]) -> One {
    let (verdict, reason) = match &inventory.publication {
        None => (Decision::Create, Reason::Publishes { tables: wanted.len() as u64 }),
        Some(there) if there.tables == sorted(wanted) => (Decision::Keep, Reason::AsWanted),
        Some(there) => (Decision::Refuse, Reason::OtherTables { tables: there.tables.clone() }),
    };
    One { object: Object::Publication(inventory.name.clone()), verdict, reason, detail: Detail::default() }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}

fn subscription(inventory: &Inventory) -> One {
    let (source, target) = (&inventory.source, &inventory.target);
    let older = numbers(&source.1).zip(numbers(&target.1)).is_some_and(|(source, target)| target < source);
    let (verdict, reason) = match &inventory.subscription {
        _ if source.0 == target.0 => (Decision::Refuse, Reason::Itself),
        Some(there) if there.publications == [inventory.name.as_str()] => (Decision::Keep, Reason::AsWanted),
        Some(there) => (Decision::Refuse, Reason::OtherPublication { publications: there.publications.clone() }),
        None if older => (Decision::Refuse, Reason::OlderTarget { source: source.1.clone(), target: target.1.clone() }),
        None => (Decision::Create, Reason::Absent),
    };
    One { object: Object::Subscription(inventory.name.clone()), verdict, reason, detail: Detail::default() }
}

/// Major and minor of a version; the rest makes no difference to each other's data.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn table_verdict(table: &Followed, follows: bool) -> One {
    let (verdict, reason) = match (&table.kind, table.target_rows) {
        (Kind::Other(kind), _) => (Decision::Refuse, Reason::NotATable { kind: kind.clone() }),
        (Kind::Table, _) if follows => (Decision::Keep, Reason::AsWanted),
        (Kind::Table, Some(rows)) => (Decision::Refuse, Reason::Occupied { rows }),
        (Kind::Table, None) => (Decision::Follow, Reason::Followed { rows: table.rows }),
    };
    let detail = Detail { rows: Some(table.rows), target_rows: table.target_rows };
    One { object: Object::Table(table.table.clone()), verdict, reason, detail }
}

fn finish(
    what: &str,
    inventory: &Inventory,
    now: DateTime<Utc>,
    verdicts: Vec<One>,
    steps: Vec<Step<Domain>>,
) -> Plan<Domain> {
    let mut hasher = PlanHasher::new(Domain::KIND);
    hasher.text(what).text(inventory.name.as_str()).text(&inventory.source.0).text(&inventory.target.0);
    for step in &steps {
        hasher.number(u64::from(step.id.0)).text(&step.action.to_string()).number(step.objects.len() as u64);
        for object in &step.objects {
            hasher.text(&object.to_string());
        }
    }
    Plan { kind: Domain::KIND, as_of: now, zone: chrono_tz::Tz::UTC, hash: hasher.finish(), verdicts, steps }
}
