//! An expression for other programs: whether two mean the same times, and the times as expressions of systemd.

use super::days::bits;
use super::search::YEARS;
use super::{Cron, Days};

/// Sunday is 0.
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl Cron {
    /// Whether both name the same civil times, whatever either does where the clock changes.
    pub(crate) fn is_at_the_same_times_as(&self, other: &Self) -> bool {
        let other = Self { follows_the_clock: self.follows_the_clock, ..other.clone() };
        let either = |days: &Days| days.either && days.of_week != 0x7f && days.of_month != !1;
        *self == other || {
            // Where one of the day fields is any day, it does not matter how they are taken together.
            let days = Days { either: self.days.either, ..other.days };
            !either(&self.days) && !either(&other.days) && *self == Self { days, ..other }
        }
    }

    /// The same times as calendar expressions of systemd: two, where either of two days is enough. `None` where a rule for
    /// days is none that they know.
    pub(crate) fn calendar_texts(&self) -> Option<Vec<String>> {
        let Days { of_month, from_last, nearest, of_week, nth, last, last_weekday, either } = self.days;
        if nearest != 0 || nth != [0; 5] || last != 0 || last_weekday || of_month != 0 && from_last != 0 {
            return None;
        }
        let list = |values: Vec<u32>, low: u32, size: usize| match values.len() {
            all if all == size => "*".to_owned(),
            _ => values.iter().map(|value| format!("{:02}", value + low)).collect::<Vec<_>>().join(","),
        };
        let mask = |mask: u64| (0..64_u32).filter(|bit| mask & (1 << bit) != 0).collect::<Vec<_>>();
        let time = format!(
            "{}:{}:{}",
            list(mask(self.hours.into()), 0, 24),
            list(mask(self.minutes), 0, 60),
            list(mask(self.seconds), 0, 60)
        );
        let year = self.years.as_ref().map_or_else(
            || "*".to_owned(),
            |_| {
                let named = YEARS.filter(|year| self.year_matches(*year));
                named.map(|year| year.to_string()).collect::<Vec<_>>().join(",")
            },
        );
        let month = list(mask(self.months.into()), 0, 12);
        let day = match from_last {
            0 => format!("-{}", list(bits(of_month).collect(), 0, 31)),
            from_last => format!("~{}", list(bits(from_last).collect(), 1, 32)),
        };
        let names = bits(u32::from(of_week)).filter_map(|day| WEEKDAYS.get(day as usize).copied()).collect::<Vec<_>>();
        let week = if names.len() == 7 { String::new() } else { format!("{} ", names.join(",")) };
        let text = |week: &str, day: &str| format!("{week}{year}-{month}{day} {time}");
        Some(if either && !week.is_empty() { vec![text("", &day), text(&week, "-*")] } else { vec![text(&week, &day)] })
    }
}
