//! Another version of CrateDB.

use super::{Decided, between, on};
use crate::change::domain::{Action, Decision};
use crate::change::inventory::Inventory;
use crate::change::reason::Reason;
use crate::change::version::Version;
use crate::cloud::{Channel, Cluster};

pub(super) fn upgrade(cluster: &Cluster, wanted: &str, inventory: &Inventory) -> Decided {
    let refuse = |reason| Decided::nothing(on(cluster, Decision::Refuse, reason));
    let now = cluster.crate_version.as_deref();
    if now == Some(wanted) {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    if cluster.is_suspended() {
        return refuse(Reason::Suspended);
    }
    let offered = offered(cluster, inventory);
    let change = |reason| {
        let verdict = between(on(cluster, Decision::Change, reason), now.map(str::to_owned), wanted);
        let action = Action::Upgrade { name: cluster.name.clone(), cluster: cluster.id, version: wanted.to_owned() };
        Decided::of(verdict, action)
    };
    let (from, to) = (now.and_then(Version::read), Version::read(wanted));
    let (Some(from), Some(to)) = (from, to) else {
        // Builds of the night have no order that could be told from here: what is offered, and nothing else.
        let offers_it = offered.as_deref() == Some(wanted);
        return match &cluster.channel {
            _ if offers_it => change(Reason::Upgrades { minor: true }),
            Some(channel) if (*channel == Channel::Nightly) != wanted.starts_with("nightly") => {
                refuse(Reason::OtherChannel { channel: channel.to_string() })
            }
            _ => refuse(Reason::NoUpgrade { newest: offered }),
        };
    };
    if to.major != from.major {
        return refuse(Reason::OtherMajor);
    }
    if to.minor < from.minor {
        return refuse(Reason::EarlierMinor);
    }
    if to < from {
        return change(Reason::Downgrades);
    }
    if to.minor > from.minor + 1 {
        return refuse(Reason::SkipsMinor { next: format!("{}.{}", from.major, from.minor + 1) });
    }
    match offered.as_deref().and_then(Version::read) {
        Some(newest) if to <= newest => change(Reason::Upgrades { minor: to.minor > from.minor }),
        _ => refuse(Reason::NoUpgrade { newest: offered }),
    }
}

/// The newest version that the cluster can be upgraded to on its channel.
fn offered(cluster: &Cluster, inventory: &Inventory) -> Option<String> {
    let upgrades = inventory.upgrades.as_ref()?;
    let version = match cluster.channel.as_ref().unwrap_or(&Channel::Stable) {
        Channel::Testing => upgrades.testing.as_ref(),
        Channel::Nightly => upgrades.nightly.as_ref(),
        _ => upgrades.stable.as_ref(),
    }?;
    let numbers = || Some(format!("{}.{}.{}", version.major?, version.minor?, version.hotfix?));
    version.version.clone().or_else(numbers)
}
