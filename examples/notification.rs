//! Notification on outcome: a job that fails and is well again, and a webhook that is told, and makes sure by whom.
//!
//!     cargo run -p clusterkeep-examples --example notification

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Following, Job, Notify, Occasion, On, Run, Scheduler, SinkSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What both sides know. In a file it is `secret: env:NAME` or `secret: file:PATH`.
const SECRET: &str = "they both know";

#[tokio::main]
async fn main() -> Result<()> {
    let failed = |error| Error::caused("listen", error);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    tokio::spawn(receive(listener));

    // As a timetable says it: `sinks: { desk: { webhook: "https://...", secret: env:NAME } }`.
    let desk: SinkSpec = serde_json::from_value(serde_json::json!({
        "webhook": format!("http://127.0.0.1:{port}/"),
        "secret": SECRET,
    }))
    .map_err(|error| Error::caused("describe a sink", error))?;
    let calls = AtomicU32::new(0);
    let scheduler = Scheduler::builder()
        .handler("load", move |_: Run| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            async move {
                match call {
                    1 | 2 => Err(Error::failed("the source does not answer")),
                    _ => Ok(()),
                }
            }
        })
        .handler("apologise", |run: Run| async move {
            println!("{} for the run of {}", run.job(), run.nominal().format("%H:%M:%S"));
            Ok(())
        })
        .sink("desk", desk)
        // Once when it begins to fail, and once when it is well again: nobody wants to hear of each failure in between.
        .job(
            Job::named("load")
                .run("load")
                .cron("0 3 * * *")
                .notify(Notify::on([Occasion::FirstFailure, Occasion::Recovery]).to("desk")),
        )
        // Another job can follow an outcome, too: it runs once for each run that has failed.
        .job(Job::named("apologise").run("apologise").following(Following::of(["load"]).on(On::Failure)))
        .start()
        .await?;
    for _ in 0..4 {
        scheduler.trigger("load").await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // What was told before is delivered before it ends.
    scheduler.drain().await.map(drop)
}

/// A receiver of webhooks, as small as can be: one request for each connection.
async fn receive(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = String::new();
        let body = loop {
            let mut part = [0; 8192];
            let Ok(read @ 1..) = stream.read(&mut part).await else { break "" };
            request.push_str(&String::from_utf8_lossy(&part[..read]));
            let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
            if header(head, "content-length").and_then(|length| length.parse().ok()) == Some(body.len()) {
                break body;
            }
        };
        let genuine = header(&request, "clusterkeep-signature").is_some_and(|signature| is_genuine(signature, body));
        let status = if genuine { "204 No Content" } else { "403 Forbidden" };
        if genuine {
            let told: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            println!("told: {} ({})", told["subject"].as_str().unwrap_or_default(), told["occasion"]);
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        if let Err(error) = stream.write_all(answer.as_bytes()).await {
            eprintln!("the sender is gone: {error}");
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next()?;
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Whether whoever has sent it knows the secret. A receiver also refuses a time that lies minutes back: somebody may have
/// kept the request.
fn is_genuine(signature: &str, body: &str) -> bool {
    let Some((time, hex)) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else { return false };
    let bytes: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    bytes.is_some_and(|bytes| hmac::verify(&key, format!("{time}.{body}").as_bytes(), &bytes).is_ok())
}
