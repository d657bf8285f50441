//! The database of a cluster: a port of its own that leads to a real CrateDB, for who may come in, while the cluster
//! runs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use url::Url;
use uuid::Uuid;

use super::credentials::basic;
use super::server::{Broken, Shared};
use super::tokens;
use super::world::World;
use super::world::cluster::Cluster;

/// The largest request or answer of a database.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// A port that is taken, behind which nobody stands yet.
#[derive(Debug)]
pub(super) struct Port {
    cluster: Uuid,
    listener: TcpListener,
    target: Url,
}

/// The port of a cluster. It closes when it is dropped.
#[derive(Debug)]
pub(super) struct Door(AbortHandle);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The address of a real database, without a path.
pub(super) fn target(url: &str) -> io::Result<Url> {
    let mut url = Url::parse(url).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    url.set_path("/");
    url.set_query(None);
    Ok(url)
}

/// Gives the cluster a port, and the address that goes with it.
pub(super) fn reserve(cluster: &mut Cluster, target: Url) -> io::Result<Port> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address: SocketAddr = listener.local_addr()?;
    // The real one says https; on loopback there is nobody to listen in.
    cluster.url = format!("http://{address}");
    Ok(Port { cluster: cluster.id, listener, target })
}

/// Opens the port.
pub(super) fn open(port: Port, shared: Arc<Shared>, runtime: &tokio::runtime::Handle) -> Door {
    Door(runtime.spawn(serve(port, shared)).abort_handle())
}

/// Opens the ports of clusters that were just made. The world is locked meanwhile.
pub(super) fn open_all(world: &mut World, shared: &Arc<Shared>) {
    for port in std::mem::take(&mut world.ports) {
        let id = port.cluster;
        let door = open(port, Arc::clone(shared), &tokio::runtime::Handle::current());
        if let Some(cluster) = world.clusters.iter_mut().find(|cluster| cluster.id == id) {
            cluster.door = Some(door);
        }
    }
}

async fn serve(port: Port, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(port.listener) else { return };
    let Ok(client) = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build() else {
        return;
    };
    let way = Arc::new(Way { cluster: port.cluster, target: port.target, client, shared });
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if !way.is_open() {
            // Nobody would have answered.
            continue;
        }
        let way = Arc::clone(&way);
        tokio::spawn(async move {
            let service = service_fn(|request| way.carry(request));
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection to a cluster of the local Cloud ended");
            }
        });
    }
}

/// From one cluster's port to its database.
struct Way {
    cluster: Uuid,
    target: Url,
    client: reqwest::Client,
    shared: Arc<Shared>,
}

impl Way {
    /// Whether the cluster is there, was made, and is awake.
    fn is_open(&self) -> bool {
        let world = self.shared.world();
        world.clusters.iter().any(|cluster| cluster.id == self.cluster && cluster.is_up && !cluster.suspended)
    }

    /// A token of this Cloud, or name and password of the cluster's first user.
    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if let Some(token) = bearer {
            let (endpoint, now) = (&self.shared.endpoint, self.shared.clock.now());
            return tokens::is_good(token, endpoint, self.cluster, now);
        }
        let Some((name, password)) = basic(headers) else { return false };
        let world = self.shared.world();
        let cluster = world.clusters.iter().find(|cluster| cluster.id == self.cluster);
        cluster.is_some_and(|cluster| cluster.username == name && cluster.password == password)
    }

    async fn carry(&self, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
        if !self.is_open() {
            return Err(Broken);
        }
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), BODY_LIMIT).await.map_err(|_| Broken)?;
        if !self.lets_in(&parts.headers) {
            let mut refusal = Response::new(Body::from("authentication failed\n"));
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            let realm = header::HeaderValue::from_static("Basic realm=\"CrateDB Authenticator\"");
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
            return Ok(refusal);
        }
        let mut url = self.target.clone();
        url.set_path(parts.uri.path());
        url.set_query(parts.uri.query());
        let mut headers = parts.headers;
        for own in [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH, header::CONNECTION] {
            headers.remove(own);
        }
        // What is in the target's address speaks for the one who comes in: reqwest makes basic authentication of it.
        let sent = self.client.request(parts.method, url).headers(headers).body(body).send().await;
        let Ok(answer) = sent else { return Err(Broken) };
        let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
        let mut response = Response::new(Body::from(answer.bytes().await.map_err(|_| Broken)?));
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}
