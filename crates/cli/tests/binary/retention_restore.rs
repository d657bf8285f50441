//! `retention restore` where there is nothing that could be restored.

use crate::support::{DB, Place};

#[test]
fn an_engine_without_archives_says_so() {
    let place = Place::with_weather();
    for command in [vec!["list"], vec!["show", "x"], vec!["run", "x"], vec!["run", "x", "--beside"]] {
        let ran = place.run(&[&["retention", "restore"][..], &command, &["--cluster", DB]].concat());
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.to_string().contains("there are no archives on SQLite"), "{ran}");
    }
}
