//! The caller, and the caller's API keys.

use uuid::Uuid;

use super::{DublinCore, model};
use crate::secret::Secret;

model! {
    /// The caller.
    CurrentUser {
        may {
            /// The caller's id.
            uid: String,
            /// The caller's address.
            email: String,
            /// The caller's name.
            name: String,
            /// The name that the caller logs in with.
            username: String,
            /// Who vouches for the caller.
            idp: String,
            /// Whether the caller may do everything.
            is_superuser: bool,
            /// How the account stands.
            status: String,
            /// An organization of the caller; the roles say more.
            organization_id: String,
        }
        lists {
            /// The caller's roles in organizations.
            organization_roles: OrganizationRole,
            /// The caller's roles in projects.
            project_roles: ProjectRole,
        }
    }
}

model! {
    /// A role in an organization.
    OrganizationRole {
        may {
            /// The organization.
            organization_id: Uuid,
            /// The role: `org_admin` or `org_member`.
            role_fqn: String,
        }
    }
}

model! {
    /// A role in a project.
    ProjectRole {
        may {
            /// The project.
            project_id: Uuid,
            /// The role: `project_admin` or `project_member`.
            role_fqn: String,
        }
    }
}

model! {
    /// An API key of the caller, without its secret.
    ApiKey {
        needs {
            /// The key: the user name of requests.
            key: String,
        }
        may {
            /// Whether it works.
            active: bool,
            /// Whose it is.
            user_id: String,
            /// When it was created and changed.
            dc: DublinCore,
        }
        times {
            /// When it was used last.
            last_used
        }
    }
}

/// An API key that was made just now. Its secret is never shown again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewApiKey {
    /// The key.
    pub key: ApiKey,
    /// Its secret.
    pub secret: Secret,
}
