//! The page of a plan: what would go and why, before anybody has agreed to it.
//!
//! It stands by itself as the report does, and prints on paper that can be signed.

use clusterkeep_retention::{Planned, text};

use super::html::esc;
use super::page::{begin, section};
use super::tables;

/// What a page of a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanPage<'a> {
    /// The plan.
    pub planned: &'a Planned,
    /// Whether every object has a row of its own.
    pub all: bool,
    /// What guard rails stop, once for each table.
    pub refusals: Vec<Refusal>,
    /// The command that does what the plan says; `None` where there is nothing to do.
    pub apply: Option<String>,
    /// The version of the program.
    pub version: &'a str,
}

/// What a guard rail stops of one table.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The table, and why.
    pub what: String,
    /// How to go on.
    pub hint: Option<String>,
}

impl PlanPage<'_> {
    /// The whole file.
    #[must_use]
    pub fn render(&self) -> String {
        let planned = self.planned;
        let name = esc(&planned.name);
        let mut out = begin(&format!("{name}: retention plan {}", planned.plan.hash.short()));
        out.push_str("<main>\n");
        self.head(&mut out);
        if !self.refusals.is_empty() {
            section(&mut out, "What is refused", "Nothing of these tables goes.", &self.refused());
        }
        let note = "Intervals are half-open: <b>from</b> is in, <b>until</b> is not. Like parts are one row.";
        section(&mut out, "What is decided, and why", note, &tables::plan(planned, self.all));
        section(&mut out, "What it rests on", "", &self.facts());
        if let Some(apply) = &self.apply {
            let note = "It plans again under a lock, and does nothing if what this plan rests on has moved since.";
            section(&mut out, "Apply it", note, &format!("<pre class=\"command\"><code>{}</code></pre>\n", esc(apply)));
        }
        out.push_str(&format!(
            "</main>\n<footer>Made by clusterkeep {}. Nothing was changed.</footer>\n</body>\n</html>\n",
            esc(self.version)
        ));
        out
    }

    fn head(&self, out: &mut String) {
        let planned = self.planned;
        let database = planned.address.split_once("://").map_or(planned.address.as_str(), |(_, rest)| rest);
        let tail = text::tail(planned);
        let sentence = tail.trim().split_once(": ").map_or(tail.trim(), |(_, sentence)| sentence);
        out.push_str(&format!(
            "<header{}>\n<p class=\"eyebrow\">Retention plan <b>{}</b>: <b>{}</b> on {} <code>{}</code></p>\n\
             <h1>{}</h1>\n<p class=\"lede\">As of {}.</p>\n</header>\n",
            if self.refusals.is_empty() { "" } else { " class=\"bad\"" },
            planned.plan.hash.short(),
            esc(&planned.name),
            esc(planned.engine),
            esc(database),
            esc(capital(sentence)),
            esc(text::both(planned.plan.as_of, planned.plan.zone)),
        ));
    }

    fn refused(&self) -> String {
        let mut out = String::new();
        for refusal in &self.refusals {
            out.push_str(&format!("<p class=\"refusal\"><b>refused:</b> {}", esc(&refusal.what)));
            if let Some(hint) = &refusal.hint {
                out.push_str(&format!("<br><b>hint:</b> {}", esc(hint)));
            }
            out.push_str("</p>\n");
        }
        out
    }

    fn facts(&self) -> String {
        let planned = self.planned;
        let mut out = String::from("<dl class=\"facts\">\n");
        let mut fact = |title: String, html: String| out.push_str(&format!("<dt>{title}</dt><dd>{html}</dd>\n"));
        fact("plan".into(), format!("<code>{}</code>", planned.plan.hash));
        fact("database".into(), format!("{} <code>{}</code>", esc(planned.engine), esc(&planned.address)));
        fact("zone".into(), planned.plan.zone.name().to_owned());
        // The first line of the plan's own head says what stands at the top of this page.
        let lines = text::head(planned);
        for (title, rest) in lines.lines().skip(1).filter_map(|line| line.split_once(": ")) {
            fact(esc(title).to_string(), esc(rest).to_string());
        }
        out.push_str("</dl>\n");
        out
    }
}

/// With its first letter as at the beginning of a sentence.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
