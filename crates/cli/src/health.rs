//! What `run --listen` answers: whether it lives, whether it is ready, and its metrics. It changes nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::Store;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::output::Printer;

/// How long the store may take to answer before the program counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a caller may take to ask.
const ASKING: Duration = Duration::from_secs(10);

/// So many callers are answered at once; further ones wait.
const CALLERS: usize = 32;

/// So many waiting runs are counted at most.
const MOST_WAITING: u32 = 10_000;

/// An address that was taken, before there is anything to answer. From then on it is counted what happens.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    metrics: PrometheusHandle,
}

impl Bound {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// It can't be had.
    pub(crate) async fn to(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| Error::caused(format!("listen on {address}"), error))?;
        Ok(Self { listener, metrics: crate::metrics::install()? })
    }

    /// Says where it answers, and answers until what comes back is dropped. Of the namespaces whose jobs run here there
    /// are none before they have started, and while they are ending.
    pub(crate) fn answer(
        self,
        store: Arc<dyn Store>,
        namespaces: watch::Receiver<Vec<String>>,
        printer: &Printer,
    ) -> JoinSet<()> {
        if let Ok(address) = self.listener.local_addr() {
            printer.note(&format!("answering on http://{address}: /healthz, /readyz, /metrics"));
        }
        let mut answering = JoinSet::new();
        answering.spawn(serve(self.listener, Watched { store, namespaces, metrics: self.metrics }));
        answering
    }
}

/// What is asked about.
#[derive(Debug)]
struct Watched {
    store: Arc<dyn Store>,
    namespaces: watch::Receiver<Vec<String>>,
    metrics: PrometheusHandle,
}

/// Answers until it is dropped.
async fn serve(listener: TcpListener, watched: Watched) {
    let watched = Arc::new(watched);
    let callers = Arc::new(Semaphore::new(CALLERS));
    loop {
        let Ok(place) = callers.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, most likely: it passes.
                tracing::warn!(%error, "no connection was taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let watched = watched.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let watched = watched.clone();
                async move { Ok::<_, Infallible>(answer(&request, &watched).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(ASKING).keep_alive(false);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
                tracing::debug!(%error, "a caller left");
            }
            drop(place);
        });
    }
}

async fn answer(request: &Request<Incoming>, watched: &Watched) -> Response<String> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" => match ready(watched).await {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        },
        "/metrics" => {
            depth(watched).await;
            watched.metrics.run_upkeep();
            let mut response = text(StatusCode::OK, watched.metrics.render());
            let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        _ => text(StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n"),
    }
}

/// Whether its jobs run and the store answers.
async fn ready(watched: &Watched) -> Result<(), &'static str> {
    if watched.namespaces.borrow().is_empty() {
        return Err("no scheduler runs");
    }
    match tokio::time::timeout(PATIENCE, watched.store.workers()).await {
        Ok(Ok(_)) => Ok(()),
        // What exactly is wrong may name servers, and is in the log.
        Ok(Err(_)) => Err("the store fails"),
        Err(_) => Err("the store does not answer"),
    }
}

/// Counts what waits, where the store answers in time.
async fn depth(watched: &Watched) {
    let namespaces = watched.namespaces.borrow().clone();
    for namespace in namespaces {
        let waiting = watched.store.waiting(&namespace, &[], SystemClock.now(), MOST_WAITING);
        if let Ok(Ok(waiting)) = tokio::time::timeout(PATIENCE, waiting).await {
            crate::metrics::queue(&namespace, waiting.len());
        }
    }
}

fn text(status: StatusCode, text: impl Into<String>) -> Response<String> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
