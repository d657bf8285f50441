//! HTTP: takes connections, lets faults happen, finds the handler, writes the answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::RawPathParams;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, Response, StatusCode, header};
use axum::routing::{MethodFilter, on};
use clusterkeep_core::clock::Clock;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::answer::Answer;
use super::api::members;
use super::api::{Access, Route, routes};
use super::backing;
use super::call::Call;
use super::credentials;
use super::errands;
use super::fault::{Act, Faults};
use super::log::Request;
use super::spoil;
use super::world::World;

/// The largest body that is taken: files are kept in memory.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) world: Mutex<World>,
    pub(super) faults: Mutex<Faults>,
    pub(super) log: Mutex<Vec<Request>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) endpoint: Arc<str>,
    pub(super) connections: AtomicU64,
}

/// The connection is to break.
#[derive(Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is to break")
    }
}

impl std::error::Error for Broken {}

/// Which connection a request came on, and from where.
#[derive(Debug, Clone)]
struct Origin {
    peer: String,
}

/// What a mutex guards, also after a panic elsewhere: each change is whole in itself.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The world as it is now.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = lock(&self.world);
        world.settle(self.clock.now());
        world
    }
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = router(&shared);
    loop {
        // Out of file descriptors, say: others may close theirs.
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::spawn(connection(stream, peer.ip().to_string(), number, router.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, peer: String, number: u64, router: Router, shared: Arc<Shared>) {
    // Small answers are not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection can't be made prompt");
    }
    let service = service_fn(|request| {
        let origin = Origin { peer: peer.clone() };
        answer(request.map(Body::new), origin, number, router.clone(), Arc::clone(&shared))
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the local Cloud ended");
    }
}

/// One request, from its arrival to its answer, or to the fault that leaves it without.
async fn answer(
    request: HttpRequest<Body>,
    origin: Origin,
    connection: u64,
    router: Router,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Broken> {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| Broken)?;
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    let number = {
        let mut log = lock(&shared.log);
        log.push(Request {
            method: method.clone(),
            path: path.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            headers: public_headers(&parts.headers),
            status: None,
            at: shared.clock.now(),
            connection,
        });
        log.len() - 1
    };
    let fault = lock(&shared.faults).meet(&method, &path);
    if let Some(fault) = &fault {
        tokio::time::sleep(fault.delay).await;
    }
    let act = fault.map_or(Act::Nothing, |fault| fault.act);
    match act {
        Act::Drop => return Err(Broken),
        Act::Hang => std::future::pending().await,
        _ => {}
    }
    let response = match act.said(&path) {
        Some(said) => said.into_response(),
        None => {
            parts.extensions.insert(origin);
            let request = HttpRequest::from_parts(parts, Body::from(body));
            match TowerToHyperService::new(router).call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    let response = match act {
        Act::LoseAnswer => return Err(Broken),
        Act::HangAfter => std::future::pending().await,
        Act::RotateSession => credentials::rotate(&mut lock(&shared.world), response),
        Act::Truncate | Act::NoOperations | Act::NoOffsets => spoil::spoil(response, &act).await,
        _ => response,
    };
    if let Some(entry) = lock(&shared.log).get_mut(number) {
        entry.status = Some(response.status().as_u16());
    }
    Ok(response)
}

fn public_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let public = headers.iter().filter(|(name, _)| *name != header::AUTHORIZATION && *name != header::COOKIE);
    public.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let Ok(method) = route.method.parse::<axum::http::Method>() else { continue };
        let Ok(filter) = MethodFilter::try_from(method) else { continue };
        let shared = Arc::clone(shared);
        let handler = move |params: RawPathParams, request: HttpRequest<Body>| {
            let shared = Arc::clone(&shared);
            let params = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            async move { handle(route, params, request, &shared).await.into_response() }
        };
        router = router.route(route.path, on(filter, handler));
    }
    router.fallback(|| async { Answer::not_found().into_response() }).method_not_allowed_fallback(|| async {
        Answer::refusal(405, "The method is not allowed for the requested URL.").into_response()
    })
}

async fn handle(
    route: &Route,
    params: Vec<(String, String)>,
    request: HttpRequest<Body>,
    shared: &Arc<Shared>,
) -> Answer {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_else(|_| Bytes::new());
    let now = shared.clock.now();
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let query = url::form_urlencoded::parse(query).map(|(key, value)| (key.into_owned(), value.into_owned()));
    let mut world = shared.world();
    let user = match route.access {
        Access::Everybody => uuid::Uuid::nil(),
        Access::Users => match credentials::user(&mut world, &parts.headers, parts.uri.path(), now) {
            Ok(user) => user,
            Err(refusal) => return refusal,
        },
    };
    let call = Call {
        params,
        query: query.collect(),
        body: body.to_vec(),
        user,
        sudo: parts.headers.get("x-auth-sudo").is_some_and(|value| value == "1"),
        peer: parts.extensions.get::<Origin>().map(|origin| origin.peer.clone()).unwrap_or_default(),
        now,
        endpoint: Arc::clone(&shared.endpoint),
    };
    let entry = members::entry(&world, route, &call);
    let answer = (route.handler)(&mut world, &call).unwrap_or_else(|refusal| refusal);
    if answer.status < 300 {
        world.audit.extend(entry);
    }
    backing::open_all(&mut world, shared);
    errands::send_all(&mut world, shared);
    answer
}

impl Answer {
    /// As HTTP.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if self.status != 204 {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
