//! Who owns what: organizations, their projects and subscriptions, users and keys.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::time;

/// What a user may do in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cloud) enum Role {
    /// Everything.
    Admin,
    /// Look.
    Member,
}

impl Role {
    pub(in crate::cloud) const fn word(self) -> &'static str {
        match self {
            Self::Admin => "org_admin",
            Self::Member => "org_member",
        }
    }
}

#[derive(Debug)]
pub(in crate::cloud) struct Organization {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) name: String,
    pub(in crate::cloud) plan: i64,
    pub(in crate::cloud) email: String,
    pub(in crate::cloud) notifications: bool,
    pub(in crate::cloud) created: DateTime<Utc>,
    pub(in crate::cloud) modified: DateTime<Utc>,
}

impl Organization {
    pub(in crate::cloud) fn new(name: &str, now: DateTime<Utc>) -> Self {
        let email = "admin@example.org".to_owned();
        Self {
            id: Uuid::new_v4(),
            name: name.to_owned(),
            plan: 3,
            email,
            notifications: true,
            created: now,
            modified: now,
        }
    }

    pub(in crate::cloud) fn view(&self, projects: usize, role: Role) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "plan_type": self.plan,
            "email": self.email,
            "notifications_enabled": self.notifications,
            "project_count": projects,
            "role_fqn": role.word(),
            "dc": time::dc(self.created, self.modified),
        })
    }
}

#[derive(Debug)]
pub(in crate::cloud) struct Project {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) name: String,
    pub(in crate::cloud) organization: Uuid,
    pub(in crate::cloud) region: String,
    /// Without its credentials.
    pub(in crate::cloud) backup_location: Option<Value>,
    pub(in crate::cloud) created: DateTime<Utc>,
    pub(in crate::cloud) modified: DateTime<Utc>,
}

impl Project {
    pub(in crate::cloud) fn new(name: &str, organization: Uuid, region: &str, now: DateTime<Utc>) -> Self {
        let (name, region) = (name.to_owned(), region.to_owned());
        Self { id: Uuid::new_v4(), name, organization, region, backup_location: None, created: now, modified: now }
    }

    pub(in crate::cloud) fn view(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "organization_id": self.organization,
            "region": self.region,
            "backup_location": self.backup_location,
            "dc": time::dc(self.created, self.modified),
        })
    }
}

#[derive(Debug)]
pub(in crate::cloud) struct Subscription {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) name: String,
    pub(in crate::cloud) organization: Uuid,
    pub(in crate::cloud) provider: String,
    pub(in crate::cloud) active: bool,
    pub(in crate::cloud) created: DateTime<Utc>,
    pub(in crate::cloud) modified: DateTime<Utc>,
}

impl Subscription {
    pub(in crate::cloud) fn new(name: &str, organization: Uuid, provider: &str, now: DateTime<Utc>) -> Self {
        let (name, provider) = (name.to_owned(), provider.to_owned());
        Self { id: Uuid::new_v4(), name, organization, provider, active: true, created: now, modified: now }
    }

    pub(in crate::cloud) fn view(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "name": self.name,
            "organization_id": self.organization.to_string(),
            "state": if self.active { "active" } else { "canceled" },
            "active": self.active,
            "provisioned": true,
            "provider": self.provider,
            "billing_model": "consumption",
            "offer": "cratedb-cloud",
            "plan": "default",
            "reference": "",
            "dc": time::dc(self.created, self.modified),
        })
    }
}

#[derive(Debug)]
pub(in crate::cloud) struct User {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) email: String,
    pub(in crate::cloud) name: String,
    /// May act as such with `X-Auth-Sudo`.
    pub(in crate::cloud) superuser: bool,
    pub(in crate::cloud) roles: Vec<(Uuid, Role)>,
    pub(in crate::cloud) project_roles: Vec<(Uuid, String)>,
}

impl User {
    pub(in crate::cloud) fn new(email: &str, superuser: bool, roles: Vec<(Uuid, Role)>) -> Self {
        let name = email.split('@').next().unwrap_or_default().to_owned();
        Self { id: Uuid::new_v4(), email: email.to_owned(), name, superuser, roles, project_roles: Vec::new() }
    }

    /// What every form of a user has.
    pub(in crate::cloud) fn base(&self) -> Value {
        json!({"uid": self.id, "email": self.email, "name": self.name, "username": self.name, "idp": "cognito"})
    }

    pub(in crate::cloud) fn organization_roles(&self) -> Value {
        let roles = self.roles.iter();
        roles.map(|(id, role)| json!({"organization_id": id, "role_fqn": role.word()})).collect()
    }

    pub(in crate::cloud) fn roles_in_projects(&self) -> Value {
        self.project_roles.iter().map(|(id, role)| json!({"project_id": id, "role_fqn": role})).collect()
    }
}

/// A key of a user, with its secret.
#[derive(Debug)]
pub(in crate::cloud) struct Key {
    pub(in crate::cloud) key: String,
    pub(in crate::cloud) secret: String,
    pub(in crate::cloud) user: Uuid,
    pub(in crate::cloud) active: bool,
    pub(in crate::cloud) last_used: Option<DateTime<Utc>>,
    pub(in crate::cloud) created: DateTime<Utc>,
}

impl Key {
    pub(in crate::cloud) fn new(user: Uuid, now: DateTime<Utc>) -> Self {
        let (key, secret) = (random(20), random(40));
        Self { key, secret, user, active: true, last_used: None, created: now }
    }

    /// Without the secret, which is shown once.
    pub(in crate::cloud) fn view(&self) -> Value {
        let mut view = json!({
            "key": self.key,
            "active": self.active,
            "user_id": self.user.to_string(),
            "dc": time::dc(self.created, self.created),
        });
        if let Some(used) = self.last_used {
            view["last_used"] = time::stamp(used).into();
        }
        view
    }
}

/// Letters and digits that nobody can guess.
pub(in crate::cloud) fn random(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text.push_str(&Uuid::new_v4().simple().to_string());
    }
    text.truncate(length);
    text
}
