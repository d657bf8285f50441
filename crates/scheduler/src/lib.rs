//! Triggers that are exact in time, and durable runs: one row per fire.
//!
//! A [`Schedule`] is a [`Trigger`] in a zone and knows all its fires: a pure function from one instant to the next, with
//! rules for what a change of the clock does. A [`Job`] gives a schedule something to run; a [`Scheduler`] makes a row
//! for each fire, in a [`Store`], before it runs the job's handler.
//!
//! # Guarantees
//!
//! - A fire is made once: its row is keyed by job, version of the job and nominal instant, and the mark behind which
//!   nothing is made again only rises, also where history is deleted or the clock is set back.
//! - No fire is lost: those that came while no scheduler was there either run or are recorded as not run, with the
//!   reason.
//! - What a fire runs is attempted at least once. A scheduler that dies leaves its runs as they are, and the next one does
//!   what each job's [`OnCrash`] says; an attempt that was given up can't record its end over a later one.
//!
//! # Caveats
//!
//! Any number of schedulers may run the jobs of a namespace on one store, without a leader: whoever makes the row of a
//! fire first runs it. A scheduler that was held up for longer than its lease finds its runs taken over; what it did for
//! them meanwhile has happened all the same, so that handlers whose effects must not come twice check the attempt.
//! On CrateDB, which has no transactions, the limit of an [`Overlap`] is kept as well as can be.
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> clusterkeep_core::Result<()> {
//! use clusterkeep_scheduler::{Job, Overlap, Run, Scheduler, SqliteStore};
//! let scheduler = Scheduler::builder()
//!     .store(SqliteStore::open("jobs.db").await?)
//!     .handler("thin-out", |run: Run| async move { run.progress(0.5).await; Ok(()) })
//!     .job(Job::named("nightly").run("thin-out").cron("30 3 * * *").zone("America/New_York").overlap(Overlap::Skip))
//!     .start().await?;
//! scheduler.drain().await?;
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `sqlite` | the durable store of one machine: a file |
//! | `postgres` | the durable store that many machines share |
//! | `cratedb` | the same where there is a CrateDB, without transactions: see [`CrateStore`] |
//! | `rrule` | recurrence rules of iCalendar |
//! | `command` | [`target`]s that are processes of this machine, on Unix |
//! | `sql` | statements as targets, on the clusters whose engines are compiled in |
//! | `http` | requests as targets |
//! | `import` | jobs of crontabs, systemd, Kubernetes, supertask, Quartz and APScheduler, and back: see [`import`] and [`export`] |
//! | `notify` | webhooks, mail and commands that tell what becomes of jobs |

mod civil;
pub mod control;
mod daemon;
pub mod deploy;
#[cfg(feature = "import")]
pub mod export;
mod hash;
mod history;
#[cfg(feature = "import")]
pub mod import;
#[cfg(any(feature = "import", all(unix, feature = "command")))]
mod inline;
mod ledger;
mod model;
mod named;
#[cfg(feature = "notify")]
mod notify;
mod run;
mod store;
pub mod target;
mod trigger;

pub use civil::{IntoZone, Zone};
pub use daemon::{DrainReport, Event, Outage, Scheduler, SchedulerBuilder, Triggered, rehearse};
pub use history::{Overview, overview};
pub use ledger::{Count, GenerationCount, Ledger, ledger};
pub use model::{
    Action, Broken, Condition, Exclusion, Exec, Findings, Following, IntoWhen, Job, JobBody, JobName, JobSpec,
    KnownAction, Mail, Meta, Misfire, Names, Notify, Occasion, On, OnCrash, Overlap, Permission, Permissions, Retry,
    Schedule, SecretRef, SinkKind, SinkSpec, Sinks, Stamp, Target, TargetKind, Timetable, ValueAt, Webhook, When,
    Words, check_chains, ephemeral_namespace, remarks, validate,
};
#[cfg(feature = "notify")]
pub use notify::{Facts, Message, Sink, Undelivered};
pub use run::{Attempt, Missed, Run, RunKey, RunKind, RunRecord, RunState};
#[cfg(feature = "cratedb")]
pub use store::CrateStore;
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use store::{
    Advance, Beat, Cancelled, Claim, Existing, Fired, Gate, Generation, MemoryStore, NewRun, Otherwise, Pause, Report,
    RunEnd, RunQuery, ScheduleRecord, Source, Store, Worker, open, open_existing,
};
pub use target::{Runner, Targets};
#[cfg(feature = "rrule")]
pub use trigger::Recurrence;
pub use trigger::{Cron, Dialect, DstNote, Fire, Fold, Gap, Level, Months, Pass, Rate, Trigger, Warning};

/// The namespace of jobs that name none.
pub const DEFAULT_NAMESPACE: &str = "default";
