//! The schemas under `schemas/` are those of the types. `UPDATE_SCHEMAS=1 cargo test -p clusterkeep schemas` writes them.

use std::path::PathBuf;

use clusterkeep::schema::Kind;

use crate::support::Place;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

#[test]
fn files_are_up_to_date() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some_and(|value| value == "1");
    let mut known = Vec::new();
    for kind in Kind::all() {
        let path = folder().join(format!("{}.json", kind.name()));
        let text = kind.text().unwrap();
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "{} is out of date; run the tests with UPDATE_SCHEMAS=1", path.display());
        known.push(format!("{}.json", kind.name()));
    }
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name} is the schema of nothing");
    }
}

#[test]
fn each_is_printed_by_its_name() {
    for kind in Kind::all() {
        let printed = Place::empty().run(&["schema", &kind.name()]).done();
        assert_eq!(printed.stdout, kind.text().unwrap());
    }
}
