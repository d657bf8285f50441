//! Python, node and containers as jobs. Which programs there are is a matter of folders that stand in for PATH.

#![cfg(all(target_os = "linux", feature = "command"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is how a test fails, a line that it was skipped"
)]

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use clusterkeep_scheduler::target::{ContainerRunner, NodeRunner, PythonRunner, RustRunner};
use clusterkeep_scheduler::{Job, RunRecord, RunState, Runner as _, Scheduler, Target, TargetKind, Targets, Triggered};
use serde_json::json;

async fn once(targets: Targets, target: &serde_json::Value, timeout: Option<&str>) -> RunRecord {
    let target: Target = serde_json::from_value(target.clone()).unwrap();
    let mut job = Job::named("it").target(target).at("2100-01-01T00:00:00Z".parse().unwrap());
    if let Some(timeout) = timeout {
        job = job.timeout(timeout.parse().unwrap());
    }
    let triggered = Scheduler::builder().targets(targets).job(job).trigger("it").await.unwrap();
    let Triggered::Ran(run) = triggered else { panic!("it ran elsewhere") };
    *run
}

/// Another process writes it: were it open here, a test beside this one could start a program that has it open for a moment,
/// and what is open for writing can't be run.
fn script(folder: &Path, name: &str, text: &str) {
    let mut shell = std::process::Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(folder.join(name))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
}

fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: there is no {program}");
    }
    found
}

const TASK: &str = r#"# /// script
# requires-python = ">=3.8"
# dependencies = []
# ///
import os, sys
async def later(a, *, b):
    print("working")
    return {"sum": a + b, "job": os.environ["CLUSTERKEEP_JOB"]}
def odd(text):
    return [text]
class Box:
    @staticmethod
    def inner():
        raise ValueError("no such table")
if __name__ == "__main__":
    print(sys.argv[1:])
"#;

#[tokio::test]
async fn python_functions_get_values_and_give_one() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("task.py"), TASK).unwrap();
    let cwd = folder.path().display().to_string();
    let run = async |target: serde_json::Value| {
        let mut target = target;
        target["cwd"] = cwd.clone().into();
        target["isolation"] = "interpreter".into();
        once(Targets::none().with(TargetKind::Python, PythonRunner::new()), &target, None).await
    };
    let later = run(json!({ "python": "task.py:later", "args": [1.5], "kwargs": { "b": 2 } })).await;
    assert_eq!(later.result, Some(json!({ "sum": 3.5, "job": "it" })), "{:?}", later.error);
    assert!(later.output.unwrap().starts_with("working\n"));
    // As a module of the working directory.
    assert_eq!(
        run(json!({ "python": "task:later", "args": [1], "kwargs": { "b": 2 } })).await.state,
        RunState::Succeeded
    );
    // No value becomes code.
    let odd = "'); import os; os._exit(7) #\n\"\"\" \\ \u{1f980} $(id)";
    assert_eq!(run(json!({ "python": "task.py:odd", "args": [odd] })).await.result, Some(json!([odd])));
    let failed = run(json!({ "python": "task.py:Box.inner" })).await;
    assert_eq!((failed.exit, failed.error.as_deref()), (Some(1), Some("exit code 1: ValueError: no such table")));
    let file = run(json!({ "python": "task.py", "args": ["a b", 3, { "c": null }] })).await;
    assert_eq!(file.output.as_deref(), Some("['a b', '3', '{\"c\":null}']\n"));
    assert!(run(json!({ "python": "nowhere.py" })).await.error.unwrap().starts_with("read `"));
}

#[tokio::test]
async fn uv_is_taken_where_it_is_there_and_asked_for_what_a_file_needs() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = here.join("task.py");
    std::fs::write(&file, TASK.replace("dependencies = []", "dependencies = [\"rich\"]")).unwrap();
    let file = file.display().to_string();
    let run = async |python: &str, isolation: Option<&str>| {
        let target = match isolation {
            Some(isolation) => json!({ "python": python, "isolation": isolation }),
            None => json!({ "python": python }),
        };
        once(Targets::none().with(TargetKind::Python, PythonRunner::new().search(here)), &target, None).await
    };
    // Neither is there.
    let error = run(&file, None).await.error.unwrap();
    assert!(error.contains("uv, which installs it, is not in PATH"), "{error}");
    assert!(run(&file, Some("uv")).await.error.unwrap().contains("not in PATH"));
    script(here, "python3", "#!/bin/sh\necho python3 \"$@\"\n");
    assert_eq!(run(&file, Some("interpreter")).await.output.unwrap(), format!("python3 {file}\n"));
    script(
        here,
        "uv",
        "#!/bin/sh\nfor word; do case $word in -c) echo '-c ..'; shift 1;; esac; echo \"$word\" | head -1; done\n",
    );
    assert_eq!(run(&file, None).await.output.unwrap(), format!("run\n--quiet\n--script\n{file}\n"));
    let output = run(&format!("{file}:later"), None).await.output.unwrap();
    let expected = format!("run\n--quiet\n--no-project\n--with-requirements\n{file}\n--python\n>=3.8\npython\n-c ..\n");
    assert!(output.starts_with(&expected), "{output}");
}

#[tokio::test]
async fn uv_itself_honours_what_a_file_needs() {
    if !has("uv") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("task.py");
    std::fs::write(&file, TASK).unwrap();
    let run = async |python: String| {
        let target = json!({ "python": python, "args": [1], "kwargs": { "b": 2 }, "isolation": "uv" });
        once(Targets::none().with(TargetKind::Python, PythonRunner::new()), &target, None).await
    };
    let called = run(format!("{}:later", file.display())).await;
    assert_eq!(called.result, Some(json!({ "sum": 3, "job": "it" })), "{:?} {:?}", called.error, called.output);
}

#[tokio::test]
async fn node_runs_javascript_and_says_why_it_runs_no_typescript() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let js = here.join("task.mjs").display().to_string();
    std::fs::write(&js, "console.log(JSON.stringify(process.argv.slice(2)))").unwrap();
    let run = async |runner: NodeRunner, file: &str| {
        once(Targets::none().with(TargetKind::Node, runner), &json!({ "node": file, "args": ["a b", "$x"] }), None)
            .await
    };
    if has("node") {
        assert_eq!(run(NodeRunner::new(), &js).await.result, Some(json!(["a b", "$x"])));
    }
    let stub = |version: &str| format!("#!/bin/sh\n[ \"$1\" = --version ] && echo {version} || echo \"$@\"\n");
    let searched = || NodeRunner::new().search(here);
    assert!(run(searched(), "task.ts").await.error.unwrap().contains("no `node` in PATH"));
    for (version, output) in [
        ("v24.1.0", Some("task.ts a b $x\n")),
        ("v22.7.0", Some("--experimental-strip-types task.ts a b $x\n")),
        ("v20.20.2", None),
    ] {
        script(here, "node", &stub(version));
        let run = run(searched(), "task.ts").await;
        assert_eq!(run.output.as_deref(), output, "{version}");
        assert_eq!(run.error.is_some(), output.is_none(), "{version}");
    }
}

/// Stands in for docker: writes down how it was called, and does as if it ran a container that ends when it is removed.
const STUB: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$(basename "$0") $*" >> "$here/calls"
case $1 in
info) [ ! -e "$here/$(basename "$0").away" ] ;;
run)
  case "$*" in
  *forever*) trap '' TERM; while [ ! -e "$here/removed" ]; do sleep 0.05; done ;;
  *) echo "token=$TOKEN"; echo '{"n": 1}' ;;
  esac ;;
rm) touch "$here/removed" ;;
esac
"#;

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_run_by_who_answers_and_are_gone_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let run = async |target: serde_json::Value, timeout: Option<&str>| {
        let runner = ContainerRunner::new().search(here);
        once(Targets::none().with(TargetKind::Container, runner), &target, timeout).await
    };
    let error = run(json!({ "container": "alpine:3" }), None).await.error.unwrap();
    assert!(error.contains("`docker` is not in PATH, `podman` is not in PATH, `nerdctl` is not in PATH"), "{error}");
    script(here, "docker", STUB);
    script(here, "podman", STUB);
    std::fs::write(here.join("docker.away"), "").unwrap();
    let token = here.join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let target = json!({
        "container": "alpine:3", "command": "echo $HOME", "env": { "TOKEN": format!("file:{}", token.display()), "A": "b c" },
        "cwd": "/srv", "user": "nobody", "network": "none", "mounts": ["/etc:/host:ro"], "memory": "64 MiB"
    });
    let done = run(target, None).await;
    assert_eq!((done.state, done.result), (RunState::Succeeded, Some(json!({ "n": 1 }))), "{:?}", done.error);
    assert!(done.output.unwrap().starts_with("token=s3cret\n"));
    let calls = std::fs::read_to_string(here.join("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls[..2], ["docker info", "podman info"]);
    assert!(calls[2].starts_with("podman run --rm --name clusterkeep-"), "{}", calls[2]);
    let expected = "--env A=b c --env TOKEN --workdir /srv --user nobody --network none --volume /etc:/host:ro \
        --memory 67108864 --entrypoint /bin/sh alpine:3 -c echo $HOME";
    assert!(calls[2].ends_with(expected), "{}", calls[2]);
    assert!(!calls.join("\n").contains("s3cret"), "no secret on a command line");
    assert_eq!(calls.len(), 3);

    let began = Instant::now();
    let target = json!({ "container": "x", "command": ["forever"], "engine": "docker", "grace": "200ms" });
    let cut = run(target, Some("300ms")).await;
    assert_eq!(cut.state, RunState::Failed);
    assert!(began.elapsed() < Duration::from_secs(3));
    let calls = std::fs::read_to_string(here.join("calls")).unwrap();
    let started = calls.lines().find(|line| line.contains("forever")).unwrap().split(' ').nth(4).unwrap();
    assert!(calls.contains(&format!("docker rm --force {started}")), "{calls}");

    // Where the scheduler was killed, the next one knows its name by the mark of the attempt.
    let target: Target = serde_json::from_value(json!({ "container": "x", "engine": "docker" })).unwrap();
    ContainerRunner::new().search(here).end_left(&target, "of-another").await;
    let calls = std::fs::read_to_string(here.join("calls")).unwrap();
    assert!(calls.ends_with("docker rm --force clusterkeep-of-another\n"), "{calls}");

    let target = json!({ "container": "x", "env": { "DOCKER_HOST": "env:HOME" } });
    assert!(run(target, None).await.error.unwrap().contains("DOCKER_HOST"));
}

/// What cargo itself takes on nightly alone ("cargo script").
const SCRIPT: &str = r#"#!/usr/bin/env -S cargo +nightly -Zscript
---cargo
[dependencies]
beside = { path = "beside" }
---
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    println!("{{\"args\": {args:?}, \"job\": {:?}, \"beside\": {}}}", std::env::var("CLUSTERKEEP_JOB").unwrap(), beside::ANSWER);
}
"#;

#[tokio::test]
async fn a_rust_file_is_built_from_what_it_says_and_run() {
    if !has("cargo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir_all(folder.path().join("beside/src")).unwrap();
    write("beside/Cargo.toml", "[package]\nname = \"beside\"\n");
    write("beside/src/lib.rs", "pub const ANSWER: u32 = 42;\n");
    write("task.rs", SCRIPT);
    let target = json!({ "rust": "task.rs", "args": ["a b", "$x"], "cwd": folder.path() });
    let runner = || RustRunner::new().cache(folder.path().join("cache"));
    let run = async |runner: RustRunner| once(Targets::none().with(TargetKind::Rust, runner), &target, None).await;
    let first = run(runner()).await;
    assert_eq!(first.result, Some(json!({ "args": ["a b", "$x"], "job": "it", "beside": 42 })), "{:?}", first.error);
    let began = Instant::now();
    assert_eq!(run(runner()).await.state, RunState::Succeeded);
    eprintln!("once it is built it takes {:?}", began.elapsed());
    // An error of the compiler stands in the line of the file.
    write("task.rs", &SCRIPT.replace("beside::ANSWER", "beside::QUESTION"));
    let broken = run(runner()).await;
    assert_eq!(broken.state, RunState::Failed);
    assert!(broken.output.unwrap().contains("main.rs:8:"), "{:?}", broken.error);
    write("task.rs", "---cargo\n[dependencies\n---\nfn main() {}\n");
    let wrong = run(runner()).await.error.unwrap();
    assert!(wrong.contains("task.rs:2:") && wrong.contains("no TOML"), "{wrong}");
    let nowhere = run(runner().search("/nowhere")).await.error.unwrap();
    assert!(nowhere.contains("there is no `cargo` in PATH"), "{nowhere}");
}
