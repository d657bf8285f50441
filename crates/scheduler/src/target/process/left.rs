//! What schedulers have left running that were killed: ended before their runs are attempted again, so that none is done
//! twice at once. Found by the marks of attempts, on this machine, on Linux.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::tree::{MARK, Tree};

/// How long they have between being asked to end and being killed: somebody waits for it to go on.
const GRACE: Duration = Duration::from_secs(1);

/// How long those that were killed may take to be gone.
const KILLED: Duration = Duration::from_secs(1);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(25);

/// What was left of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Left {
    /// So many processes there were.
    pub(crate) found: usize,
    /// So many there are still.
    pub(crate) remaining: usize,
}

/// Ends what is left of attempts, by their marks.
pub(crate) async fn end_left(marks: Vec<String>) -> Vec<Left> {
    // One that runs in such a run itself would end itself.
    let own = std::env::var(MARK).unwrap_or_default();
    let is_own = |mark: &String| own.split('/').any(|part| part == mark);
    let marks = marks.into_iter().map(|mark| if is_own(&mark) { String::new() } else { mark }).collect();
    let trees = Tree::left(marks).await;
    let mut left = vec![Left::default(); trees.len()];
    let mut going: Vec<(usize, Tree)> = Vec::new();
    for (place, tree) in trees.into_iter().enumerate() {
        let Some(tree) = tree else { continue };
        left[place].found = tree.count().await;
        tree.ask().await;
        going.push((place, tree));
    }
    let asked = Instant::now();
    while !going.is_empty() && asked.elapsed() < GRACE + KILLED {
        sleep(LOOK).await;
        let kill = asked.elapsed() >= GRACE;
        let mut still = Vec::new();
        for (place, tree) in going {
            if kill {
                tree.kill().await;
            }
            left[place].remaining = tree.count().await;
            if left[place].remaining > 0 {
                still.push((place, tree));
            }
        }
        going = still;
    }
    left
}
