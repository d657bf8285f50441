//! From a process's beginning to its end and that of all it has started: reads what it writes, and ends it where it is told
//! to.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use clusterkeep_core::{Error, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::capture::Capture;
use super::spawn::{self, Start, Started};
use super::tree::Tree;
use super::{Echo, Stream};
use crate::model::target::Leftover;
use crate::run::Run;

/// How long processes have between being asked to end and being killed, where nothing else is said.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether those that were asked to end have ended.
const LOOK: Duration = Duration::from_millis(25);

/// How long those that were killed may take to be gone: the kernel has to free what they had.
const KILLED: Duration = Duration::from_secs(1);

/// How long output is waited for once all processes are gone: somebody else may hold the other end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How often output is recorded while a process runs.
const REPORT: Duration = Duration::from_secs(2);

/// How much is read at once. It is reserved twice for each process, and many may run.
const CHUNK: usize = 16 << 10;

/// Runs a process to its end. Its output, exit code and result go into the run's record.
pub(in crate::target) async fn run(start: &Start, run: &Run, echo: &Echo) -> Result<()> {
    let grace = start.process.grace.and_then(|grace| grace.as_duration()).unwrap_or(GRACE);
    let started = spawn::start(start, run)?;
    let mut going = Going::new(started, run, echo)?;
    let ending = going.work(grace, start.process.leftover).await;
    let status = going.finish().await?;
    run.output(going.pipes.capture.text());
    run.exit(code(status));
    if let Some(result) = going.pipes.capture.result() {
        run.result(result);
    }
    match ending {
        Ending::Told { killed } => Err(Error::failed(told(status, killed, grace))),
        Ending::ByItself { left } => {
            if left > 0 {
                run.message(format!("ended {left} processes that it had left behind")).await;
            }
            outcome(status, going.pipes.capture.complaint())
        }
    }
}

/// How it came to its end.
enum Ending {
    ByItself { left: usize },
    Told { killed: bool },
}

/// A process at work.
struct Going<'a> {
    child: Child,
    tree: Tree,
    pipes: Pipes<'a>,
    exit: Exit,
    over: bool,
}

impl<'a> Going<'a> {
    fn new(started: Started, run: &'a Run, echo: &'a Echo) -> Result<Self> {
        let Started { mut child, stdin, mark } = started;
        let id = child.id().ok_or_else(|| Error::failed("start a process: it ended at once"))?;
        let pipes = Pipes {
            stdin: child.stdin.take(),
            text: stdin,
            written: 0,
            out: child.stdout.take(),
            err: child.stderr.take(),
            buffers: (vec![0; CHUNK], vec![0; CHUNK]),
            capture: Capture::default(),
            run,
            echo,
        };
        Ok(Self { child, tree: Tree::of(id, mark), pipes, exit: Exit::of(id), over: false })
    }

    /// Until it and all that it has started are gone.
    async fn work(&mut self, grace: Duration, leftover: Leftover) -> Ending {
        let mut reports = interval(REPORT);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        reports.reset();
        let mut reported = 0;
        let told = loop {
            tokio::select! {
                biased;
                () = self.pipes.run.ending() => break true,
                () = self.exit.wait() => break false,
                _ = reports.tick() => {
                    let total = self.pipes.capture.total();
                    if std::mem::replace(&mut reported, total) != total {
                        self.pipes.run.output_so_far(self.pipes.capture.text()).await;
                    }
                }
                () = self.pipes.turn() => {}
            }
        };
        if !told && leftover == Leftover::Stay {
            return Ending::ByItself { left: 0 };
        }
        let left = self.tree.count().await;
        let killed = left > 0 && self.end_all(grace).await;
        if told { Ending::Told { killed } } else { Ending::ByItself { left } }
    }

    /// Asks all to end, and kills what has not after the grace; says whether that was necessary.
    async fn end_all(&mut self, grace: Duration) -> bool {
        let asked = Instant::now();
        self.tree.ask().await;
        while asked.elapsed() < grace {
            if self.tree.count().await == 0 {
                return false;
            }
            self.pipes.turns(LOOK.min(grace)).await;
        }
        let killed = Instant::now();
        while killed.elapsed() < KILLED {
            self.tree.kill().await;
            self.pipes.turns(LOOK / 5).await;
            if self.tree.count().await == 0 {
                break;
            }
        }
        true
    }

    /// Reads what is left to read, and takes note of the end.
    async fn finish(&mut self) -> Result<ExitStatus> {
        let over = Instant::now() + LAST_WORDS;
        while !self.pipes.are_closed() && Instant::now() < over {
            tokio::select! {
                () = self.pipes.turn() => {}
                () = tokio::time::sleep_until(over) => {}
            }
        }
        // A process that even SIGKILL does not end hangs in the kernel: it is not waited for.
        let status = tokio::time::timeout(KILLED, self.child.wait()).await;
        self.over = status.is_ok();
        status
            .map_err(|_| Error::failed("a process does not end, though it was killed: it hangs in the kernel"))?
            .map_err(|error| Error::caused("wait for a process", error))
    }
}

/// Where nobody waits for the end any more, there is one at once.
impl Drop for Going<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.tree.kill_now();
        }
    }
}

/// What connects a process with this one.
struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    text: Vec<u8>,
    written: usize,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    buffers: (Vec<u8>, Vec<u8>),
    capture: Capture,
    run: &'a Run,
    echo: &'a Echo,
}

impl Pipes<'_> {
    /// Reads or writes something, when it can; where all is closed, never.
    async fn turn(&mut self) {
        let Self { stdin, text, written, out, err, buffers, capture, run, echo } = self;
        tokio::select! {
            read = read(out.as_mut(), &mut buffers.0), if out.is_some() => match read {
                0 => *out = None,
                count => take(capture, echo, run, Stream::Out, &buffers.0[..count]),
            },
            read = read(err.as_mut(), &mut buffers.1), if err.is_some() => match read {
                0 => *err = None,
                count => take(capture, echo, run, Stream::Err, &buffers.1[..count]),
            },
            count = write(stdin.as_mut(), &text[*written..]), if stdin.is_some() => {
                *written += count;
                // What it does not want to read it need not.
                if count == 0 || *written == text.len() {
                    *stdin = None;
                }
            }
            else => std::future::pending().await,
        }
    }

    /// The same for a while.
    async fn turns(&mut self, length: Duration) {
        let mut over = std::pin::pin!(sleep(length));
        loop {
            tokio::select! {
                biased;
                () = &mut over => return,
                () = self.turn() => {}
            }
        }
    }

    const fn are_closed(&self) -> bool {
        self.out.is_none() && self.err.is_none()
    }
}

fn take(capture: &mut Capture, echo: &Echo, run: &Run, stream: Stream, bytes: &[u8]) {
    capture.push(stream, bytes);
    echo.hear(run, stream, bytes);
}

/// How many bytes came; 0 where the other end is closed.
async fn read(pipe: Option<&mut (impl tokio::io::AsyncRead + Unpin)>, buffer: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// How many bytes went; 0 where the other end is closed.
async fn write(pipe: Option<&mut ChildStdin>, text: &[u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.write(text).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// Sees that a process has ended, without taking note of it: until that is done its id, and so that of its group, stays its
/// own.
struct Exit {
    pid: Option<Pid>,
    #[cfg(target_os = "linux")]
    handle: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

impl Exit {
    fn of(id: u32) -> Self {
        let pid = Pid::from_raw(id.cast_signed());
        #[cfg(target_os = "linux")]
        #[expect(
            deprecated,
            reason = "its successor is unsafe, since not every type keeps its descriptor as this one does"
        )]
        let handle = pid.and_then(|pid| {
            let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()?;
            tokio::io::unix::AsyncFd::with_interest(handle, tokio::io::Interest::READABLE).ok()
        });
        Self {
            pid,
            #[cfg(target_os = "linux")]
            handle,
        }
    }

    async fn wait(&self) {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle
            && handle.readable().await.is_ok()
        {
            return;
        }
        while !self.has_ended() {
            sleep(LOOK).await;
        }
    }

    fn has_ended(&self) -> bool {
        let Some(pid) = self.pid else { return true };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), options) {
            Ok(found) => found.is_some(),
            Err(error) => error == rustix::io::Errno::CHILD,
        }
    }
}

/// The exit code; minus the number of the signal where one has ended it.
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or_default())
}

fn outcome(status: ExitStatus, complaint: Option<String>) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let how = match status.code() {
        Some(code) => format!("exit code {code}"),
        None => format!("ended by {}", signal(status)),
    };
    Err(Error::failed(complaint.map_or_else(|| how.clone(), |complaint| format!("{how}: {complaint}"))))
}

/// How one ended that was told to.
fn told(status: ExitStatus, killed: bool, grace: Duration) -> String {
    match (killed, status.code()) {
        (true, _) => format!("killed {grace:?} after it was asked to end"),
        (false, Some(code)) => format!("it was asked to end, and did with exit code {code}"),
        (false, None) => format!("ended by {}", signal(status)),
    }
}

/// The name of the signal that has ended it, where it has a common one.
fn signal(status: ExitStatus) -> String {
    let number = status.signal().unwrap_or_default();
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        6 => "SIGABRT",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}
