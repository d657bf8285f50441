//! What everybody may know.

use serde_json::json;

use super::super::answer::{Answer, Answered};
use super::super::call::Call;
use super::super::world::{World, versions};
use super::{Route, public, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    public("GET", "/api/v2/meta/", meta),
    public("GET", "/api/v2/meta/cratedb-versions/", cratedb_versions),
    public("GET", "/api/v2/meta/ip-address/", ip_address),
    route("GET", "/api/v2/features/status/", features),
    route("GET", "/api/v2/roles/", roles),
];

fn meta(_: &mut World, _: &Call) -> Answered {
    let version = json!({"release": env!("CARGO_PKG_VERSION"), "prerelease": false});
    Answer::ok(&json!({"crate_versions": versions::latest(), "version": version}))
}

fn cratedb_versions(_: &mut World, _: &Call) -> Answered {
    Answer::ok(&versions::channels())
}

fn ip_address(_: &mut World, call: &Call) -> Answered {
    Answer::ok(&json!({"ip": call.peer}))
}

fn features(_: &mut World, _: &Call) -> Answered {
    Answer::ok(&json!({"flags": [{"name": "storage-expansion", "is_active": true}]}))
}

fn roles(_: &mut World, _: &Call) -> Answered {
    let roles = [
        ("org_admin", "Organization Admin"),
        ("org_member", "Organization Member"),
        ("project_admin", "Project Admin"),
        ("project_member", "Project Member"),
    ];
    Answer::ok(&roles.map(|(id, name)| json!({"id": id, "name": name})))
}
