//! Holds, acknowledgements and policies in the state of each engine, and what a broken row does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::audit::{Event, Sink, TableAudit, verify};
use clusterkeep_core::sql::{Db, Engine, SqlBuilder, TableName};
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, ExitCode};
use clusterkeep_retention::model::{HoldScope, Manifest, Policy, Selector};
use clusterkeep_retention::store::{Change, Differs, NewHold, PolicyId, Store, Subject, differences};
use clusterkeep_testkit::servers;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    at("2026-11-20T12:00:00Z")
}

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

fn policy(name: &str, age: u32) -> Policy {
    Policy::for_table(name).time("at").drop_after(days(age))
}

fn puts(manifest: &Manifest) -> Vec<Change> {
    let subjects = Subject::all_of(manifest).unwrap().into_iter();
    subjects.map(|subject| Change::Put { subject, replaces: None }).collect()
}

/// The same on each engine.
async fn on_every_engine(db: Db) {
    let store = Store::of(State::of(db.clone())).actor("anna@host");
    assert!(store.holds().list().await.unwrap().is_empty(), "nothing is there before the state is");
    assert!(store.acknowledged().read("retention:m").await.unwrap().is_none());
    assert!(store.manifests().await.unwrap().is_empty());
    holds(&store).await;
    acknowledgements(&store).await;
    policies(&store).await;
    audited(&db).await;
    broken_rows(&store, &db).await;
}

async fn holds(store: &Store) {
    let holds = store.holds();
    let new = |expires_at| NewHold {
        owner: "anna@host".into(),
        reason: "lawsuit 12/7".into(),
        scope: HoldScope { table: Some(table("metrics")), ..HoldScope::default() },
        expires_at,
    };
    let first = holds.add(new(None), now()).await.unwrap();
    let second = holds.add(new(Some(now() + TimeDelta::hours(1))), now()).await.unwrap();
    assert_eq!((first.id.as_str(), second.id.as_str()), ("1", "2"));
    assert_eq!(holds.list().await.unwrap(), [first.clone(), second.clone()]);

    // What would hold nothing, or nobody answers for, is refused.
    let past = holds.add(new(Some(now())), now()).await.unwrap_err();
    assert!(past.to_string().contains("expired already"), "{past}");
    let nothing = HoldScope { from: Some(now()), until: Some(now()), ..HoldScope::default() };
    assert!(holds.add(NewHold { scope: nothing, ..new(None) }, now()).await.is_err());
    assert!(holds.add(NewHold { reason: " ".into(), ..new(None) }, now()).await.is_err());

    // Expired, it is noticed once; and it is listed still.
    assert!(holds.notice_expired(now()).await.unwrap().is_empty());
    let later = now() + TimeDelta::hours(1);
    let noticed = holds.notice_expired(later).await.unwrap();
    assert_eq!(noticed.iter().map(|hold| hold.id.as_str()).collect::<Vec<_>>(), ["2"]);
    assert!(holds.notice_expired(later).await.unwrap().is_empty());
    let listed = holds.list().await.unwrap();
    assert!(!listed[1].holds_at(later) && listed[0].holds_at(later));

    // A number is never given again.
    holds.release("2", "over", later).await.unwrap();
    let again = holds.release("2", "over", later).await.unwrap_err();
    assert!(again.to_string().contains("released before"), "{again}");
    assert_eq!(ExitCode::from(&holds.release("9", "over", later).await.unwrap_err()), ExitCode::BadInput);
    assert_eq!(holds.add(new(None), later).await.unwrap().id, "3");
}

async fn acknowledgements(store: &Store) {
    let acknowledged = store.acknowledged();
    let odd = table(r#"doc."x; DROP TABLE y""#);
    let added = acknowledged.add("retention:m", [table("a"), odd.clone(), table("a")], now()).await.unwrap();
    assert_eq!(added, [table("a"), odd.clone()]);
    assert!(acknowledged.add("retention:m", [table("a")], now()).await.unwrap().is_empty());
    assert_eq!(acknowledged.read("retention:m").await.unwrap().unwrap(), [table("a"), odd].into());
    assert!(acknowledged.read("retention:other").await.unwrap().is_none());
}

async fn policies(store: &Store) {
    let kept = store.policies("m");
    let selected = Policy::for_tables(Selector::tag("acme").or(Selector::name("a_*"))).time("at").drop_after(days(9));
    let mut manifest = Manifest::named("m").policy(policy("metrics", 30)).policy(selected);
    manifest.tags.insert("acme".parse().unwrap(), vec!["acme_*".parse().unwrap()]);
    kept.apply(&puts(&manifest), now()).await.unwrap();
    assert_eq!(store.manifests().await.unwrap(), ["m"]);
    let listed = kept.list().await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|row| row.version == 1 && row.changed_by == "anna@host"));
    assert!(differences(&manifest, &listed).unwrap().is_empty());
    let read = kept.manifest().await.unwrap().unwrap();
    assert!(differences(&read, &listed).unwrap().is_empty(), "what is exported says the same");

    // Two writers have seen the same version: one of them is told, and changes nothing, not even beside it.
    let change = |age, replaces| Change::Put {
        subject: Subject::all_of(&Manifest::named("m").policy(policy("metrics", age))).unwrap().remove(0),
        replaces,
    };
    kept.apply(&[change(60, Some(1))], now()).await.unwrap();
    let late = kept.apply(&[change(10, Some(1))], now()).await.unwrap_err();
    assert!(matches!(late, Error::Drifted { .. }), "{late}");
    assert_eq!(ExitCode::from(&late), ExitCode::Drifted);
    let new = kept.apply(&[change(10, None)], now()).await.unwrap_err();
    assert!(new.to_string().contains("already"), "{new}");

    let differ = differences(&manifest, &kept.list().await.unwrap()).unwrap();
    let Differs::Changed { fields } = &differ[0].differs else { panic!("{differ:?}") };
    assert_eq!((fields.len(), fields[0].path.as_str()), (1, "tiers[0].drop.after"));

    // What was removed and comes again goes on with its versions.
    let id = PolicyId::of("m", &Subject::all_of(&Manifest::named("m").policy(policy("metrics", 1))).unwrap()[0]);
    assert_eq!(kept.find(&id.short()).await.unwrap(), (id.clone(), 2));
    kept.apply(&[Change::Remove { id: id.clone(), version: 2 }], now()).await.unwrap();
    assert!(kept.find(id.as_str()).await.is_err());
    assert_eq!(kept.apply(&[change(7, None)], now()).await.unwrap(), [4]);
    assert_eq!(kept.find(id.as_str()).await.unwrap().1, 4);
    let stale = kept.apply(&[Change::Remove { id, version: 2 }], now()).await.unwrap_err();
    assert!(matches!(stale, Error::Drifted { .. }), "{stale}");

    // At the same moment, too.
    for version in 4..8 {
        let (one, two) = ([change(60, Some(version))], [change(10, Some(version))]);
        let (one, two) = tokio::join!(kept.apply(&one, now()), kept.apply(&two, now()));
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    }

    // What breaks a rule together is not put in.
    let no_tier = Policy::for_table("empty").time("at");
    let refused = kept.apply(&puts(&Manifest::named("m").policy(no_tier)), now()).await.unwrap_err();
    assert!(refused.to_string().contains("no-tier"), "{refused}");
}

async fn audited(db: &Db) {
    let audit = TableAudit::new(State::of(db.clone()), "main");
    let records = audit.read(1, 1000).await.unwrap();
    verify(None, &records).unwrap();
    let events: Vec<_> = records.iter().map(|record| record.entry().unwrap().event).collect();
    for event in [
        Event::HoldPlaced,
        Event::HoldReleased,
        Event::HoldExpired,
        Event::Acknowledged,
        Event::PolicyPut,
        Event::PolicyRemoved,
    ] {
        assert!(events.contains(&event), "{event:?}");
    }
    assert!(records.iter().all(|record| record.entry().unwrap().actor == "anna@host"));
}

/// Whoever can write the table must not be believed.
async fn broken_rows(store: &Store, db: &Db) {
    let kept = store.policies("m");
    let id = kept_id(&kept_first());
    let set = async |table: &'static str, column: &'static str, value: String, id: &str| {
        if db.engine() == Engine::Cratedb {
            // An update there that does not name the whole key finds what was written after the next refresh.
            let mut refresh = SqlBuilder::new(db.engine());
            refresh.push("REFRESH TABLE ").table(&State::of(db.clone()).table(table));
            db.execute(refresh.build()).await.unwrap();
        }
        let mut update = SqlBuilder::new(db.engine());
        let name = State::of(db.clone()).table(table);
        update.push("UPDATE ").table(&name).push(" SET ").name(column).push(" = ").bind(value);
        update.push(" WHERE ").name("id").push(" = ").bind(id);
        assert_eq!(db.execute(update.build()).await.unwrap(), 1);
    };
    let whole = serde_json::to_string(&kept_first()).unwrap();
    let good = serde_json::to_value(kept_first()).unwrap();
    let change = |path: &str, value: serde_json::Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        body.to_string()
    };
    let unknown_field = whole.replacen("\"time\"", "\"untold\":1,\"time\"", 1);
    let twice = whole.replacen("\"time\"", "\"zone\":\"UTC\",\"time\"", 1);
    for (body, why) in [
        ("{".to_owned(), "EOF"),
        (change("/policy/table", "other".into()), "its id is not that of"),
        (change("/policy/tiers/0/drop/after", "7".into()), "no unit"),
        (change("/policy/tiers/0/drop/after", "0 days".into()), "0"),
        (unknown_field, "untold"),
        (twice, "duplicate field"),
    ] {
        assert_ne!(body, whole);
        set("policies", "body", body, id.as_str()).await;
        let error = kept.manifest().await.unwrap_err();
        let text =
            format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
        assert!(text.contains(id.as_str()) && text.contains(why), "{text}");
        assert!(error.hint().is_some());
    }
    // It can be taken out all the same.
    let (id, version) = kept.find(id.as_str()).await.unwrap();
    kept.apply(&[Change::Remove { id, version }], now()).await.unwrap();
    kept.manifest().await.unwrap();

    set("holds", "scope", r#"{"tabel":"x"}"#.to_owned(), "1").await;
    let error = store.holds().list().await.unwrap_err();
    assert!(error.to_string().contains("`1`"), "{error}");
}

fn kept_first() -> Subject {
    Subject::all_of(&Manifest::named("m").policy(policy("metrics", 7))).unwrap().remove(0)
}

fn kept_id(subject: &Subject) -> PolicyId {
    PolicyId::of("m", subject)
}

#[test]
fn ids_follow_from_what_a_policy_is_about_alone() {
    let id = |policy: Policy| kept_id(&Subject::all_of(&Manifest::named("m").policy(policy)).unwrap()[0]);
    assert_eq!(id(policy("t", 1)), id(policy("t", 90).keep_newest(3)));
    assert_ne!(id(policy("t", 1)), id(policy("s.t", 1)));
    assert_ne!(id(policy(r#""s.t""#, 1)), id(policy("s.t", 1)));
    let selected = |selector| id(Policy::for_tables(selector).time("at").drop_after(days(1)));
    let ab = Selector::tag("a").tagged("b").or(Selector::name("x")).or(Selector::name("y"));
    let ba = Selector::tag("b").tagged("a").or(Selector::name("y")).or(Selector::name("x"));
    assert_eq!(selected(ab.clone()), selected(ba));
    assert_ne!(selected(ab), selected(Selector::tag("a")));
    assert_ne!(selected(Selector::name("t")), id(policy("t", 1)));
    let twice = Manifest::named("m").policy(policy("t", 1)).policy(policy("t", 2));
    assert!(Subject::all_of(&twice).unwrap_err().to_string().contains("two policies"));
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    std::fs::write(&path, "").unwrap();
    on_every_engine(Db::connect(&format!("sqlite://{}", path.display())).await.unwrap()).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    on_every_engine(database.connect().await).await;
}

#[tokio::test]
async fn on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    on_every_engine(database.connect().await).await;
}

#[tokio::test]
async fn on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    let db = database.connect().await;
    on_every_engine(db).await;
}
