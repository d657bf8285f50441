//! What other programs make of an expression: whoever moves one from there to here, or back, should know beforehand.
//!
//! The other reading is never guessed: the text is read by the other program's rules, and what came out is compared.

use clusterkeep_core::Result;

use super::{Cron, Dialect, Warning, parse};

/// All that its writer may not have meant, and what differs elsewhere.
pub(super) fn lint(text: &str, dialect: Dialect) -> Result<Vec<Warning>> {
    let (cron, mut warnings) = parse::expression(text, dialect, "")?;
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    if text.trim().starts_with('@') {
        return Ok(warnings);
    }
    if dialect == Dialect::Crontab {
        warnings.extend(beyond(&fields));
    }
    if dialect == Dialect::Quartz && fields.get(3) != Some(&"?") && fields.get(5) != Some(&"?") {
        warnings.push(Warning::NoQuestionMark);
    }
    warnings.extend(
        Dialect::ALL
            .into_iter()
            .filter(|other| *other != dialect)
            .filter_map(|other| elsewhere(&cron, &fields, dialect, other)),
    );
    Ok(warnings)
}

/// What `other` makes of it, if that is something else.
fn elsewhere(cron: &Cron, fields: &[&str], dialect: Dialect, other: Dialect) -> Option<Warning> {
    // Where seconds are missing there, nothing would be said but that: with them it is read on.
    let seconds = other == Dialect::Quartz && fields.len() == 5;
    let text = if seconds { format!("0 {}", fields.join(" ")) } else { fields.join(" ") };
    match parse::expression(&text, other, "") {
        Err(error) => {
            let prefix = format!("cron expression `{text}`: ");
            let why = error.to_string();
            Some(Warning::RefusedBy { dialect: other, why: why.strip_prefix(&prefix).unwrap_or(&why).to_owned() })
        }
        Ok((there, _)) if there == *cron => seconds.then_some(Warning::NeedsSeconds { dialect: other }),
        Ok((there, _)) => {
            let mut because = Vec::new();
            if seconds {
                because.push("it wants seconds in front");
            }
            if (dialect == Dialect::Quartz) != (other == Dialect::Quartz)
                && fields.last().is_some_and(|_| numbered(fields))
            {
                because.push(if other == Dialect::Quartz { "1 is Sunday there" } else { "1 is Monday there" });
            }
            if cron.days.either != there.days.either {
                because.push(match (there.days.either, other) {
                    (false, Dialect::Crontab) => "a field that begins with `*` is no restriction there",
                    (true, Dialect::Kubernetes) if dialect == Dialect::Crontab => {
                        "`*` with a step is a restriction there"
                    }
                    (false, _) => "both day fields must match there",
                    (true, _) => "either of two day fields is enough there",
                });
            }
            Some(Warning::MeansElsewhere { dialect: other, means: there.explain(), because })
        }
    }
}

/// Whether the day of the week is given by number.
fn numbered(fields: &[&str]) -> bool {
    let day_of_week = fields.get(if fields.len() == 5 { 4 } else { 5 });
    day_of_week.is_some_and(|field| {
        // Numbers behind `/` and `#` count weeks and steps, not days.
        field.split(',').any(|item| {
            let base = item.split(['/', '#']).next().unwrap_or_default();
            base.bytes().any(|byte| byte.is_ascii_digit())
        })
    })
}

/// What crontab's dialect takes here and cron daemons do not.
fn beyond(fields: &[&str]) -> impl Iterator<Item = Warning> {
    let mut warnings = Vec::new();
    if fields.len() > 5 {
        warnings.push(Warning::FieldsBeyondCrontab { count: fields.len() });
    }
    // Without the seconds in front the day of the week is the fifth.
    let names = fields.get(usize::from(fields.len() > 5)..).unwrap_or_default();
    for (index, field) in names.iter().enumerate() {
        for item in field.split(',') {
            if is_beyond(item, index) {
                warnings.push(Warning::BeyondCrontab { item: item.to_owned() });
            }
        }
    }
    warnings.into_iter()
}

fn is_beyond(item: &str, index: usize) -> bool {
    let base = item.split('/').next().unwrap_or_default();
    let digits = |text: &str| text.parse::<u32>().ok();
    let backwards = base
        .split_once('-')
        .and_then(|(first, last)| Some(digits(first)? > digits(last)?))
        .unwrap_or(base.contains('-') && base.bytes().any(|byte| byte.is_ascii_alphabetic()));
    let special = base.contains(['?', '#', '~', '+', '(']) || base.eq_ignore_ascii_case("H");
    let days = matches!(index, 2 | 4) && (base.ends_with(['L', 'l', 'W', 'w']) || base.starts_with(['L', 'l']));
    let long = base.len() > 3 && base.bytes().all(|byte| byte.is_ascii_alphabetic());
    special || days || long || backwards
}
