//! The addresses of a server.

use crate::secret::Secret;

/// The addresses of a server, with its password.
#[derive(Debug, Clone)]
pub(super) struct Urls {
    /// Up to and with the slash before the name of a database.
    root: Secret,
    pub(super) database: Secret,
    pub(super) maintenance: Secret,
}

impl Urls {
    pub(super) fn new(root: Secret, database: &str, maintenance: &str) -> Self {
        let within = |name: &str| Secret::new(format!("{}{name}", root.expose()));
        let (database, maintenance) = (within(database), within(maintenance));
        Self { root, database, maintenance }
    }

    /// The address of the database `name`.
    pub(super) fn of(&self, name: &str) -> String {
        format!("{}{name}", self.root.expose())
    }
}
