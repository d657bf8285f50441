//! A small monitoring: a job that looks at a service, and an alarm where it has not been well for too long.
//!
//! The job that looks is told of by nobody each time that it fails; a heartbeat asks for a success within an age. It is
//! missed as well where the job does not run at all.
//!
//!     cargo run -p clusterkeep-examples --example monitoring

use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::age::{Age, Unit};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Job, RunState};
use clusterkeep_scheduler::{
    MemoryStore, Message, Notify, Occasion, Run, RunKind, RunQuery, Scheduler, Sink, Store, Undelivered,
};
use tokio::net::{TcpListener, TcpStream};

/// A sink of the program's own: it has a screen.
#[derive(Debug)]
struct Screen;

#[async_trait::async_trait]
impl Sink for Screen {
    async fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        println!("ALARM {}: {}", message.subject, message.text.lines().next().unwrap_or_default());
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let failed = |error| Error::caused("start the service", error);
    let service = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = service.local_addr().map_err(failed)?;
    let service = tokio::spawn(async move { while service.accept().await.is_ok() {} });

    let store: Arc<dyn Store> = MemoryStore::new().into();
    let millis = |count| Age::new(count, Unit::Millisecond).ok_or_else(|| Error::input("an age of nothing"));
    let scheduler = Scheduler::builder()
        .store(store.clone())
        .handler("look", move |run: Run| async move {
            TcpStream::connect(address).await.map_err(|error| Error::caused(format!("reach {address}"), error))?;
            run.message("it answers").await;
            Ok(())
        })
        .own_sink("screen", Screen)
        .job(
            Job::named("look")
                .run("look")
                .every(millis(100)?)
                .timeout(millis(1_000)?)
                .notify(Notify::on([Occasion::MissedHeartbeat]).within(millis(800)?).to("screen"))
                .notify(Notify::on([Occasion::Recovery]).to("screen")),
        )
        .start()
        .await?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    println!("the service ends");
    service.abort();
    // Once for the silence, however long it is.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let service = TcpListener::bind(address).await.map_err(failed)?;
    println!("the service is back");
    let service = tokio::spawn(async move { while service.accept().await.is_ok() {} });
    tokio::time::sleep(Duration::from_millis(700)).await;
    scheduler.drain().await?;
    service.abort();

    // The history has it all, the silence included.
    let runs = store.runs(&RunQuery::of("default", "look")).await?;
    let count = |state| runs.iter().filter(|run| run.key.kind != RunKind::Heartbeat && run.state == state).count();
    let silences = runs.iter().filter(|run| run.key.kind == RunKind::Heartbeat).count();
    println!("{} times well, {} times not", count(RunState::Succeeded), count(RunState::Failed));
    println!("{silences} missed heartbeat in the history");
    Ok(())
}
