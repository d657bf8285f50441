//! Who is told what of jobs: by sinks of the test's own, and by real servers that speak HTTP and SMTP.

#![cfg(feature = "notify")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod notify_servers;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, age};
use clusterkeep_scheduler::{
    Event, Job, MemoryStore, Message, Notify, Occasion, Retry, Run, RunKind, RunQuery, RunState, Scheduler,
    SchedulerBuilder, Sink, SinkSpec, Store, Undelivered,
};
use notify_servers::{Http, Smtp, host};

type Told = Arc<Mutex<Vec<Message>>>;

/// A sink that remembers what it was told.
#[derive(Debug, Clone, Default)]
struct Ledger(Told);

#[async_trait]
impl Sink for Ledger {
    async fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        self.0.lock().unwrap().push(message.clone());
        Ok(())
    }
}

impl Ledger {
    fn occasions(&self) -> Vec<Occasion> {
        self.0.lock().unwrap().iter().map(|message| message.occasion).collect()
    }
}

fn shared() -> Arc<dyn Store> {
    MemoryStore::new().into()
}

async fn until(what: &str, wanted: impl Fn() -> bool) {
    let begun = Instant::now();
    while !wanted() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not within half a minute: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A scheduler with a job that ends as it is told, one outcome after the other.
fn ending(store: &Arc<dyn Store>, outcomes: &'static [&'static str]) -> SchedulerBuilder {
    let calls = Arc::new(AtomicU32::new(0));
    Scheduler::builder().store(store.clone()).handler("work", move |_: Run| {
        let call = calls.fetch_add(1, Ordering::Relaxed) as usize;
        async move {
            match outcomes.get(call).copied() {
                Some("fail") => Err(Error::failed("the disk is full")),
                Some("refuse") => Err(Error::refused("too much would go")),
                _ => Ok(()),
            }
        }
    })
}

fn by_hand() -> Job {
    Job::named("work").run("work").cron("0 0 1 1 *")
}

async fn run_each(builder: SchedulerBuilder, times: usize) {
    let store = builder;
    let scheduler = store.start().await.unwrap();
    for _ in 0..times {
        scheduler.trigger("work").await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    scheduler.drain().await.unwrap();
}

#[tokio::test]
async fn a_streak_is_told_once_and_so_is_its_end() {
    let (store, pager, all) = (shared(), Ledger::default(), Ledger::default());
    let job = by_hand()
        .notify(Notify::on([Occasion::FirstFailure, Occasion::Recovery, Occasion::Refused]).to("pager"))
        .notify(Notify::on([Occasion::Success, Occasion::Failure]).to("all"));
    let builder = ending(&store, &["", "fail", "fail", "refuse", "fail", "", "", "fail"]);
    run_each(builder.own_sink("pager", pager.clone()).own_sink("all", all.clone()).job(job), 8).await;
    assert_eq!(
        pager.occasions(),
        [Occasion::FirstFailure, Occasion::Refused, Occasion::Recovery, Occasion::FirstFailure]
    );
    let (success, failure) = (Occasion::Success, Occasion::Failure);
    assert_eq!(all.occasions(), [success, failure, failure, failure, success, success, failure]);
    let told = pager.0.lock().unwrap();
    assert_eq!((told[0].facts.failures, told[2].facts.failures), (1, 3));
    assert_eq!(told[0].facts.error.as_deref(), Some("the disk is full"));
    assert!(told[0].facts.last_success.is_some() && told[2].text.contains("3 had failed in a row"), "{}", told[2].text);
}

#[tokio::test]
async fn a_streak_outlasts_the_scheduler() {
    let (store, pager) = (shared(), Ledger::default());
    let job = || by_hand().notify(Notify::on([Occasion::FirstFailure, Occasion::Recovery]).to("pager"));
    for outcomes in [&["fail"], &["fail"], &[""]] {
        run_each(ending(&store, outcomes).own_sink("pager", pager.clone()).job(job()), 1).await;
    }
    assert_eq!(pager.occasions(), [Occasion::FirstFailure, Occasion::Recovery]);
}

#[tokio::test]
async fn attempts_that_are_followed_by_others_are_told_of_by_none() {
    let (store, pager) = (shared(), Ledger::default());
    let retry = Retry::times(3).first(age::Age::new(10, age::Unit::Millisecond).unwrap());
    let job = by_hand().retry(retry).notify(Notify::on([Occasion::Failure, Occasion::Success]).to("pager"));
    let scheduler =
        ending(&store, &["fail", "fail", "fail"]).own_sink("pager", pager.clone()).job(job).start().await.unwrap();
    scheduler.trigger("work").await.unwrap();
    until("the last attempt", || !pager.occasions().is_empty()).await;
    scheduler.drain().await.unwrap();
    let told = pager.0.lock().unwrap();
    assert_eq!((told.len(), told[0].facts.state, told[0].facts.attempt), (1, RunState::Dead, 3));
}

#[tokio::test]
async fn defaults_are_for_jobs_that_say_nothing() {
    let (store, pager) = (shared(), Ledger::default());
    let named = |name: &str| Job::named(name).run("work").cron("0 0 1 1 *");
    let scheduler = ending(&store, &[])
        .own_sink("pager", pager.clone())
        .notify(Notify::on([Occasion::Success]).to("pager"))
        .job(named("plain"))
        .job(named("silent").notify_nobody())
        .job(named("other").notify(Notify::on([Occasion::Failure]).to("pager")))
        .start()
        .await
        .unwrap();
    for job in ["silent", "other", "plain"] {
        scheduler.trigger(job).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    scheduler.drain().await.unwrap();
    let jobs: Vec<_> = pager.0.lock().unwrap().iter().map(|message| message.facts.job.clone()).collect();
    assert_eq!(jobs, ["plain"]);
}

#[tokio::test]
async fn an_unknown_sink_is_refused_at_the_start() {
    let job = by_hand().notify(Notify::on([Occasion::Failure]).to("pager"));
    let error = ending(&shared(), &[]).job(job).start().await.unwrap_err();
    assert!(error.to_string().contains("job `work` notifies `pager`, which is no sink"), "{error}");
    assert!(by_hand().notify(Notify::on([Occasion::MissedHeartbeat]).to("x")).build().is_err());
    assert!(Notify::on([Occasion::Failure]).text("{{ jobb }}").is_err());
}

/// A sink that never answers.
#[derive(Debug)]
struct Hangs;

#[async_trait]
impl Sink for Hangs {
    async fn deliver(&self, _: &Message) -> Result<(), Undelivered> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_sink_that_hangs_holds_no_run_up_and_no_other_sink() {
    let (store, pager) = (shared(), Ledger::default());
    let dropped = Arc::new(AtomicU32::new(0));
    let counted = dropped.clone();
    let job = by_hand().notify(Notify::on([Occasion::Success]).to("hangs").to("pager"));
    let scheduler = ending(&store, &[])
        .own_sink("hangs", Hangs)
        .own_sink("pager", pager.clone())
        .on_event(move |event| {
            if let Event::NotDelivered { sink: "hangs", .. } = event {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })
        .job(by_hand_often(job))
        .start()
        .await
        .unwrap();
    let begun = Instant::now();
    for _ in 0..400 {
        scheduler.trigger("work").await.unwrap();
    }
    until("all are told to the one that answers", || pager.occasions().len() == 400).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    // 256 wait and one is on its way: the others found no place.
    assert_eq!(dropped.load(Ordering::Relaxed), 400 - 257);
    let begun = Instant::now();
    scheduler.drain().await.unwrap();
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    assert!(runs.iter().filter(|run| run.state == RunState::Succeeded).count() == 400);
    assert_eq!(dropped.load(Ordering::Relaxed), 400, "each is accounted for");
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
}

fn by_hand_often(job: Job) -> Job {
    job.overlap(clusterkeep_scheduler::Overlap::Queue)
}

#[tokio::test]
async fn a_missed_heartbeat_is_told_once_by_one_of_several() {
    let (store, pager) = (shared(), Ledger::default());
    let start = || {
        let within = age::Age::new(300, age::Unit::Millisecond).unwrap();
        let job = by_hand().notify(Notify::on([Occasion::MissedHeartbeat]).within(within).to("pager"));
        ending(&store, &[]).own_sink("pager", pager.clone()).job(job).start()
    };
    let (one, two) = (start().await.unwrap(), start().await.unwrap());
    until("the first silence", || !pager.occasions().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(pager.occasions(), [Occasion::MissedHeartbeat], "once for each silence");
    // Another start finds that it was told.
    one.drain().await.unwrap();
    let one = start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(pager.occasions().len(), 1);
    one.trigger("work").await.unwrap();
    until("the silence after a success", || pager.occasions().len() == 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    one.drain().await.unwrap();
    two.drain().await.unwrap();
    let told = pager.0.lock().unwrap().clone();
    assert_eq!(told.len(), 2);
    assert!(told[0].facts.last_success.is_none() && told[1].facts.last_success.is_some());
    assert!(told[1].text.starts_with("no run of work has succeeded within 300 milliseconds"), "{}", told[1].text);
    let rows = store.runs(&RunQuery::all()).await.unwrap();
    let rows: Vec<_> = rows.iter().filter(|run| run.key.kind == RunKind::Heartbeat).collect();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.state == RunState::Missed));
}

fn sink(text: &str) -> SinkSpec {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again() {
    let http = Http::start([503, 500, 200, 410, 200]).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret with é\n").unwrap();
    let spec =
        format!(r#"{{"webhook": "http://127.0.0.1:{}/hook", "secret": "file:{}"}}"#, http.port, secret.display());
    let store = shared();
    let dropped: Arc<Mutex<Vec<String>>> = Arc::default();
    let why = dropped.clone();
    let job = by_hand().notify(Notify::on([Occasion::Failure]).to("hook").text("{{ job }}: {{ error }} ✓").unwrap());
    let scheduler = ending(&store, &["fail", "fail", "fail"])
        .sink("hook", sink(&spec))
        .on_event(move |event| {
            if let Event::NotDelivered { why: text, .. } = event {
                why.lock().unwrap().push((*text).to_owned());
            }
        })
        .job(job)
        .start()
        .await
        .unwrap();
    scheduler.trigger("work").await.unwrap();
    until("the third attempt", || http.requests().len() == 3).await;
    // 410 says that trying again can't help: the next message is the next request.
    scheduler.trigger("work").await.unwrap();
    until("the refusal", || http.requests().len() == 4).await;
    scheduler.trigger("work").await.unwrap();
    until("the next message", || http.requests().len() == 5).await;
    scheduler.drain().await.unwrap();
    let requests = http.requests();
    let ids: Vec<_> = requests.iter().map(|request| request.header("clusterkeep-message")).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3] && ids[3] != ids[4], "{ids:?}");
    assert_eq!(*dropped.lock().unwrap(), ["the webhook answered with 410 Gone"]);
    for request in &requests {
        let signature = request.header("clusterkeep-signature");
        let (time, signature) = signature.split_once(',').unwrap();
        let (time, signature) = (time.strip_prefix("t=").unwrap(), signature.strip_prefix("v1=").unwrap());
        let age = Utc::now() - DateTime::from_timestamp(time.parse().unwrap(), 0).unwrap();
        assert!(age < TimeDelta::seconds(40) && age > TimeDelta::seconds(-2));
        if let Some(theirs) = notify_servers::openssl_hmac("s3cret with é", &format!("{time}.{}", request.body)) {
            assert_eq!(signature, theirs);
        }
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!((&body["job"], &body["text"]), (&"work".into(), &"work: the disk is full ✓".into()), "{body}");
        assert_eq!((&body["occasion"], &body["state"]), (&"failure".into(), &"failed".into()), "{body}");
        assert!(!request.body.contains("s3cret") && body["finished"].as_str().unwrap().ends_with('Z'), "{body}");
    }
}

#[tokio::test]
async fn a_webhook_follows_no_redirect() {
    let http = Http::start([307]).await;
    let spec = format!(r#"{{"webhook": "http://127.0.0.1:{}/hook", "secret": "x"}}"#, http.port);
    let store = shared();
    let job = by_hand().notify(Notify::on([Occasion::Success]).to("hook"));
    run_each(ending(&store, &[]).sink("hook", sink(&spec)).job(job), 1).await;
    assert_eq!(http.requests().len(), 1);
}

#[tokio::test]
async fn mail_is_sent_with_tls_and_a_password() {
    let Some(smtp) = Smtp::start(true).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "pa ss\n").unwrap();
    let spec = serde_json::json!({
        "mail": ["Ops <ops@example.org>", "second@example.org"],
        "from": "clusterkeep@example.org",
        "server": format!("smtps://us%40er@localhost:{}", smtp.port),
        "password": format!("file:{}", password.display()),
        "root_certificates": smtp.certificate,
    });
    let store = shared();
    let job = by_hand().notify(
        Notify::on([Occasion::Failure]).to("mail").subject("{{ job }} ist gestört\nBcc: x@example.org").unwrap(),
    );
    run_each(ending(&store, &["fail"]).sink("mail", sink(&spec.to_string())).job(job), 1).await;
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = &mails[0];
    assert_eq!(mail.to, ["ops@example.org", "second@example.org"], "no header has added another one");
    assert_eq!((mail.user.as_str(), mail.password.as_str(), mail.tls), ("us@er", "pa ss", true));
    assert_eq!(mail.subject, "work ist gestört Bcc: x@example.org");
    assert!(mail.text.contains("the disk is full"), "{}", mail.text);
}

#[tokio::test]
async fn a_server_of_mail_that_nobody_vouches_for_gets_nothing() {
    let Some(smtp) = Smtp::start(true).await else { return };
    let spec = serde_json::json!({
        "mail": "ops@example.org", "from": "clusterkeep@example.org",
        "server": format!("smtps://user@localhost:{}", smtp.port), "password": "pass",
    });
    let store = shared();
    let job = by_hand().notify(Notify::on([Occasion::Failure]).to("mail"));
    run_each(ending(&store, &["fail"]).sink("mail", sink(&spec.to_string())).job(job), 1).await;
    assert!(smtp.mails().is_empty());
}

#[tokio::test]
async fn a_server_of_mail_that_never_ends_a_line_fills_no_memory() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = said.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let line = vec![b'2'; 1 << 20];
            while let Ok(count) = std::io::Write::write(&mut stream, &line) {
                counted.fetch_add(count as u64, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    let spec = serde_json::json!({
        "mail": "ops@example.org", "from": "clusterkeep@example.org", "server": format!("smtp://127.0.0.1:{port}"),
        "give_up_after": "900 ms"
    });
    let (store, why) = (shared(), Arc::new(Mutex::new(Vec::new())));
    let heard = why.clone();
    let job = by_hand().notify(Notify::on([Occasion::Failure]).to("mail"));
    let builder = ending(&store, &["fail"]).sink("mail", sink(&spec.to_string())).job(job).on_event(move |event| {
        if let Event::NotDelivered { why, .. } = event {
            heard.lock().unwrap().push((*why).to_owned());
        }
    });
    run_each(builder, 1).await;
    let said = said.load(std::sync::atomic::Ordering::SeqCst);
    assert!(said < 64 << 20, "{said} bytes were taken");
    let why = why.lock().unwrap().join(" ");
    assert!(why.contains("says more than belongs to sending a mail"), "{why}");
}

#[tokio::test]
async fn mail_turns_to_tls_before_anything_is_said_or_is_not_sent() {
    let Some(smtp) = Smtp::starting_tls().await else { return };
    let spec = |port: u16, certificate: &std::path::Path| {
        serde_json::json!({
            "mail": "ops@example.org", "from": "clusterkeep@example.org", "server": format!("smtp://user@{}:{port}", host()),
            "password": "pass", "root_certificates": certificate,
        })
        .to_string()
    };
    let store = shared();
    let job = || by_hand().notify(Notify::on([Occasion::Output, Occasion::Failure]).to("mail"));
    let told = ending(&store, &["fail"]).sink("mail", sink(&spec(smtp.port, &smtp.certificate)));
    run_each(told.job(job()), 1).await;
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!((mails[0].user.as_str(), mails[0].password.as_str(), mails[0].tls), ("user", "pass", true));
    assert_eq!(mails[0].before, ["EHLO", "STARTTLS"]);
    // One that can't turn to it gets neither a mail nor a password.
    let Some(plain) = Smtp::start(false).await else { return };
    let told = ending(&store, &["fail"]).sink("mail", sink(&spec(plain.port, &smtp.certificate)));
    run_each(told.job(job()), 1).await;
    assert!(plain.mails().is_empty());
}

#[tokio::test]
async fn mail_to_this_machine_needs_no_tls() {
    let Some(smtp) = Smtp::start(false).await else { return };
    let spec = serde_json::json!({
        "mail": "ops@example.org", "from": "clusterkeep@example.org", "server": format!("smtp://localhost:{}", smtp.port),
    });
    let store = shared();
    let job = by_hand().notify(Notify::on([Occasion::Failure]).to("mail"));
    run_each(ending(&store, &["fail"]).sink("mail", sink(&spec.to_string())).job(job), 1).await;
    let mails = smtp.mails();
    assert_eq!((mails.len(), mails[0].tls, mails[0].subject.as_str()), (1, false, "default/work failed"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gets_the_message_and_no_shell() {
    let folder = tempfile::tempdir().unwrap();
    let (script, out) = (folder.path().join("tell"), folder.path().join("out; touch pwned"));
    std::fs::write(
        &script,
        "#!/bin/sh\n{ printf '%s|%s|%s|' \"$1\" \"$CLUSTERKEEP_JOB\" \"$CLUSTERKEEP_SUBJECT\"; cat; } > \"$2\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let spec = serde_json::json!({ "command": [script, "$(id)", out] });
    let store = shared();
    let job = by_hand().notify(Notify::on([Occasion::Failure]).to("tell").text("{{ error }}").unwrap());
    run_each(ending(&store, &["fail"]).sink("tell", sink(&spec.to_string())).job(job), 1).await;
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "$(id)|work|default/work failed|the disk is full\n");
    assert!(!folder.path().join("pwned").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_is_not_there_or_fails_is_heard_of() {
    for (command, part) in [
        (serde_json::json!(["/nonexistent/program"]), "start `/nonexistent/program`"),
        (serde_json::json!(["sh", "-c", "echo no disk >&2; exit 3"]), "exit status: 3: no disk"),
    ] {
        let (store, heard) = (shared(), Arc::new(Mutex::new(String::new())));
        let why = heard.clone();
        let job = by_hand().notify(Notify::on([Occasion::Failure]).to("tell"));
        let builder = ending(&store, &["fail"])
            .sink("tell", sink(&serde_json::json!({ "command": command }).to_string()))
            .on_event(move |event| {
                if let Event::NotDelivered { why: text, .. } = event {
                    why.lock().unwrap().push_str(text);
                }
            })
            .job(job);
        run_each(builder, 1).await;
        assert!(heard.lock().unwrap().contains(part), "{:?}", heard.lock().unwrap());
    }
}

#[tokio::test]
async fn stored_jobs_are_told_of_by_the_sinks_that_this_machine_permits() {
    let within = age::Age::new(600, age::Unit::Millisecond).unwrap();
    let job = || {
        by_hand()
            .notify(Notify::on([Occasion::Failure]).to("pager").to("gone"))
            .notify(Notify::on([Occasion::MissedHeartbeat]).within(within).to("pager"))
    };
    for permitted in [true, false] {
        let (store, pager, ops) = (shared(), Ledger::default(), Ledger::default());
        // A scheduler that has the job puts it into the store.
        let theirs = ending(&store, &[]).own_sink("pager", Ledger::default()).own_sink("gone", Ledger::default());
        theirs.job(job()).start().await.unwrap().drain().await.unwrap();
        let dropped: Arc<Mutex<Vec<String>>> = Arc::default();
        let why = dropped.clone();
        let sinks = if permitted { r#"["pager", "gone"]"# } else { "[]" };
        let permissions = format!(r#"{{"namespaces": {{"default": {{"sinks": {sinks}}}}}}}"#);
        let scheduler = ending(&store, &["fail"])
            .own_sink("pager", pager.clone())
            .own_sink("ops", ops.clone())
            .notify(Notify::on([Occasion::Failure, Occasion::Refused]).to("ops"))
            .stored()
            .permissions(serde_json::from_str::<clusterkeep_scheduler::Permissions>(&permissions).unwrap())
            .on_event(move |event| {
                if let Event::NotDelivered { sink, why: text, .. } = event {
                    why.lock().unwrap().push(format!("{sink}: {text}"));
                }
            })
            .start()
            .await
            .unwrap();
        scheduler.trigger("work").await.unwrap();
        until("the end is told", || !pager.occasions().is_empty() || !ops.occasions().is_empty()).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        scheduler.drain().await.unwrap();
        let told = (pager.occasions(), ops.occasions(), dropped.lock().unwrap().clone());
        if permitted {
            let mut pager = told.0;
            pager.sort_unstable();
            assert_eq!(pager, [Occasion::Failure, Occasion::MissedHeartbeat]);
            assert_eq!((told.1, told.2), (vec![], vec!["gone: there is no such sink".to_owned()]));
        } else {
            assert_eq!(
                told,
                (vec![], vec![Occasion::Refused], vec![]),
                "its runs are refused, and the file's sink is told"
            );
        }
    }
}
