//! The processes that belong to a run, found and signalled.

/// The variable that says to which run a process belongs: the mark of the run, behind those of the runs around it.
pub(super) const MARK: &str = "CLUSTERKEEP_RUN";

/// What the processes of a run carry whose own mark this is.
pub(super) fn carried(own: String) -> String {
    match std::env::var(MARK) {
        // A command may run a scheduler itself: what that one starts belongs to both.
        Ok(outer) if outer.len() < 1_024 => format!("{outer}/{own}"),
        _ => own,
    }
}

pub(super) use imp::Tree;

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::HashSet;
    use std::sync::{Arc, OnceLock};
    use std::time::Instant;

    use rustix::process::{
        Pid, PidfdFlags, Signal, WaitOptions, kill_process_group, pidfd_open, pidfd_send_signal, waitpid,
    };
    use tokio::sync::Mutex;

    use super::MARK;

    /// A process, as the kernel tells of it.
    #[derive(Debug, Clone)]
    struct Seen {
        pid: i32,
        parent: i32,
        group: i32,
        /// When it began, in ticks since the machine did: with the id it is a name that no other process has.
        began: u64,
        ended: bool,
        mark: Option<String>,
    }

    /// All processes, as they were at or after an instant.
    #[derive(Debug)]
    struct Snapshot {
        from: Instant,
        all: Vec<Seen>,
    }

    /// The latest one. Of many runs that end at once each looks at the same.
    static LATEST: Mutex<Option<Arc<Snapshot>>> = Mutex::const_new(None);

    /// All that descends from a process which was not waited for yet, and what carries its mark.
    #[derive(Debug)]
    pub(in crate::target::process) struct Tree {
        /// Nobody where it was of another scheduler, which is gone: the number may be somebody else's by now.
        leader: Option<i32>,
        mark: String,
    }

    impl Tree {
        pub(in crate::target::process) fn of(leader: u32, mark: String) -> Self {
            Self { leader: Some(leader.cast_signed()), mark }
        }

        /// Of these marks of attempts whose scheduler is gone those trees of which something is left.
        pub(in crate::target::process) async fn left(marks: Vec<String>) -> Vec<Option<Self>> {
            let all = snapshot(true).await;
            let tree = |mark: String| {
                let tree = Some(Self { leader: None, mark }).filter(|tree| !tree.mark.is_empty());
                tree.filter(|tree| !tree.among(&all).is_empty())
            };
            marks.into_iter().map(tree).collect()
        }

        /// Asks all of them to end, also those that are stopped.
        pub(in crate::target::process) async fn ask(&self) {
            self.signal(&self.members().await, &[Signal::TERM, Signal::CONT]);
        }

        /// Kills all that there are.
        pub(in crate::target::process) async fn kill(&self) {
            self.signal(&self.members().await, &[Signal::KILL]);
        }

        /// How many have not ended.
        pub(in crate::target::process) async fn count(&self) -> usize {
            self.members().await.len()
        }

        /// Kills them without waiting for anything.
        pub(in crate::target::process) fn kill_now(&self) {
            // What is forked while it is looked is found the next time.
            for _ in 0..5 {
                let members = self.among(&scan(self.leader.is_none()));
                if members.is_empty() {
                    return;
                }
                self.signal(&members, &[Signal::KILL]);
            }
        }

        async fn members(&self) -> Vec<Seen> {
            match self.leader {
                Some(_) => self.among(&since(Instant::now()).await.all),
                None => self.among(&snapshot(true).await),
            }
        }

        fn among(&self, all: &[Seen]) -> Vec<Seen> {
            // The last part, behind the marks of the runs around it.
            let own = self.mark.rsplit('/').next().unwrap_or(&self.mark);
            let marked = |seen: &Seen| seen.mark.as_ref().is_some_and(|mark| mark.split('/').any(|part| part == own));
            // Of one that is gone the marked leaders of groups say which these are.
            let led: HashSet<i32> = match self.leader {
                Some(leader) => [leader].into(),
                None => all.iter().filter(|seen| seen.pid == seen.group && marked(seen)).map(|seen| seen.pid).collect(),
            };
            let is_root = |seen: &&Seen| led.contains(&seen.pid) || led.contains(&seen.group) || marked(seen);
            let mut found: HashSet<i32> = all.iter().filter(is_root).map(|seen| seen.pid).collect();
            loop {
                let before = found.len();
                found.extend(
                    all.iter().filter(|seen| found.contains(&seen.parent)).map(|seen| seen.pid).collect::<Vec<_>>(),
                );
                if found.len() == before {
                    break;
                }
            }
            all.iter().filter(|seen| !seen.ended && found.contains(&seen.pid)).cloned().collect()
        }

        fn signal(&self, members: &[Seen], signals: &[Signal]) {
            for signal in signals {
                // The leader was not waited for: the group is still its own.
                if let Some(group) = self.leader.and_then(Pid::from_raw) {
                    kill_process_group(group, *signal).ok();
                }
                for member in members.iter().filter(|member| Some(member.group) != self.leader) {
                    send(member, *signal);
                }
            }
        }
    }

    /// Sends a signal to that very process, and to no other one that got its id.
    fn send(member: &Seen, signal: Signal) {
        let Some(pid) = Pid::from_raw(member.pid) else { return };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if look(member.pid, u64::MAX).is_some_and(|now| now.began == member.began) {
            pidfd_send_signal(&handle, signal).ok();
        }
        // Where this program is the first of its container, the orphans are its own to be waited for.
        if signal == Signal::KILL && rustix::process::getpid().is_init() {
            waitpid(Some(pid), WaitOptions::NOHANG).ok();
        }
    }

    /// A snapshot that was begun after `asked`.
    async fn since(asked: Instant) -> Arc<Snapshot> {
        let mut latest = LATEST.lock().await;
        if let Some(snapshot) = latest.as_ref().filter(|snapshot| snapshot.from >= asked) {
            return snapshot.clone();
        }
        let from = Instant::now();
        let snapshot = Arc::new(Snapshot { from, all: snapshot(false).await });
        *latest = Some(snapshot.clone());
        snapshot
    }

    /// All processes; with the marks of `older` ones than this program, too.
    async fn snapshot(older: bool) -> Vec<Seen> {
        // Reading it may take a while where there are many; the pool is gone only where the program ends.
        tokio::task::spawn_blocking(move || scan(older)).await.unwrap_or_else(|_| scan(older))
    }

    fn scan(older: bool) -> Vec<Seen> {
        let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
        let ids = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // What was there before this program belongs to none of its runs, and need not be read.
        let marked_from = if older { 0 } else { own_began() };
        ids.filter_map(|pid| look(pid, marked_from)).collect()
    }

    /// A process, with its mark where it has begun by `marked_from` or later.
    fn look(pid: i32, marked_from: u64) -> Option<Seen> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold any character.
        let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
        let ended = matches!(fields.next()?, "Z" | "X");
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let began = fields.nth(16)?.parse().ok()?;
        let mark = if ended || began < marked_from { None } else { mark_of(pid) };
        Some(Seen { pid, parent, group, began, ended, mark })
    }

    /// When this program began; 0, where that can't be known.
    fn own_began() -> u64 {
        static BEGAN: OnceLock<u64> = OnceLock::new();
        *BEGAN.get_or_init(|| {
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
            let began = stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(20)?.parse().ok());
            began.unwrap_or_default()
        })
    }

    /// The mark in its environment; `None` also where that may not be read.
    fn mark_of(pid: i32) -> Option<String> {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let prefix = format!("{MARK}=");
        let found = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
        Some(String::from_utf8_lossy(found).into_owned())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn seen(pid: i32, parent: i32, group: i32, mark: Option<&str>) -> Seen {
            Seen { pid, parent, group, began: 1, ended: false, mark: mark.map(Into::into) }
        }

        #[test]
        fn a_tree_is_the_group_the_descendants_and_the_marked() {
            let tree = Tree::of(10, "outer/own".into());
            let all = [
                seen(1, 0, 1, None),
                seen(10, 1, 10, Some("outer/own")),
                seen(11, 10, 10, None),
                seen(12, 11, 12, None),
                seen(13, 12, 12, None),
                seen(14, 1, 14, Some("outer/own/inner")),
                seen(15, 1, 15, Some("outer/other")),
                seen(16, 1, 16, Some("own2")),
                seen(17, 1, 10, None),
                Seen { ended: true, ..seen(18, 1, 10, None) },
            ];
            let members: Vec<i32> = tree.among(&all).iter().map(|seen| seen.pid).collect();
            assert_eq!(members, [10, 11, 12, 13, 14, 17]);
        }

        #[test]
        fn what_is_left_is_the_marked_their_groups_and_their_descendants() {
            let tree = Tree { leader: None, mark: "own".into() };
            let all = [
                // Threads of the kernel.
                seen(2, 0, 0, None),
                // The scheduler of now, and a shell whose group a process of the run has joined.
                seen(5, 1, 5, None),
                seen(6, 1, 6, None),
                seen(10, 1, 10, Some("own")),
                seen(11, 1, 10, None),
                seen(12, 11, 12, None),
                seen(13, 1, 6, Some("outer/own/inner")),
                seen(14, 13, 14, None),
                seen(15, 1, 15, Some("other")),
                Seen { ended: true, ..seen(16, 1, 16, None) },
            ];
            let members: Vec<i32> = tree.among(&all).iter().map(|seen| seen.pid).collect();
            assert_eq!(members, [10, 11, 12, 13, 14]);
        }

        #[test]
        fn this_process_is_seen() {
            let own = std::process::id().cast_signed();
            let all = scan(false);
            let own = all.iter().find(|seen| seen.pid == own).unwrap();
            assert!(!own.ended && own.began > 0);
            assert_eq!(own.began, own_began());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

    /// The group of a process that was not waited for yet.
    #[derive(Debug)]
    pub(in crate::target::process) struct Tree {
        leader: Option<Pid>,
    }

    impl Tree {
        /// None: here nobody can tell which processes are left of somebody else's.
        pub(in crate::target::process) async fn left(marks: Vec<String>) -> Vec<Option<Self>> {
            marks.into_iter().map(|_| None).collect()
        }

        pub(in crate::target::process) fn of(leader: u32, _: String) -> Self {
            Self { leader: Pid::from_raw(leader.cast_signed()) }
        }

        pub(in crate::target::process) async fn ask(&self) {
            self.signal(Signal::TERM);
            self.signal(Signal::CONT);
        }

        pub(in crate::target::process) async fn kill(&self) {
            self.signal(Signal::KILL);
        }

        /// Whether there is something left: 0 or 1.
        pub(in crate::target::process) async fn count(&self) -> usize {
            self.leader.is_some_and(|group| test_kill_process_group(group).is_ok()).into()
        }

        pub(in crate::target::process) fn kill_now(&self) {
            self.signal(Signal::KILL);
        }

        fn signal(&self, signal: Signal) {
            if let Some(group) = self.leader {
                kill_process_group(group, signal).ok();
            }
        }
    }
}
