//! Triggers that are exact in time, and durable runs: one row per fire.

mod civil;
mod model;
mod trigger;

pub use civil::Zone;
pub use model::Schedule;
pub use trigger::{Cron, Dialect, DstNote, Fire, Fold, Gap, Pass, Rate, Trigger, Warning};
