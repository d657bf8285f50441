//! What one and the same text means to crontab, Quartz and Kubernetes, and how the differences are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use clusterkeep_scheduler::{Cron, Dialect};
use proptest::prelude::*;

fn words(text: &str, dialect: Dialect) -> String {
    Cron::parse_as(text, dialect, "").unwrap().explain()
}

fn lint(text: &str, dialect: Dialect) -> Vec<String> {
    Cron::lint(text, dialect).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn kubernetes_reads_as_its_library_does() {
    let words = |text| words(text, Dialect::Kubernetes);
    assert_eq!(words("0 0 * * 0"), "at 00:00 on every Sunday");
    assert_eq!(words("? ? ? ? ?"), "every minute");
    // A star with a step is a restriction there, so either day is enough; to crontab it is none.
    assert_eq!(
        words("0 0 */10 * MON"),
        "at 00:00 on the 1st, 11th, 21st and 31st of the month, and also on every Monday"
    );
    assert_eq!(words("0 0 1,* * MON"), "at 00:00 on every Monday");
    assert_eq!(words("@weekly"), "at 00:00 on every Sunday");
    for (text, why) in [
        ("0 0 0 * * *", "it has 6 fields"),
        ("0 0 * * 7", "day of the week `7` is above 6"),
        ("0 0 L * *", "day of the month `L` is none that Kubernetes takes"),
        ("0 0 * * 5L", "day of the week `5L` is none that Kubernetes takes"),
        ("0 0 * * FRI#2", "day of the week `FRI#2` is none that Kubernetes takes"),
        ("H 0 * * *", "minute `H` is none that Kubernetes takes"),
        ("0 22-2 * * *", "hour `22-2` runs backwards"),
        ("0 0 * * FRIDAY", "day of the week `FRIDAY` is none that Kubernetes takes"),
        ("0 0 13 * +FRI", "day of the week `+FRI` is none that Kubernetes takes"),
    ] {
        let error = Cron::parse_as(text, Dialect::Kubernetes, "").unwrap_err();
        assert_eq!(error.to_string(), format!("cron expression `{text}`: {why}"));
    }
}

#[test]
fn what_an_expression_says_in_plain_words() {
    for (text, expected) in [
        ("30 3 * * *", "at 03:30"),
        ("* * * * *", "every minute"),
        ("* * * * * *", "every second"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/20 * * * * *", "every 20 seconds"),
        ("5 * * * *", "at minute 5 of every hour"),
        ("*/45 * * * *", "at minutes 0 and 45 of every hour"),
        ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00"),
        ("0 */2 * * *", "at minute 0 in the hours 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 22"),
        ("* 3 * * *", "every minute from 03:00 to 03:59"),
        ("15,45 9-17 * * MON-FRI", "at minutes 15 and 45 from 09:00 to 17:59 on Monday to Friday"),
        ("10 0 0 1 1 *", "at 00:00:10 on the 1st of the month in January"),
        ("5 * * * * *", "at second 5 of every minute"),
        ("*/30 5 * * * *", "every 30 seconds of minute 5 of every hour"),
        ("0 0 13 * FRI", "at 00:00 on the 13th of the month, and also on every Friday"),
        ("0 0 13 * +FRI", "at 00:00 on the 13th of the month, if that is a Friday"),
        ("0 0 1-3,15,22 6,7 *", "at 00:00 on the 1st to 3rd, 15th and 22nd of the month in June and July"),
        ("0 0 L,LW * *", "at 00:00 on the last day and the last weekday of the month"),
        ("0 0 L-2 * *", "at 00:00 on the 2nd day before the last of the month"),
        ("0 0 15W * *", "at 00:00 on the weekday nearest to the 15th of the month"),
        ("0 0 * * 2#1,5L", "at 00:00 on the 1st Tuesday and the last Friday"),
        ("0 0 * * FRI-MON", "at 00:00 on Monday and Friday to Sunday"),
        ("0 0 0 1 1 * 2030-2032", "at 00:00 on the 1st of the month in January in 2030 to 2032"),
    ] {
        assert_eq!(words(text, Dialect::Crontab), expected, "{text}");
    }
}

#[test]
fn lint_tells_what_differs_elsewhere() {
    assert_eq!(lint("@daily", Dialect::Crontab), [] as [&str; 0]);
    assert_eq!(lint("30 3 * * *", Dialect::Crontab), ["quartz wants seconds in front: `0 ...`"]);
    assert_eq!(
        lint("0 0 13 * 5", Dialect::Crontab),
        [
            "a day matches that either the day of the month or the day of the week names; `+` before the day of the week asks for both",
            "in quartz it means: at 00:00 on the 13th of the month, if that is a Thursday (it wants seconds in front; 1 is Sunday there; both day fields must match there)",
        ]
    );
    assert_eq!(
        lint("0 0 */10 * MON", Dialect::Crontab),
        [
            "quartz wants seconds in front: `0 ...`",
            "in kubernetes it means: at 00:00 on the 1st, 11th, 21st and 31st of the month, and also on every Monday (`*` with a step is a restriction there)",
        ]
    );
    assert_eq!(
        lint("0 0 0 ? * 2", Dialect::Quartz),
        [
            "in crontab it means: at 00:00 on every Tuesday (1 is Monday there)",
            "kubernetes refuses it: it has 6 fields"
        ]
    );
    assert_eq!(
        lint("0 0 0 * * MON", Dialect::Quartz),
        ["Quartz itself wants `?` in one of the two day fields", "kubernetes refuses it: it has 6 fields"]
    );
    assert_eq!(
        lint("0 0 LW * SUN", Dialect::Crontab)[1..],
        [
            "cron daemons do not take `LW`",
            // The last weekday is no Sunday, and there both must match.
            "quartz refuses it: it never fires",
            "kubernetes refuses it: day of the month `LW` is none that Kubernetes takes",
        ]
    );
    assert_eq!(lint("0 22-2 * * *", Dialect::Crontab)[0], "cron daemons do not take `22-2`");
    assert_eq!(lint("0 0 * * FRI-MON", Dialect::Crontab)[0], "cron daemons do not take `FRI-MON`");
    assert_eq!(lint("H 3 * * *", Dialect::Crontab)[0], "cron daemons do not take `H`");
    assert_eq!(
        lint("*/45 * * * *", Dialect::Crontab)[0],
        "`*/45` fires at 0 and 45 in minutes, not every 45 minutes; `@every` counts on"
    );
    assert_eq!(
        lint("0 30 3 * * *", Dialect::Crontab)[0],
        "cron daemons take 5 fields, not 6: most read the first as the minute"
    );
}

proptest! {
    #[test]
    fn text_of_any_kind_is_read_or_refused(text in "[0-9*/,LWH#?~+ A-Z()@-]{0,24}", dialect in 0_usize..3) {
        let dialect = Dialect::ALL[dialect];
        if let Ok(cron) = Cron::parse_as(&text, dialect, "x") {
            prop_assert!(!cron.explain().is_empty());
            prop_assert!(Cron::lint(&text, dialect).is_ok());
        }
    }

    #[test]
    fn single_fields_are_read_or_refused(item in "[0-9*LWH#?~+SUNFRI-]{1,6}(/[0-9]{1,2})?", field in 0_usize..7) {
        let mut fields = ["0", "0", "0", "*", "*", "*", "*"];
        fields[field] = &item;
        let text = fields.join(" ");
        if let Ok(cron) = Cron::parse(&text) {
            prop_assert!(!cron.explain().is_empty());
        }
    }
}
