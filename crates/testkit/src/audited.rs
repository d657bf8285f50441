//! What an audit must say after faults, whatever was lost.

use clusterkeep_core::audit::{self, Event, Sink};

/// Checks that the chain is whole, and that no object was removed twice.
///
/// # Panics
///
/// It can't be read, is broken, or says that of an object twice.
#[expect(clippy::panic, reason = "it is how a test fails")]
pub async fn nothing_removed_twice(sink: &dyn Sink) {
    let records = sink.read(1, 10_000).await.unwrap_or_else(|e| panic!("read the audit: {e}"));
    audit::verify(None, &records).unwrap_or_else(|broken| panic!("{broken}"));
    let mut objects = Vec::new();
    for record in &records {
        let entry = record.entry().unwrap_or_else(|e| panic!("record {}: {e}", record.number));
        let removed = entry.event == Event::Outcome
            && entry.data["outcome"] == "done"
            && !entry.data["data"]["removed_from"].is_null();
        if removed {
            let Some(named) = entry.data["objects"].as_array() else { panic!("{} names no objects", record.body) };
            objects.extend(named.iter().map(ToString::to_string));
        }
    }
    let all = objects.len();
    objects.sort();
    objects.dedup();
    assert_eq!(objects.len(), all, "an object was dropped twice");
}
