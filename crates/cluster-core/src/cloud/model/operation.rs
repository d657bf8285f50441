//! An operation on a cluster.

use serde_json::Value;

use super::{DublinCore, OperationKind, OperationStatus, model};

model! {
    /// Something that is being done to a cluster, or was.
    Operation {
        needs {
            /// Its id.
            id: String,
        }
        may {
            /// What it does.
            r#type: OperationKind,
            /// How far it is.
            status: OperationStatus,
            /// The kind of thing that it is done to.
            entity: String,
            /// The id of that thing.
            entity_id: String,
            /// What the keeper says of it; see [`message`](Self::message).
            feedback_data: Value,
            /// From what to what it changes the cluster.
            non_sensitive_data: Value,
            /// When it was accepted and changed.
            dc: DublinCore,
        }
    }
}

impl Operation {
    /// What the keeper says of it, in its own words.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let feedback = self.feedback_data.as_ref()?;
        let text = feedback.get("message").unwrap_or(feedback).as_str()?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Whether it is still going on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.is_over())
    }
}
