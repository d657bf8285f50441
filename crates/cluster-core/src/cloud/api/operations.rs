//! What is being done to a cluster, and was.

use serde_json::Value;
use uuid::Uuid;

use super::super::request::{check_order, stamp};
use super::super::transport::Call;
use super::super::{CloudClient, Operation, OperationFilter};
use crate::error::Result;

impl CloudClient {
    /// What is being done to a cluster and was, the newest first; empty where the service does not say.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn operations(&self, id: Uuid, filter: &OperationFilter) -> Result<Vec<Operation>> {
        check_order(filter.start, filter.end)?;
        let mut call = Call::get(format!("list operations of cluster {id}"), format!("/clusters/{id}/operations/"))
            .query("type", filter.kind.as_ref())
            .query("start", filter.start.map(stamp))
            .query("end", filter.end.map(stamp))
            .query("limit", filter.limit);
        for status in &filter.statuses {
            call = call.query("statuses", Some(status));
        }
        Ok(self.read_optional::<Value>(call).await?.map(listed).unwrap_or_default())
    }
}

/// The operations in an answer, the newest first.
///
/// The service leaves the list out at times, and what can't be read of one operation must not hide the others.
fn listed(answer: Value) -> Vec<Operation> {
    let list = match answer {
        Value::Object(mut answer) => answer.remove("operations").unwrap_or_default(),
        other => other,
    };
    let Value::Array(list) = list else { return Vec::new() };
    let mut operations: Vec<Operation> =
        list.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
    let created = |operation: &Operation| operation.dc.as_ref().and_then(|dc| dc.created);
    if operations.iter().all(|operation| created(operation).is_some()) {
        // Stable: what was created at one time stays in the order of the server.
        operations.sort_by_key(|operation| std::cmp::Reverse(created(operation)));
    }
    operations
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_is_first_and_a_missing_list_is_empty() {
        let one = |id: &str, day: &str| json!({"id": id, "dc": {"created": format!("2026-07-{day}T00:00:00")}});
        let list = listed(json!({"operations": [one("a", "01"), one("b", "03"), {"no": "id"}, one("c", "02")]}));
        assert_eq!(list.iter().map(|operation| operation.id.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
        for nothing in [json!({}), json!({"operations": null}), json!([]), json!(null), json!("?")] {
            assert!(listed(nothing).is_empty());
        }
    }
}
