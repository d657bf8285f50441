//! What names, passwords and hours may be.

use crate::error::{Error, Result};
use crate::secret::Secret;

/// The shortest and the longest password, in characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 24..=128;

/// Checks the name of a cluster.
///
/// # Errors
///
/// It is no DNS label of 3 to 63 characters: lower-case letters, digits and hyphens, a letter or digit at both ends.
pub fn check_cluster_name(name: &str) -> Result<()> {
    let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let well_formed =
        (3..=63).contains(&name.len()) && name.bytes().all(part) && !name.starts_with('-') && !name.ends_with('-');
    if well_formed {
        return Ok(());
    }
    Err(Error::input(format!("a cluster can't be named `{}`", name.escape_debug()))
        .with_hint("3 to 63 lower-case letters, digits and hyphens, no hyphen first or last"))
}

/// Checks the password of a cluster's administrator, and shows it to nobody.
///
/// # Errors
///
/// It has fewer than 24 or more than 128 characters.
pub fn check_password(password: &Secret) -> Result<()> {
    let length = password.expose().chars().count();
    if PASSWORD.contains(&length) {
        return Ok(());
    }
    Err(Error::input(format!("a password of {length} characters would be refused")).with_hint(format!(
        "take {} to {} characters",
        PASSWORD.start(),
        PASSWORD.end()
    )))
}

/// Checks the hours of the day, in UTC, at which backups are to be made.
///
/// # Errors
///
/// None, one of more than 23, or one twice.
pub fn check_backup_hours(hours: &[u8]) -> Result<()> {
    let hint = "give 1 to 24 different hours from 0 to 23, in UTC";
    if hours.is_empty() {
        return Err(Error::input("a backup schedule without an hour").with_hint(hint));
    }
    for (i, hour) in hours.iter().enumerate() {
        if *hour > 23 {
            return Err(Error::input(format!("{hour} is no hour of the day")).with_hint(hint));
        }
        if hours[..i].contains(hour) {
            return Err(Error::input(format!("hour {hour} of the backup schedule is given twice")).with_hint(hint));
        }
    }
    Ok(())
}

/// Checks the name of a project.
///
/// # Errors
///
/// It is empty, longer than 512 characters, or holds something else than letters, digits, `_`, `-` and blanks.
pub fn check_project_name(name: &str) -> Result<()> {
    named("project", name, "-_ ")
}

/// Checks the name of a product.
pub(in crate::cloud) fn check_product_name(name: &str) -> Result<()> {
    named("product", name, "-_. ")
}

/// Checks the tier of a product.
pub(in crate::cloud) fn check_product_tier(tier: &str) -> Result<()> {
    named("product tier", tier, "-_ ")
}

/// Checks a version of CrateDB, of any channel.
pub(in crate::cloud) fn check_version(version: &str) -> Result<()> {
    named("version of CrateDB", version, "-_.")
}

/// Checks that `name` is letters and digits and `marks`, and begins with a letter, a digit or `_`.
pub(in crate::cloud) fn named(what: &str, name: &str, marks: &str) -> Result<()> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let well_formed =
        name.chars().count() <= 512 && name.starts_with(word) && name.chars().all(|c| word(c) || marks.contains(c));
    if well_formed {
        return Ok(());
    }
    let shown: String = name.chars().take(80).collect();
    let blank = if marks.contains(' ') { " and blanks" } else { "" };
    let marks: Vec<_> = marks.trim().chars().map(|mark| format!("`{mark}`")).collect();
    Err(Error::input(format!("`{}` is no name of a {what}", shown.escape_debug()))
        .with_hint(format!("letters, digits, {}{blank}; a letter or digit first", marks.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_api_takes() {
        for name in ["abc", "a-1", "3f2", &"a".repeat(63)] {
            check_cluster_name(name).unwrap();
        }
        for name in ["", "ab", "-abc", "abc-", "Abc", "a_b", "a b", "ä-b", &"a".repeat(64)] {
            assert!(check_cluster_name(name).is_err(), "{name}");
        }
        check_project_name("My project-1").unwrap();
        check_product_name("cr1.x").unwrap();
        check_version("nightly-6.0.0-2025-05-01-00-02").unwrap();
        for name in ["", " a", "-a", "a\nb", "a/b"] {
            assert!(check_project_name(name).is_err(), "{name}");
        }
        assert!(check_product_tier("a.b").is_err());
    }

    #[test]
    fn a_password_is_measured_and_not_shown() {
        check_password(&Secret::new("x".repeat(24))).unwrap();
        check_password(&Secret::new("ö".repeat(128))).unwrap();
        for password in ["hunter2", &"hunter2".repeat(19)] {
            let error = check_password(&Secret::new(password)).unwrap_err();
            assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("hunter2"));
        }
    }

    #[test]
    fn hours_are_hours() {
        check_backup_hours(&[0, 23]).unwrap();
        for hours in [&[][..], &[24], &[1, 1]] {
            assert!(check_backup_hours(hours).is_err(), "{hours:?}");
        }
    }
}
