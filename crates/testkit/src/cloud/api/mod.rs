//! The endpoints, one family per file. Each file has its table of routes and the handlers in it.

pub(super) mod catalogue;
pub(super) mod changes;
pub(super) mod clusters;
pub(super) mod deploy;
pub(super) mod files;
pub(super) mod jobs;
pub(super) mod me;
pub(super) mod members;
pub(super) mod meta;
pub(super) mod money;
pub(super) mod offers;
pub(super) mod operations;
pub(super) mod organizations;
pub(super) mod projects;
pub(super) mod snapshots;
pub(super) mod subscriptions;
pub(super) mod token;

use super::answer::Answered;
use super::call::Call;
use super::world::World;

/// What answers a call. It runs while the world is locked: it never waits.
pub(super) type Handler = fn(&mut World, &Call) -> Answered;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever has a key or a session.
    Users,
    /// Everybody.
    Everybody,
}

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The path as the vendor's document writes it.
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) handler: Handler,
}

/// An endpoint for users.
pub(super) const fn route(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Access::Users, handler }
}

/// An endpoint for everybody.
pub(super) const fn public(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Access::Everybody, handler }
}

/// Every endpoint that there is.
pub(super) fn routes() -> impl Iterator<Item = &'static Route> {
    [
        catalogue::ROUTES,
        changes::ROUTES,
        clusters::ROUTES,
        deploy::ROUTES,
        files::ROUTES,
        jobs::ROUTES,
        me::ROUTES,
        members::ROUTES,
        meta::ROUTES,
        money::ROUTES,
        offers::ROUTES,
        operations::ROUTES,
        organizations::ROUTES,
        projects::ROUTES,
        snapshots::ROUTES,
        subscriptions::ROUTES,
        token::ROUTES,
    ]
    .into_iter()
    .flatten()
}
