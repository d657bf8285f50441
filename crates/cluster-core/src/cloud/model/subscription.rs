//! How an organization pays.

use super::{DublinCore, model};

model! {
    /// How an organization pays for clusters.
    Subscription {
        needs {
            /// Its id.
            id: String,
        }
        may {
            /// Its name.
            name: String,
            /// The organization that it belongs to.
            organization_id: String,
            /// How it stands, such as `active`.
            state: String,
            /// Through whom it is paid, such as `stripe`.
            provider: String,
            /// Whether clusters can be made under it.
            active: bool,
            /// Which plan it is.
            plan: String,
            /// Which offer it is.
            offer: String,
            /// How usage is billed.
            billing_model: String,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}
