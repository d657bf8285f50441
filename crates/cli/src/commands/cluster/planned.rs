//! How a plan about clusters, or of a restore, is shown, approved and reported: the same way for each of them.
//!
//! On a terminal the plan is shown and asked about; in a script it needs the hash that `--plan` has printed.

use std::fmt;

use clusterkeep_core::address::{Origin, Resolved};
use clusterkeep_core::plan::{Approval, Class, Domain, Plan, Report, Verdict};
use clusterkeep_core::{Error, ExitCode, Result};

use crate::args::{ApprovalArgs, ClusterArgs};
use crate::commands::retention::report as shown;
use crate::context::Context;
use crate::output::{Colour, Format, Listing, Printer, quoted};

/// The command line that says the same again, without `--plan` and without a password.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Again(Vec<String>);

impl Again {
    /// `clusterkeep cluster COMMAND`.
    pub(in crate::commands) fn of(command: &str) -> Self {
        Self::of_command(&format!("cluster {command}"))
    }

    /// `clusterkeep COMMAND`.
    pub(in crate::commands) fn of_command(command: &str) -> Self {
        Self(vec!["clusterkeep".into(), command.into()])
    }

    /// Adds an argument.
    pub(in crate::commands) fn word(mut self, word: impl fmt::Display) -> Self {
        self.0.push(quoted(&word.to_string()));
        self
    }

    /// Adds a flag with its value, where there is one.
    pub(in crate::commands) fn flag(mut self, flag: &str, value: Option<impl fmt::Display>) -> Self {
        if let Some(value) = value {
            self.0.push(format!("{flag} {}", quoted(&value.to_string())));
        }
        self
    }

    /// Adds a flag without a value, where it was given.
    pub(in crate::commands) fn switch(mut self, flag: &str, given: bool) -> Self {
        if given {
            self.0.push(flag.into());
        }
        self
    }

    /// Adds the cluster, where a flag named it.
    pub(in crate::commands) fn cluster(self, args: &ClusterArgs, resolved: &Resolved) -> Self {
        let named = matches!(resolved.origin, Origin::Flag(_)).then_some(&resolved.address);
        args.allow_plaintext
            .iter()
            .fold(self.flag("--cluster", named), |this, host| this.flag("--allow-plaintext", Some(host)))
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// What comes after looking at a plan.
pub(in crate::commands) enum Next {
    /// It is approved.
    Apply(Approval),
    /// That was all.
    End(ExitCode),
}

/// Fails where a plan could be neither approved nor asked about, before anybody is asked anything else.
pub(in crate::commands) fn can_be_approved(args: &ApprovalArgs, again: &Again, printer: &Printer) -> Result<()> {
    if args.plan || args.expect_plan.is_some() || printer.can_ask() {
        return Ok(());
    }
    Err(Error::input("nobody has approved a plan, and there is no terminal to ask on")
        .with_hint(format!("see what it would do with `{again} --plan`, and add the --expect-plan that it prints")))
}

/// A verdict's word in the colour of its class.
pub(in crate::commands) fn painted(printer: &Printer) -> impl Fn(Class, &str) -> String + '_ {
    |class, word| match class {
        Class::Keep => word.to_owned(),
        Class::Act => printer.paint(Colour::Act, word),
        Class::Refuse => printer.paint(Colour::Refuse, word),
    }
}

/// Shows the plan, or asks about it; `text` is the plan for people.
pub(in crate::commands) async fn approve<D: Domain>(
    plan: &Plan<D>,
    text: &str,
    args: &ApprovalArgs,
    again: &Again,
    context: &Context,
) -> Result<Next> {
    let printer = &context.printer;
    if args.plan {
        printer.data(&print(plan, text, again, printer)?)?;
        refusals(plan, printer);
        return Ok(Next::End(plan.exit_code(args.exit_code)));
    }
    if let Some(hash) = &args.expect_plan {
        return Ok(Next::Apply(Approval::Hash(hash.clone())));
    }
    // The answer on the standard output is the report; the question is not.
    printer.alert(text.trim_end());
    refusals(plan, printer);
    if plan.is_empty() {
        return Ok(Next::End(plan.exit_code(false)));
    }
    let (asking, question) = (printer.clone(), format!("apply plan {}?", plan.hash.short()));
    let asked = tokio::task::spawn_blocking(move || asking.ask(&question));
    let approved =
        context.interruptible(async { asked.await.map_err(|error| Error::caused("ask for approval", error))? });
    if approved.await? {
        return Ok(Next::Apply(plan.hash.into()));
    }
    Err(Error::refused(format!("plan {} was not approved", plan.hash.short())).with_hint("nothing was changed"))
}

fn print<D: Domain>(plan: &Plan<D>, text: &str, again: &Again, printer: &Printer) -> Result<String> {
    if printer.format() != Format::Table {
        return verdicts(&plan.verdicts).render(printer.format(), plan);
    }
    let mut text = format!("{}\n", text.trim_end());
    if !plan.is_empty() {
        text.push_str(&format!("apply it: {again} --expect-plan {}\n", plan.hash.short()));
    }
    Ok(text)
}

fn verdicts<D: Domain>(verdicts: &[Verdict<D>]) -> Listing<'_, Verdict<D>> {
    Listing::of(verdicts, "there is nothing to decide")
        .column("object", |verdict: &Verdict<D>| verdict.object.to_string().into())
        .column("verdict", |verdict| verdict.verdict.to_string().into())
        .column("reason", |verdict| verdict.reason.to_string().into())
}

/// Says what is refused.
fn refusals<D: Domain>(plan: &Plan<D>, printer: &Printer) {
    for verdict in plan.refused() {
        let word = printer.paint_err(Colour::Refuse, "refused:");
        printer.alert(&format!("{word} plan {}: {}: {}", plan.hash.short(), verdict.object, verdict.reason));
    }
}

/// Shows what became of it, and says how the command ends.
pub(in crate::commands) fn report<D: Domain>(
    report: &Report<D>,
    plan: &Plan<D>,
    again: &Again,
    printer: &Printer,
) -> Result<ExitCode> {
    printer.data(&shown(report, printer)?)?;
    refusals(plan, printer);
    if report.exit_code() == ExitCode::Interrupted {
        printer.alert(&format!("interrupted; go on with: {again} --plan"));
    }
    Ok(report.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let again = Again::of("scale").flag("--unit", Some(2)).flag("--product", None::<&str>).switch("--free", true);
        assert_eq!(again.word("it's").to_string(), r"clusterkeep cluster scale --unit 2 --free 'it'\''s'");
    }
}
