//! Commands as jobs: what they are given, what they leave behind, and that nothing of them is left.

#![cfg(all(target_os = "linux", feature = "command"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::Path;
use std::time::{Duration, Instant};

use clusterkeep_core::age;
use clusterkeep_scheduler::target::{Command, Environment};
use clusterkeep_scheduler::{Event, Job, Overlap, RunRecord, RunState, Scheduler, Target, Targets, Triggered};

fn job(target: impl Into<Target>) -> Job {
    Job::named("it").target(target).at("2100-01-01T00:00:00Z".parse().unwrap())
}

/// Runs a job once, to its end.
async fn once(job: Job) -> RunRecord {
    let triggered = Scheduler::builder().targets(Targets::local()).job(job).trigger("it").await.unwrap();
    let Triggered::Ran(run) = triggered else { panic!("it ran elsewhere") };
    *run
}

/// The processes whose command line has a word, but for this one's.
fn processes(word: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| entry.file_name() != own.as_str());
    all.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.contains(word))
        .collect()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Those of this process that have ended and were not waited for.
fn zombies() -> usize {
    let own = format!(" {} ", std::process::id());
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z") && rest[2..].starts_with(&own))
        })
        .count()
}

#[tokio::test]
async fn what_a_command_leaves_is_in_its_record() {
    let run = once(job(Command::shell("echo out; echo err >&2; echo '{\"rows\": 3}'"))).await;
    assert_eq!((run.state, run.exit), (RunState::Succeeded, Some(0)));
    assert_eq!(run.result, Some(serde_json::json!({ "rows": 3 })));
    let output = run.output.unwrap();
    assert!(output.contains("out\n") && output.contains("err\n"), "{output}");

    let run = once(job(Command::shell("echo no such table >&2; exit 3"))).await;
    assert_eq!((run.state, run.exit), (RunState::Failed, Some(3)));
    assert_eq!(run.error.as_deref(), Some("exit code 3: no such table"));
    let run = once(job(Command::shell("kill -9 $$"))).await;
    assert_eq!((run.exit, run.error.as_deref()), (Some(-9), Some("ended by SIGKILL")));
    let run = once(job(Command::exec(["/no/such/program"]))).await;
    assert_eq!((run.state, run.exit), (RunState::Failed, None));
    assert!(run.error.unwrap().starts_with("start `/no/such/program`"));
}

#[tokio::test]
async fn words_of_exec_are_no_shell() {
    let run = once(job(Command::exec(["printf", "%s|", "$HOME", "a b", "`id`", ""]))).await;
    assert_eq!(run.output.as_deref(), Some("$HOME|a b|`id`||"));
}

#[tokio::test]
async fn a_command_has_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, "s3cret\n").unwrap();
    let mut command = Command::shell("cat; pwd; echo $TOKEN $PLAIN $CLUSTERKEEP_JOB; env | grep -c ^CARGO || true");
    command.stdin = Some("read\n".into());
    command.process.cwd = Some(folder.path().display().to_string());
    command.process.env.insert("TOKEN".into(), format!("file:{}", secret.display()));
    command.process.env.insert("PLAIN".into(), "a 'b'".into());
    command.process.environment = Environment::Clean;
    let run = once(job(command)).await;
    let path = folder.path().canonicalize().unwrap();
    assert_eq!(run.output.unwrap(), format!("read\n{}\ns3cret a 'b' it\n0\n", path.display()));

    let mut command = Command::shell("true");
    command.process.cwd = Some("/no/such/folder".into());
    assert!(once(job(command)).await.error.unwrap().starts_with("enter `/no/such/folder`"));
    let mut command = Command::shell("true");
    command.process.env.insert("A".into(), "env:CLUSTERKEEP_NO_SUCH".into());
    assert!(once(job(command)).await.error.unwrap().contains("CLUSTERKEEP_NO_SUCH"));
}

#[tokio::test]
async fn limits_hold_from_the_first_instruction() {
    let text = r#"{"command": "cat; ulimit -n; ulimit -v; ulimit -t; ulimit -f", "stdin": "x\n",
        "limits": {"files": 64, "memory": "1 GiB", "cpu": "9 s", "file_size": "512 B"}}"#;
    let run = once(job(serde_json::from_str::<Target>(text).unwrap())).await;
    assert_eq!(run.output.as_deref(), Some("x\n64\n1048576\n9\n1\n"), "{:?}", run.error);
    let text = r#"{"command": "while :; do :; done", "limits": {"cpu": "1 s"}}"#;
    let run = once(job(serde_json::from_str::<Target>(text).unwrap())).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(matches!(run.exit, Some(-24 | -9)), "{:?}", run.exit);
}

#[tokio::test]
async fn a_user_is_another_one() {
    let text = r#"{"command": "id -un; id -G; echo $HOME $USER", "user": "nobody"}"#;
    let run = once(job(serde_json::from_str::<Target>(text).unwrap())).await;
    if rustix::process::geteuid().is_root() {
        let output = run.output.unwrap();
        assert!(output.starts_with("nobody\n") && output.contains(" nobody\n"), "{output}");
        let groups: Vec<&str> = output.lines().nth(1).unwrap().split(' ').collect();
        assert_eq!(groups.len(), 1, "no group of root is kept: {output}");
    } else {
        assert!(run.error.unwrap().contains("only a scheduler that runs as root"));
    }
}

/// Ignores SIGTERM, and so do its children: one in the group, one in a session of its own whose parents are gone, and one
/// below it that has cleared its environment.
const STUBBORN: &str = "trap '' TERM; sleep 98765.MARK & \
    (setsid sh -c 'trap \"\" TERM; sleep 98766.MARK & env -i sleep 98767.MARK; :' &) ; \
    sleep 98768.MARK; sleep 98769.MARK";

fn stubborn(mark: &str) -> Command {
    let mut command = Command::shell(STUBBORN.replace("MARK", mark));
    command.process.grace = Some("300ms".parse().unwrap());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stubborn_tree_is_gone_within_its_grace_and_a_second() {
    let began = Instant::now();
    let run = once(job(stubborn("31")).timeout("500ms".parse().unwrap())).await;
    let took = began.elapsed();
    assert_eq!(run.state, RunState::Failed);
    let error = run.error.unwrap();
    assert_eq!(error, "cut off after 500 milliseconds, the job's timeout: killed 300ms after it was asked to end");
    assert!(took < Duration::from_millis(500 + 300 + 1_000), "{took:?}");
    assert_eq!(processes("98765.31").len() + processes("9876").iter().filter(|line| line.contains(".31")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_when_it_is_asked_is_not_killed() {
    let mut command = Command::shell("trap 'echo bye; exit 0' TERM; echo on; while :; do sleep 0.05; done");
    command.process.grace = Some(age::seconds(5));
    let began = Instant::now();
    let run = once(job(command).timeout("300ms".parse().unwrap())).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!((run.state, run.exit), (RunState::Failed, Some(0)));
    // Where its shell says that the sleep was ended depends on which of the pipes is read first.
    let output = run.output.unwrap();
    assert!(output.starts_with("on\n") && output.contains("bye\n"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_leaves_running_ends_with_it() {
    let began = Instant::now();
    let run = once(job(Command::shell("(setsid sleep 98700.41 &); sleep 98701.41 & echo done"))).await;
    assert_eq!((run.state, run.output.as_deref()), (RunState::Succeeded, Some("done\n")));
    assert!(run.message.unwrap().contains("left behind"));
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(processes(".41"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_stay_stays_unless_the_run_is_cut_off() {
    let line = "sleep 98702.42 >/dev/null 2>&1 & echo $!";
    let text = serde_json::json!({ "command": line, "leftover": "stay" });
    let run = once(job(serde_json::from_value::<Target>(text).unwrap())).await;
    assert_eq!((run.state, run.message), (RunState::Succeeded, None));
    let pid = run.output.unwrap().trim().parse().unwrap();
    assert_eq!(processes("98702.42").len(), 1);
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();

    let text = serde_json::json!({ "command": "sleep 98703.43 & wait", "leftover": "stay", "grace": "100ms" });
    let run = once(job(serde_json::from_value::<Target>(text).unwrap()).timeout("300ms".parse().unwrap())).await;
    assert_eq!((run.state, processes("98703.43").len()), (RunState::Failed, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_by_a_later_fire_it_ends_in_order() {
    let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let scheduler = Scheduler::builder()
        .targets(Targets::local())
        .job(job(stubborn("51")).overlap(Overlap::Replace))
        .grace(Duration::from_millis(200))
        .on_event(move |event| match event {
            Event::Started(_) => drop(events.send("started".to_owned())),
            Event::Finished(run) => {
                drop(events.send(format!("{} {}", run.state, run.error.clone().unwrap_or_default())))
            }
            _ => {}
        })
        .start()
        .await
        .unwrap();
    let mut next = async || tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap();
    scheduler.trigger("it").await.unwrap();
    assert_eq!(next().await, "started");
    tokio::time::sleep(Duration::from_millis(300)).await;
    scheduler.trigger("it").await.unwrap();
    assert!(next().await.starts_with("cancelled the fire of "));
    assert_eq!(next().await, "started");
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The end of the scheduler is that of the second one.
    let report = scheduler.drain().await.unwrap();
    assert_eq!(next().await, "failed cut off: the scheduler stopped, and its grace of 200ms was over");
    assert_eq!((report.finished, report.cut_off), (0, 1));
    assert!(processes("9876").iter().all(|line| !line.contains(".51")), "{:?}", processes(".51"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_is_dropped_at_once_leaves_nothing() {
    let run = tokio::spawn(once(job(stubborn("61"))));
    let began = Instant::now();
    while processes("98767.61").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(processes("9876").iter().all(|line| !line.contains(".61")), "{:?}", processes(".61"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_stubborn_ones_leave_no_process_and_no_descriptor() {
    once(job(Command::shell("true"))).await;
    let before = descriptors();
    let began = Instant::now();
    for round in 0..10 {
        let runs = (0..100).map(|number| {
            let mut command = stubborn(&format!("7{round}{number:02}"));
            command.process.grace = Some("50ms".parse().unwrap());
            once(job(command).timeout("400ms".parse().unwrap()))
        });
        for run in futures::future::join_all(runs).await {
            assert_eq!(run.state, RunState::Failed, "{:?}", run.error);
        }
    }
    eprintln!("1,000 stubborn commands took {:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let left: Vec<String> = processes("9876").into_iter().filter(|line| line.contains(".7")).collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(zombies(), 0);
    assert!(descriptors() <= before + 4, "{before} before, {} after", descriptors());
}

/// The memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_output_holds_nobody_up_and_takes_no_memory() {
    assert!(Path::new("/dev/zero").exists());
    // 64 MiB in each of ten seconds: what can't be taken that fast makes it longer.
    let flood = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & head -c 67108864 /dev/zero | tr '\\0' x; wait; done; \
        echo; echo '{\"end\": true}'";
    let before = resident();
    let began = Instant::now();
    let flood = tokio::spawn(once(job(Command::shell(flood))));
    let mut worst = Duration::ZERO;
    while !flood.is_finished() {
        let began = Instant::now();
        once(job(Command::shell("true"))).await;
        worst = worst.max(began.elapsed());
    }
    let run = flood.await.unwrap();
    let (took, grown) = (began.elapsed(), resident().saturating_sub(before));
    eprintln!("640 MiB in {took:?}; the slowest other job took {worst:?}; {grown} KiB more");
    assert_eq!((run.state, run.result), (RunState::Succeeded, Some(serde_json::json!({ "end": true }))));
    assert!(run.output.unwrap().len() <= 64 << 10);
    assert!(took >= Duration::from_secs(10), "{took:?}");
    assert!(took < Duration::from_secs(30) && worst < Duration::from_secs(1), "{took:?}, {worst:?}");
    assert!(grown < 16 << 10, "{grown} KiB");
}
