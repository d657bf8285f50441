//! Where a secret seems to stand in plain text, for who checks files.

use std::collections::BTreeMap;

use super::Target;

/// Parts of names that secrets go by.
const NAMES: [&str; 8] = ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "private_key"];

impl Target {
    /// The fields that seem to hold a secret where a reference (`env:NAME`, `file:PATH`) belongs. Values are not shown.
    ///
    /// ```
    /// use clusterkeep_scheduler::Target;
    /// let text = r#"{"command": "x", "env": {"PGPASSWORD": "hunter2", "API_TOKEN": "env:API_TOKEN"}}"#;
    /// let target: Target = serde_json::from_str(text).unwrap();
    /// assert_eq!(target.plain_secrets(), ["env.PGPASSWORD"]);
    /// ```
    #[must_use]
    pub fn plain_secrets(&self) -> Vec<String> {
        match self {
            Self::Command(command) => named("env", &command.process.env),
            Self::Python(python) => named("env", &python.process.env),
            Self::Node(node) => named("env", &node.process.env),
            Self::Container(container) => named("env", &container.env),
            Self::Http(http) => {
                let mut found = named("headers", &http.headers);
                found.extend(with_password(&http.http).then(|| "http".to_owned()));
                found
            }
            Self::Sql(sql) => {
                sql.cluster.iter().filter(|cluster| with_password(cluster)).map(|_| "cluster".to_owned()).collect()
            }
            Self::Action(_) => Vec::new(),
        }
    }
}

impl Target {
    /// The references (`env:NAME`, `file:PATH`) that it would fetch something from.
    ///
    /// ```
    /// use clusterkeep_scheduler::Target;
    /// let target: Target = serde_json::from_str(r#"{"command": "x", "env": {"A": "env:B", "C": "d"}}"#).unwrap();
    /// assert_eq!(target.references(), ["env:B"]);
    /// ```
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        let values: Vec<&str> = match self {
            Self::Command(command) => command.process.env.values().map(String::as_str).collect(),
            Self::Python(python) => python.process.env.values().map(String::as_str).collect(),
            Self::Node(node) => node.process.env.values().map(String::as_str).collect(),
            Self::Container(container) => container.env.values().map(String::as_str).collect(),
            Self::Http(http) => http.headers.values().map(|value| credentials(value).1).collect(),
            // In an address it is the value of the parameter `password`; or the whole is one.
            Self::Sql(sql) => sql
                .cluster
                .iter()
                .flat_map(|cluster| cluster.split(['?', '&']))
                .map(|part| part.strip_prefix("password=").unwrap_or(part))
                .collect(),
            Self::Action(_) => Vec::new(),
        };
        values.into_iter().filter(|value| is_reference(value)).map(ToOwned::to_owned).collect()
    }
}

/// The scheme of a header such as `Bearer env:TOKEN`, and what follows it.
pub(crate) fn credentials(value: &str) -> (&str, &str) {
    match value.split_once(' ') {
        Some((scheme @ ("Bearer" | "Basic" | "Token"), rest)) => (scheme, rest),
        _ => ("", value),
    }
}

fn named(field: &str, values: &BTreeMap<String, String>) -> Vec<String> {
    let secret = |(name, value): &(&String, &String)| {
        let name = name.to_ascii_lowercase().replace('-', "_");
        let word = value.rsplit(' ').next().unwrap_or_default();
        NAMES.iter().any(|part| name.contains(part)) && !word.is_empty() && !is_reference(word)
    };
    values.iter().filter(secret).map(|(name, _)| format!("{field}.{name}")).collect()
}

/// Whether a value says where a secret is. `file://` begins a URL.
pub(crate) fn is_reference(value: &str) -> bool {
    let path = |path: &str| !path.is_empty() && !path.starts_with("//");
    value.strip_prefix("env:").is_some_and(|name| !name.is_empty()) || value.strip_prefix("file:").is_some_and(path)
}

/// Whether a URL has a password between its scheme and its host.
fn with_password(url: &str) -> bool {
    let authority = url.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}
