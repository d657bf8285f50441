//! A plan to copy is a function of what is wanted and what is there, and of nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::{DateTime, Utc};
use clusterkeep_core::copy::{
    Column, Decision, Inventory, Kind, Place, Request, Source, Tables, Target, Verified, plan,
};
use clusterkeep_core::sql::{Engine, Ident, TableName};
use proptest::prelude::*;

fn ident(text: &str) -> Ident {
    Ident::new(text).unwrap()
}

fn table(number: usize) -> TableName {
    TableName::within(ident("s"), ident(&format!("t{number}")))
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let types = prop::sample::select(vec!["bigint", "text", "inet", "hstore", "integer[]"]);
    prop::collection::vec((types, prop::option::of(Just("a + 1".to_owned()))), 1..4).prop_map(|columns| {
        let column = |(at, (type_name, generated)): (usize, (&str, Option<String>))| Column {
            name: ident(&format!("c{at}")),
            type_name: type_name.to_owned(),
            generated,
        };
        columns.into_iter().enumerate().map(column).collect()
    })
}

fn source(number: usize) -> impl Strategy<Value = Source> {
    let target = (columns(), 0..3_u64, prop::collection::vec(0..6_usize, 0..3), any::<bool>());
    (columns(), 0..3_u64, prop::option::of(target), any::<bool>(), prop::option::of(0..3_u64), any::<bool>()).prop_map(
        move |(columns, rows, target, same, verified, is_table)| {
            let own = columns.clone();
            Source {
                table: table(number),
                kind: if is_table { Kind::Table } else { Kind::Other("view".to_owned()) },
                columns,
                rows,
                definition: None,
                into: table(number),
                target: target.map(|(others, rows, references, fast)| Target {
                    kind: Kind::Table,
                    columns: if same { own } else { others },
                    rows,
                    definition: None,
                    granted: false,
                    without_transactions: fast.then(|| "MyISAM".to_owned()).filter(|_| !same),
                    references: references.into_iter().map(table).collect(),
                }),
                left_over: false,
                verified: verified.map(|rows| Verified { at: instant(5), rows }),
            }
        },
    )
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let place = |address: &str| Place { engine: Engine::Postgres, address: address.to_owned() };
    let tables: Vec<_> = (0..6).map(source).collect();
    tables.prop_map(move |tables| Inventory {
        source: place("postgres://a/x"),
        target: place("postgres://b/x"),
        tables,
    })
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

proptest! {
    #[test]
    fn the_order_of_the_inventory_and_the_time_make_no_difference(inventory in inventory()) {
        let request = Request::of(Tables::All);
        let one = plan(&request, &inventory, instant(0)).unwrap();
        let mut shuffled = inventory.clone();
        shuffled.tables.reverse();
        let other = plan(&request, &shuffled, instant(99)).unwrap();
        prop_assert_eq!(one.hash, other.hash);
        let texts = |plan: &clusterkeep_core::plan::Plan<clusterkeep_core::copy::Domain>| {
            serde_json::to_string(&(&plan.verdicts, &plan.steps)).unwrap()
        };
        prop_assert_eq!(texts(&one), texts(&other));
        prop_assert_eq!(one.verdicts.len(), inventory.tables.len());
    }

    #[test]
    fn rows_of_the_source_do_not_void_a_plan_and_its_make_does(inventory in inventory(), at in 0..6_usize) {
        let request = Request::of(Tables::All);
        let one = plan(&request, &inventory, instant(0)).unwrap();
        let copied = |number: usize| {
            one.verdicts.iter().any(|verdict| verdict.object.0 == table(number) && verdict.verdict == Decision::Copy)
        };
        let mut grown = inventory.clone();
        if copied(at) {
            grown.tables[at].rows += 1000;
            prop_assert_eq!(one.hash, plan(&request, &grown, instant(0)).unwrap().hash);
            grown.tables[at].target.as_mut().unwrap().rows = 1;
            grown.tables[at].verified = None;
            prop_assert_ne!(one.hash, plan(&request, &grown, instant(0)).unwrap().hash);
            let mut altered = inventory.clone();
            altered.tables[at].columns[0].type_name = "numeric".to_owned();
            prop_assert_ne!(one.hash, plan(&request, &altered, instant(0)).unwrap().hash);
        }
    }

    #[test]
    fn steps_need_only_what_comes_before_them(inventory in inventory()) {
        let plan = plan(&Request::of(Tables::All), &inventory, instant(0)).unwrap();
        let copies = plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Copy).count();
        prop_assert_eq!(plan.steps.len(), copies);
        for (at, step) in plan.steps.iter().enumerate() {
            let before: Vec<_> = plan.steps[..at].iter().map(|step| step.id).collect();
            prop_assert!(step.needs.iter().all(|id| before.contains(id)), "{:?}", plan.steps);
        }
    }
}
