//! Tokens for the databases of clusters.

use serde_json::json;
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::people::random;
use super::super::{time, tokens};
use super::{Route, public, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/clusters/{cluster_id}/jwt/", token),
    route("POST", "/api/v2/meta/jwt/refresh/", refresh),
    public("GET", "/api/v2/meta/jwk/", keys),
];

fn token(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster(call)?.id;
    let refresh = random(64);
    world.refresh_tokens.push((refresh.clone(), cluster));
    issued(world, call, cluster, &refresh)
}

/// A refresh token stays good, and comes back with each new token.
fn refresh(world: &mut World, call: &Call) -> Answered {
    let mut errors = Errors::default();
    let refresh = call.fields(&["refresh_token"])?.required("refresh_token", &mut errors);
    errors.none()?;
    let cluster = world.refresh_tokens.iter().find(|(known, _)| *known == refresh).map(|(_, cluster)| *cluster);
    let cluster = cluster.filter(|id| world.clusters.iter().any(|cluster| cluster.id == *id));
    issued(world, call, cluster.ok_or_else(Answer::unauthorized)?, &refresh)
}

fn issued(world: &World, call: &Call, cluster: Uuid, refresh: &str) -> Answered {
    let (token, expiry) = tokens::sign(&call.endpoint, cluster, call.user, call.now, world.token_time)?;
    Answer::ok(&json!({"token": token, "refresh": refresh, "expiry": time::stamp(expiry)}))
}

fn keys(_: &mut World, _: &Call) -> Answered {
    Answer::ok(&tokens::jwks()?)
}
