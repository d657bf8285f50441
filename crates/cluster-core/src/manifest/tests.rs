//! What is read, what is refused, and where the message points.

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    name: String,
    #[serde(default)]
    tables: Vec<Table>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    table: String,
    drop: Option<Drop>,
    #[serde(default)]
    on: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    after: Unit,
}

/// Stands for a type with rules of its own.
#[derive(Debug, PartialEq)]
struct Unit(String);

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.ends_with("days") {
            return Ok(Self(text));
        }
        Err(custom(Error::input(format!("age `{text}` has no unit")).with_hint(format!("write `{text} days`"))))
    }
}

impl Manifest for Policy {
    const KIND: &'static str = "Retention";
}

fn refusal(text: &str) -> String {
    let error = read_str::<Policy>(text, "p.yaml").expect_err(text);
    assert!(matches!(error, Error::Input { place: Some(_), .. }), "{text}: {error:?}");
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

#[test]
fn documents_of_other_kinds_are_passed_over() -> Result<()> {
    let text = "# a comment\nkind: Retention\nname: a\n---\nkind: Timetable\nanything: { goes: [here] }\n---\n\nkind: Retention\nname: b\n---\n";
    let documents = read_str::<Policy>(text, "p.yaml")?;
    let found: Vec<_> = documents.iter().map(|found| (found.value.name.as_str(), found.place.to_string())).collect();
    assert_eq!(found, [("a", "p.yaml:2:1".to_string()), ("b", "p.yaml:9:1".to_string())]);
    Ok(())
}

#[test]
fn json_is_read_the_same_way_with_tabs_and_a_byte_order_mark() -> Result<()> {
    let text = "\u{feff}{\n\t\"kind\": \"Retention\",\n\t\"name\": \"a\",\n\t\"tables\": [{\"table\": \"t\", \"on\": true}]\n}\n";
    assert_eq!(read_str::<Policy>(text, "p.json")?[0].value.tables[0].table, "t");
    let error = refusal("{\n\t\"kind\": \"Retention\",\n\t\"name\": \"a\",\n\t\"nmae\": \"b\"\n}\n");
    assert!(error.starts_with("p.yaml:4:2: unknown field `nmae`\nhint: did you mean `name`?"), "{error}");
    Ok(())
}

#[test]
fn an_error_of_a_type_points_at_its_value() {
    let text = "kind: Retention\nname: a\ntables:\n  - table: t\n    drop: { after: 90 }\n";
    insta::assert_snapshot!(refusal(text), @"
    p.yaml:5:20: age `90` has no unit
    hint: write `90 days`
    ");
}

#[test]
fn each_refusal_has_its_place_and_a_hint() {
    let head = "kind: Retention\nname: a\n";
    let cases = [
        "",
        "# nothing\n",
        "---\n---\n",
        "name: a\nkind: Retention\n",
        "kind: Retentoin\nname: a\n",
        "kind: [Retention]\n",
        "- kind: Retention\n",
        "just text\n",
        "kind: Retention\nname: a\nname: b\n",
        "kind: Retention\nkind: Retention\nname: a\n",
        "kind: Timetable\na: { b: 1, b: 2 }\n",
        "kind: Timetable\na: 1\n---\nkind: Timetable\nb: 2\nb: 3\n",
        "kind: Retention\n",
        &format!("{head}tables: 5\n"),
        &format!("{head}tables:\n  - table: t\n    on: yes\n"),
        &format!("{head}tables:\n\t- table: t\n"),
        &format!("{head}tables: [{{ table: t\n"),
        &format!("{head}  odd: 1\n"),
        &format!("{head}<<: {{ tables: [] }}\n"),
        &format!("{head}tables: !secret x\n"),
        &format!("{head}tables: *nobody\n"),
        &format!("{head}x: \"\\u001b[31m\"\n"),
        &format!("{head}tables: {}1{}\n", "[".repeat(200), "]".repeat(200)),
        &format!("kind: Timetable\nx: {}1{}\n", "{a: ".repeat(60_000), "}".repeat(60_000)),
    ];
    let all: Vec<_> = cases.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn files_that_can_not_be_read_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let missing = read_file::<Policy>(dir.path().join("missing.yaml")).unwrap_err();
    assert!(matches!(missing, Error::Input { source: Some(_), .. }) && missing.hint().is_some());
    assert!(matches!(read_file::<Policy>(dir.path()), Err(Error::Input { .. })));

    let latin = dir.path().join("latin.yaml");
    std::fs::write(&latin, b"kind: Retention\nname: \xe4\n").unwrap();
    let error = read_file::<Policy>(&latin).unwrap_err().to_string();
    assert!(error.ends_with("latin.yaml:2:1: this is no UTF-8 text"), "{error}");

    let good = dir.path().join("good.yaml");
    std::fs::write(&good, "kind: Retention\nname: ä\n").unwrap();
    assert_eq!(read_file::<Policy>(&good).unwrap()[0].value.name, "ä");
}

/// A few hundred bytes must not become gigabytes.
#[test]
fn an_alias_bomb_is_defused() {
    let mut text = String::from("kind: Timetable\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let before = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{before}]\n"));
    }
    refusal(&text);
}
