//! Commands that change, pay for or destroy a cluster of the Cloud: each makes a plan, which is shown, approved, applied.

use clusterkeep_core::address::{ClusterAddress, Resolved};
use clusterkeep_core::change::{Change, Changes};
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::cloud::{Channels, Cidr, CloudClient};
use clusterkeep_core::{Error, ExitCode, Result};
use uuid::Uuid;

use super::planned::{self, Again, Next};
use super::{power, remove};
use crate::args::{
    AllowArgs, ApprovalArgs, ClusterArgs, DeleteArgs, ProtectArgs, Protection, ScaleArgs, StorageArgs, UpgradeArgs,
    WaitArgs,
};
use crate::context::{Context, actor, state_folder};
use crate::output::{Format, Listing, Status};

/// A change to be, and how to ask for it again.
pub(super) struct Asked<'a> {
    pub(super) again: Again,
    pub(super) approval: &'a ApprovalArgs,
    /// How long to wait; nothing for what is done at once.
    pub(super) wait: Option<&'a WaitArgs>,
}

/// Plans a change, has it approved, and applies it.
pub(super) async fn run(client: CloudClient, change: Change, asked: Asked<'_>, context: &Context) -> Result<ExitCode> {
    let Asked { again, approval, wait } = asked;
    let stop = context.stop_between_steps();
    let status = Status::of(change.verb(), &context.printer);
    let mut changes = Changes::new(client, state_folder()?).actor(actor()).cancel(stop);
    if let Some(wait) = wait {
        changes = match wait.limit() {
            Some(limit) => changes.wait(power::waiting(limit, status.events())),
            None => changes.without_waiting(),
        };
    }
    let changes = changes.events(status.events());
    let made = context.interruptible(changes.plan(&change, SystemClock.now())).await;
    status.finish();
    let made = made?;
    let text = made.text(planned::painted(&context.printer));
    match planned::approve(&made.plan, &text, approval, &again, context).await? {
        Next::End(code) => Ok(code),
        Next::Apply(approval) => {
            let status = Status::of(change.verb(), &context.printer);
            let changes = changes.events(status.events());
            let report = changes.apply(&made, approval).await;
            status.finish();
            planned::report(&report?, &made.plan, &again, &context.printer)
        }
    }
}

/// The command line of a change of a cluster, and whether it can be approved at all.
fn asked<'a>(
    command: &str,
    extend: impl FnOnce(Again) -> Again,
    cluster: &ClusterArgs,
    approval: &'a ApprovalArgs,
    wait: Option<&'a WaitArgs>,
    context: &Context,
) -> Result<(Resolved, Asked<'a>)> {
    let resolved = context.resolve(cluster)?;
    let again = extend(Again::of(command)).cluster(cluster, &resolved);
    let again = again.switch("--no-wait", wait.is_some_and(|wait| wait.no_wait));
    planned::can_be_approved(approval, &again, &context.printer)?;
    Ok((resolved, Asked { again, approval, wait }))
}

/// The client, and the id of the cluster that is meant.
async fn found(resolved: &Resolved, context: &Context) -> Result<(CloudClient, Uuid)> {
    let (client, cluster) = context.interruptible(context.cloud_cluster(&resolved.address)).await?;
    Ok((client, cluster.id))
}

pub(super) async fn delete(args: DeleteArgs, context: &Context) -> Result<ExitCode> {
    let (resolved, asked) = asked("delete", |again| again, &args.cluster, &args.approval, Some(&args.wait), context)?;
    if let ClusterAddress::Local(name) = &resolved.address {
        return remove::run(name, asked, context).await;
    }
    let (client, cluster) = found(&resolved, context).await?;
    run(client, Change::Delete { cluster }, asked, context).await
}

pub(super) async fn scale(args: ScaleArgs, context: &Context) -> Result<ExitCode> {
    let extend = |again: Again| again.flag("--unit", args.unit).flag("--product", args.product.as_ref());
    let (resolved, asked) = asked("scale", extend, &args.cluster, &args.approval, Some(&args.wait), context)?;
    let (client, cluster) = found(&resolved, context).await?;
    let change = match (args.unit, args.product) {
        (_, Some(product)) => Change::ChangeProduct { cluster, product },
        (unit, None) => Change::Scale { cluster, unit: unit.unwrap_or_default() },
    };
    run(client, change, asked, context).await
}

pub(super) async fn upgrade(args: UpgradeArgs, context: &Context) -> Result<ExitCode> {
    let Some(version) = args.to else {
        if args.approval.expect_plan.is_some() {
            return Err(Error::input("--expect-plan approves a plan, and there is none without --to")
                .with_hint("say the version with --to"));
        }
        return context.interruptible(upgrades(&args.cluster, context)).await;
    };
    let extend = |again: Again| again.flag("--to", Some(&version));
    let (resolved, asked) = asked("upgrade", extend, &args.cluster, &args.approval, Some(&args.wait), context)?;
    let (client, cluster) = found(&resolved, context).await?;
    run(client, Change::Upgrade { cluster, version }, asked, context).await
}

/// Lists the versions that the cluster can go to.
async fn upgrades(args: &ClusterArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(args)?.address;
    let (client, cluster) = context.cloud_cluster(&address).await?;
    let found = client.available_upgrades(cluster.id).await?;
    let Channels { stable, testing, nightly, .. } = &found;
    let rows: Vec<_> = [("stable", stable), ("testing", testing), ("nightly", nightly)]
        .into_iter()
        .filter_map(|(channel, version)| Some((channel, version.as_ref()?.version.clone()?)))
        .collect();
    let current = cluster.crate_version.as_deref().unwrap_or("an unknown version");
    let text = match context.printer.format() {
        Format::Table if rows.is_empty() => format!("{} runs {current}; there is nothing to upgrade to", cluster.name),
        format => Listing::of(&rows, "")
            .column("channel", |(channel, _): &(&str, String)| (*channel).into())
            .column("version", |(_, version)| version.as_str().into())
            .render(format, &found)?,
    };
    context.printer.data(&text)?;
    Ok(ExitCode::Done)
}

pub(super) async fn storage(args: StorageArgs, context: &Context) -> Result<ExitCode> {
    let extend = |again: Again| again.word(args.size);
    let (resolved, asked) = asked("storage", extend, &args.cluster, &args.approval, Some(&args.wait), context)?;
    let (client, cluster) = found(&resolved, context).await?;
    run(client, Change::ExpandStorage { cluster, bytes: args.size.0 }, asked, context).await
}

pub(super) async fn allow(args: AllowArgs, context: &Context) -> Result<ExitCode> {
    let mut networks = args.networks.iter().map(|text| text.parse()).collect::<Result<Vec<Cidr>>>()?;
    let extend = |again: Again| {
        let again = args.networks.iter().fold(again, |again, network| again.word(network));
        again.switch("--this-address", args.this_address).switch("--everyone", args.everyone)
    };
    let (resolved, asked) = asked("allow", extend, &args.cluster, &args.approval, Some(&args.wait), context)?;
    let (client, cluster) = found(&resolved, context).await?;
    if args.this_address {
        let seen = context.interruptible(client.ip_address()).await?;
        let own: Cidr = seen.ip.parse()?;
        if !networks.iter().any(|network| network.to_string() == own.to_string()) {
            networks.push(own);
        }
    }
    run(client, Change::Allow { cluster, networks }, asked, context).await
}

pub(super) async fn protect(args: ProtectArgs, context: &Context) -> Result<ExitCode> {
    let on = args.protection == Protection::On;
    if on && !args.approval.plan && args.approval.expect_plan.is_none() {
        return context.interruptible(protect_now(&args.cluster, context)).await;
    }
    let extend = |again: Again| again.word(if on { "on" } else { "off" });
    let (resolved, asked) = asked("protect", extend, &args.cluster, &args.approval, None, context)?;
    let (client, cluster) = found(&resolved, context).await?;
    run(client, Change::Protect { cluster, on }, asked, context).await
}

/// Protecting takes nothing away, so nobody has to approve it.
async fn protect_now(args: &ClusterArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(args)?.address;
    let (client, cluster) = context.cloud_cluster(&address).await?;
    if cluster.deletion_protected != Some(true) {
        client.set_deletion_protection(cluster.id, true).await?;
    }
    let cluster = client.cluster(cluster.id).await?;
    if cluster.deletion_protected != Some(true) {
        return Err(Error::failed(format!("cluster {} is not protected after it was asked for", cluster.name)));
    }
    context.printer.note(&format!("{}: protected against deletion", cluster.name));
    Ok(ExitCode::Done)
}
