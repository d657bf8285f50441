//! Properties of states: merging in any order gives what adding gives, and stored states are read back as they were.

use bigdecimal::BigDecimal;
use clusterkeep_core::sql::{Engine, Value};
use proptest::prelude::*;

use super::accumulator::{Accumulator, Extras};
use super::{Distinct, Quantiles};
use crate::model::Extra;

const ENGINES: [Engine; 2] = [Engine::Postgres, Engine::Cratedb];

fn all() -> Extras {
    Extras::of(&Extra::ALL)
}

fn of(values: &[(i64, Value)]) -> Accumulator {
    let mut state = Accumulator::new(all());
    values.iter().for_each(|(at, value)| state.add(&Value::Int(*at), value).unwrap());
    state
}

/// Written and read again, on an engine.
fn stored(state: &Accumulator, engine: Engine) -> Accumulator {
    let mut row = Vec::new();
    state.write(engine, &mut row).unwrap();
    Accumulator::read(all(), &row).unwrap()
}

fn written(state: &Accumulator) -> Vec<Value> {
    let mut row = Vec::new();
    state.write(Engine::Postgres, &mut row).unwrap();
    row
}

/// The places of what `write` appends.
const FIRST: usize = 4;
const M2: usize = 8;
const DISTINCT: usize = 10;
const QUANTILES: usize = 11;

/// Close, where NaN is NaN.
fn close(a: &Value, b: &Value, within: f64) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= within * a.abs().max(b.abs()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn same(a: &Accumulator, b: &Accumulator, sum_scale: f64) {
    let (a, b) = (written(a), written(b));
    assert_eq!(a[0], b[0], "count");
    let close_sum = match (a[1].as_f64(), b[1].as_f64()) {
        (Some(x), Some(y)) => x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-15 * sum_scale,
        (x, y) => x == y,
    };
    assert!(close_sum, "sums {:?} {:?}", a[1], b[1]);
    for at in [2, 3, 4, 5, 6, 7] {
        let same = a[at] == b[at] || close(&a[at], &b[at], 0.0);
        assert!(same, "column {at}: {:?} {:?}", a[at], b[at]);
    }
    let estimate = |row: &[Value]| Distinct::decode(&row[DISTINCT]).unwrap().unwrap().estimate();
    assert!((estimate(&a) - estimate(&b)).abs() < 1e-6, "distinct");
    let (x, y) =
        (Quantiles::decode(&a[QUANTILES]).unwrap().unwrap(), Quantiles::decode(&b[QUANTILES]).unwrap().unwrap());
    for q in [0.1, 0.5, 0.95, 0.99] {
        let (x, y) = (x.quantile(q), y.quantile(q));
        let same =
            x == y || x.zip(y).is_some_and(|(x, y)| (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-12 * x.abs());
        assert!(same, "quantile {q}: {x:?} {y:?}");
    }
}

/// What comes out of columns: NULL, whole numbers, and floats of any size.
fn values() -> impl Strategy<Value = Vec<(i64, Value)>> {
    let value = prop_oneof![
        1 => Just(Value::Null),
        4 => (-1000_i64..1000).prop_map(|n| Value::Float(n as f64 / 8.0)),
        2 => prop::num::f64::NORMAL.prop_map(Value::Float),
        1 => Just(Value::Float(f64::NAN)),
        1 => Just(Value::Float(-0.0)),
    ];
    prop::collection::vec((0_i64..50, value), 0..60)
}

fn whole() -> impl Strategy<Value = Vec<(i64, Value)>> {
    let value = prop_oneof![
        1 => Just(Value::Null),
        4 => (-100_i64..100).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
    ];
    prop::collection::vec((0_i64..50, value), 0..60)
}

fn scale(values: &[&[(i64, Value)]]) -> f64 {
    values.iter().copied().flatten().filter_map(|(_, value)| value.as_f64()).map(f64::abs).fold(0.0, |a, b| a + b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn case_29_merging_whole_numbers_in_any_order_is_adding_them(a in whole(), b in whole(), c in whole()) {
        let everything: Vec<_> = [a.clone(), b.clone(), c.clone()].concat();
        let direct = written(&of(&everything));
        for order in [[&a, &b, &c], [&c, &b, &a], [&b, &a, &c]] {
            let mut merged = of(&[]);
            for part in order {
                merged.merge(&stored(&of(part), ENGINES[part.len() % 2])).unwrap();
            }
            prop_assert_eq!(&written(&merged)[..M2], &direct[..M2], "count, sum, min, max, first, last");
            same(&merged, &of(&everything), 0.0);
        }
    }

    #[test]
    fn case_32_merging_commutes_and_associates(a in values(), b in values(), c in values()) {
        let scale = scale(&[&a, &b, &c]);
        let fold = |parts: &[&[(i64, Value)]]| {
            let mut merged = of(&[]);
            parts.iter().for_each(|part| merged.merge(&stored(&of(part), Engine::Postgres)).unwrap());
            merged
        };
        let left = fold(&[&a, &b, &c]);
        same(&left, &fold(&[&b, &c, &a]), scale);
        let mut right = of(&a);
        right.merge(&fold(&[&b, &c])).unwrap();
        same(&left, &right, scale);
        same(&left, &of(&[a.clone(), b.clone(), c.clone()].concat()), scale);
    }

    #[test]
    fn case_31_variances_are_those_of_two_passes(
        offset in prop::sample::select(vec![0.0, 1.0, -1e6, 1e9]),
        spread in prop::sample::select(vec![1.0, 100.0]),
        parts in prop::collection::vec(prop::collection::vec(0.0_f64..1.0, 1..60), 1..6),
    ) {
        let parts: Vec<Vec<f64>> =
            parts.iter().map(|part| part.iter().map(|x| x * spread + offset).collect()).collect();
        let all_values: Vec<f64> = parts.concat();
        let exact = |x: f64| BigDecimal::try_from(x).unwrap();
        let n = BigDecimal::from(all_values.len() as u64);
        let mean = all_values.iter().map(|x| exact(*x)).sum::<BigDecimal>() / &n;
        let wanted: BigDecimal = all_values.iter().map(|x| (exact(*x) - &mean).square()).sum();
        let wanted: f64 = wanted.to_string().parse().unwrap();

        let dated = |part: &[f64]| part.iter().map(|x| (0, Value::Float(*x))).collect::<Vec<_>>();
        let direct = written(&of(&dated(&all_values)))[M2].as_f64().unwrap();
        prop_assert!((direct - wanted).abs() <= 1e-9 * wanted, "{direct} {wanted}");
        let mut merged = of(&[]);
        parts.iter().for_each(|part| merged.merge(&stored(&of(&dated(part)), Engine::Postgres)).unwrap());
        let merged = written(&merged)[M2].as_f64().unwrap();
        prop_assert!((merged - wanted).abs() <= 1e-9 * wanted, "{merged} {wanted}");
    }

    #[test]
    fn case_32_quantiles_are_within_one_percent_of_their_rank(
        parts in prop::collection::vec(prop::collection::vec(prop_oneof![
            -1e6_f64..1e6, prop::num::f64::NORMAL, Just(0.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::NAN)
        ], 1..50), 1..5),
    ) {
        let mut merged = Quantiles::default();
        for part in &parts {
            let mut sketch = Quantiles::default();
            part.iter().for_each(|x| sketch.add(*x));
            for engine in ENGINES {
                sketch = Quantiles::decode(&sketch.encode(engine)).unwrap().unwrap();
            }
            merged.merge(&sketch).unwrap();
        }
        let mut sorted: Vec<f64> = parts.concat();
        // NaN is the largest, whatever its sign.
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
        for q in [0.0, 0.01, 0.5, 0.95, 0.99, 1.0] {
            let wanted = sorted[(q * (sorted.len() - 1) as f64) as usize];
            let found = merged.quantile(q).unwrap();
            let good = wanted == found || (wanted.is_nan() && found.is_nan())
                || (wanted - found).abs() <= 0.01 * wanted.abs() * (1.0 + 1e-9) || (wanted.abs() <= 1e-300 && found == 0.0);
            prop_assert!(good, "{q}: {wanted} {found}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_refused_and_never_a_panic(
        values in values(), cut in 0_usize..60, flips in prop::collection::vec((0_usize..4000, 1_u8..), 1..4),
    ) {
        for at in [DISTINCT, QUANTILES] {
            let Value::Bytes(mut bytes) = written(&of(&values))[at].clone() else { panic!() };
            let short = bytes[..bytes.len().saturating_sub(cut + 1)].to_vec();
            for (place, with) in flips.clone() {
                let place = place % bytes.len();
                bytes[place] ^= with;
            }
            for bytes in [bytes, short] {
                let value = Value::Bytes(bytes);
                if at == DISTINCT { drop(Distinct::decode(&value)) } else { drop(Quantiles::decode(&value)) }
            }
        }
    }
}

#[test]
fn case_42_null_and_nan_never_turn_into_zero() {
    let none = written(&of(&[(1, Value::Null), (2, Value::Null)]));
    assert_eq!(none[0], Value::Int(0));
    assert!(none[1..DISTINCT].iter().all(Value::is_null), "{none:?}");
    assert_eq!(Quantiles::decode(&none[QUANTILES]).unwrap().unwrap().quantile(0.5), None);
    let nan = written(&of(&[(1, Value::Float(f64::NAN)), (2, Value::Float(-1.0)), (3, Value::Float(1.0))]));
    assert!(nan[1].as_f64().unwrap().is_nan() && nan[M2].as_f64().unwrap().is_nan());
    assert_eq!((nan[2].as_f64(), nan[3].as_f64().map(f64::is_nan)), (Some(-1.0), Some(true)), "NaN is the largest");
    let quantiles = Quantiles::decode(&nan[QUANTILES]).unwrap().unwrap();
    let near = |q, wanted: f64| (quantiles.quantile(q).unwrap() - wanted).abs() <= 0.0101;
    assert!(near(0.0, -1.0) && near(0.5, 1.0) && quantiles.quantile(1.0).unwrap().is_nan());
    let mut on_sqlite = Vec::new();
    of(&[(1, Value::Float(f64::INFINITY)), (2, Value::Float(1.0))]).write(Engine::Sqlite, &mut on_sqlite).unwrap();
    assert_eq!(on_sqlite[M2], Value::Null, "SQLite has no NaN: not known, and not zero");
}

#[test]
fn distinct_values_are_counted_within_five_percent() {
    let (mut a, mut b) = (Distinct::new().unwrap(), Distinct::new().unwrap());
    for n in 0..60_000_i64 {
        let sketch = if n % 3 == 0 { &mut a } else { &mut b };
        sketch.add(&crate::observe::Number::Int(n % 20_000));
    }
    a.merge(&Distinct::decode(&b.encode(Engine::Cratedb)).unwrap().unwrap());
    assert!((a.estimate() - 20_000.0).abs() < 1_000.0, "{}", a.estimate());
    assert_eq!(a.count(), 60_000);
    let mut few = Distinct::new().unwrap();
    [1.0, 1.0, -0.0, 0.0, 2.5, f64::NAN, f64::NAN].iter().for_each(|x| few.add(&crate::observe::Number::Float(*x)));
    few.add(&crate::observe::Number::Int(1));
    assert!((few.estimate() - 4.0).abs() < 0.01, "{few:?}");
}

#[test]
fn case_29_first_and_last_go_by_instant_and_then_by_value() {
    let row = written(&of(&[
        (5, Value::Int(9)),
        (5, Value::Int(3)),
        (1, Value::Int(7)),
        (1, Value::Int(2)),
        (0, Value::Null),
    ]));
    assert_eq!(row[FIRST..M2], [Value::Int(2), Value::Int(1), Value::Int(9), Value::Int(5)]);
}

#[test]
fn a_state_of_another_version_or_count_is_refused() {
    let Value::Bytes(mut bytes) = written(&of(&[(1, Value::Int(7))]))[QUANTILES].clone() else { panic!() };
    bytes[0] = 2;
    assert!(Quantiles::decode(&Value::Bytes(bytes.clone())).unwrap_err().to_string().contains("version 2"));
    bytes[0] = 1;
    bytes[1] = 9;
    assert!(Quantiles::decode(&Value::Bytes(bytes)).is_err(), "nine values, and a sketch of one");
    let mut row = written(&of(&[(1, Value::Int(7))]));
    row[0] = Value::Int(2);
    assert!(Accumulator::read(all(), &row).is_err(), "two values, and sketches of one");
}
