//! Servers that damage what they should only shorten.
//!
//! Removing a partition of a table that was created before 5.5.0, or changing its settings, loses the ids of its columns
//! on some versions: all columns read as NULL from then on. Release notes of 6.0.6, 6.1.4, 6.2.6 and 6.3.2.

type Version = (u32, u32, u32);

/// Tables of this version and later are not affected.
const SAFE_SINCE: Version = (5, 5, 0);

/// The first and the last version of each line that damages them.
const BAD: [(Version, Version); 4] =
    [((6, 0, 0), (6, 0, 5)), ((6, 1, 0), (6, 1, 3)), ((6, 2, 0), (6, 2, 5)), ((6, 3, 0), (6, 3, 1))];

/// Whether a table was created by a version that some servers damage the tables of; an unknown one is taken for one.
pub(super) fn is_old(created: Option<&str>) -> bool {
    created.and_then(version).is_none_or(|created| created < SAFE_SINCE)
}

/// Whether the server damages old tables; one whose version can't be read is taken for one that does.
pub(super) fn damages(server: &str) -> bool {
    version(server).is_none_or(|server| BAD.iter().any(|(first, last)| *first <= server && server <= *last))
}

/// The three numbers, without what a snapshot or a candidate has behind them.
fn version(text: &str) -> Option<Version> {
    let text = text.split(['-', '+']).next()?;
    let mut numbers = text.split('.').map(|part| part.parse().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_10_the_versions_that_damage_old_tables_are_known() {
        for bad in ["6.0.0", "6.0.5", "6.1.0", "6.1.3", "6.2.0", "6.2.5", "6.3.0", "6.3.1", "6.3.1-SNAPSHOT", "", "x"] {
            assert!(damages(bad), "{bad}");
        }
        for good in ["5.10.2", "6.0.6", "6.1.4", "6.2.6", "6.3.2", "6.4.0", "6.4.3", "7.0.0"] {
            assert!(!damages(good), "{good}");
        }
    }

    #[test]
    fn defect_10_tables_since_5_5_are_safe() {
        assert!(is_old(Some("5.4.9")) && is_old(Some("4.8.4")) && is_old(None) && is_old(Some("new")));
        assert!(!is_old(Some("5.5.0")) && !is_old(Some("5.10.0")) && !is_old(Some("6.4.3")));
    }
}
