//! Which variables hold what no file should: their values are left where they are, and referred to.

use crate::model::secret::is_name;

/// Whether a variable of this name holds a secret: by the names that a timetable is warned about, and those of variables
/// by custom.
pub(super) fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    is_name(name) || upper == "PGPASS" || upper.ends_with("_PASS") || upper.ends_with("_KEY")
}

/// What a job says in place of a secret's value.
pub(super) fn reference(name: &str) -> String {
    format!("env:{name}")
}

/// What is said of it.
pub(super) fn remark(name: &str) -> String {
    format!(
        "`{name}` looks like a secret and was not copied: the job says `{}`; give it to the scheduler's environment",
        reference(name)
    )
}
