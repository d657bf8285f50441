//! CrateDB.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Installation, Peers, Recipe, Wish, environment};
use crate::env::CRATEDB_HOME;
use crate::error::Result;
use crate::managed::local::ready::Probe;
use crate::managed::local::supervisor::Commands;
use crate::secret::Secret;

/// Where packages and people put it.
const PLACES: [&str; 2] = ["/usr/share/crate", "/opt/crate"];

/// With so little of the disk free, tables can be read and no longer written.
const LEAST_FREE: &str = "1gb";

/// The recipe.
#[derive(Debug)]
pub(super) struct CrateDb;

impl Recipe for CrateDb {
    fn product(&self) -> &'static str {
        "CrateDB"
    }

    fn slug(&self) -> &'static str {
        "cratedb"
    }

    fn accounts(&self) -> &'static [&'static str] {
        &["crate"]
    }

    fn ports(&self) -> usize {
        3
    }

    fn maintenance(&self) -> &'static str {
        "doc"
    }

    fn database(&self) -> &'static str {
        "doc"
    }

    fn takes_password(&self) -> bool {
        // Its superuser is let in by where it comes from; passwords are for the users that it makes.
        false
    }

    fn find(&self, directory: Option<&Path>) -> Option<Installation> {
        let named = std::env::var_os(CRATEDB_HOME.name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let roots = match directory {
            Some(directory) => vec![directory.to_owned()],
            // Who names a home means that one: another version in its place would be a surprise.
            None => named.map_or_else(|| PLACES.map(PathBuf::from).to_vec(), |named| vec![named]),
        };
        let server = roots.iter().map(|root| root.join("bin/crate")).find(|path| path.is_file())?;
        Some(Installation { server, setup: None })
    }

    fn advice(&self) -> &'static str {
        "unpack or install CrateDB, and set CRATEDB_HOME to the directory that holds `bin/crate`"
    }

    fn grace(&self, temporary: bool) -> Duration {
        Duration::from_secs(if temporary { 5 } else { 30 })
    }

    fn launch(&self, installation: &Installation, wish: &Wish<'_>) -> Result<Commands> {
        let home = wish.home;
        let [http, psql, transport] = [0, 1, 2].map(|index| wish.ports.get(index).copied().unwrap_or_default());
        let mut settings: Vec<(String, OsString)> = Vec::new();
        let mut set = |name: &str, value: OsString| {
            // The server ends at a setting that comes twice: the last word on it is the only one.
            settings.retain(|(known, _)| known != name);
            settings.push((name.to_owned(), value));
        };
        set("network.host", "127.0.0.1".into());
        set("http.port", http.to_string().into());
        set("psql.port", psql.to_string().into());
        set("transport.tcp.port", transport.to_string().into());
        match wish.peers {
            Some(peers) => peers_settings(peers).into_iter().for_each(|(name, value)| set(name, value.into())),
            None => {
                set("discovery.type", "single-node".into());
                set("cluster.name", "clusterkeep-local".into());
                set("node.name", "n0".into());
            }
        }
        set("path.data", home.data().into());
        set("path.logs", home.file("logs").into());
        set("path.repo", wish.peers.map_or_else(|| home.file("repo"), |peers| peers.repo.clone()).into());
        // By its own defaults it puts no shard on a disk that is 90 % full, and moves those that are there to another node.
        // The nodes here share one disk, which has often less than a tenth free and is far from full.
        for watermark in ["low", "high", "flood_stage"] {
            set(&format!("cluster.routing.allocation.disk.watermark.{watermark}"), LEAST_FREE.into());
        }
        // Durability is a setting of each table here: there is none of the server that could be lowered.
        for (name, value) in wish.settings {
            set(name, value.into());
        }
        let mut server: Vec<OsString> = vec![installation.server.clone().into()];
        server.extend(settings.iter().map(|(name, value)| {
            let mut option = OsString::from(format!("-C{name}="));
            option.push(escaped(value));
            option
        }));
        let mut environment = environment(home);
        // A heap that fits beside everything else on a developer's machine; the compiler that starts fast, since a
        // private server seldom lives long; no file that shows its counters to others, which it would leave in /tmp;
        // and no log of the garbage collector.
        environment.extend(
            [
                ("CRATE_HEAP_SIZE", "512m"),
                ("CRATE_JAVA_OPTS", "-XX:TieredStopAtLevel=1 -XX:-UsePerfData"),
                ("CRATE_DISABLE_GC_LOGGING", "1"),
            ]
            .map(|(name, value)| (name.into(), value.into())),
        );
        Ok(Commands {
            setup: Vec::new(),
            server,
            signals: if home.is_temporary() { "KILL" } else { "TERM KILL" },
            environment,
        })
    }

    fn probe(&self) -> Probe {
        Probe {
            hello: b"GET / HTTP/1.0\r\nAccept: application/json\r\n\r\n".to_vec(),
            ready: |answer| answer.starts_with(b"HTTP/1.") && answer.get(8..12) == Some(b" 200"),
        }
    }

    fn url(&self, port: u16, _password: Option<&Secret>) -> Secret {
        Secret::new(format!("crate://crate@127.0.0.1:{port}/"))
    }

    fn forms_clusters(&self) -> bool {
        true
    }
}

/// What makes a server a node of a cluster.
fn peers_settings(peers: &Peers) -> Vec<(&'static str, String)> {
    let name = |node: usize| format!("n{node}");
    let count = peers.transports.len();
    let mut settings = vec![("cluster.name", peers.cluster.clone()), ("node.name", name(peers.node))];
    if count == 1 {
        settings.push(("discovery.type", "single-node".into()));
        return settings;
    }
    let seeds: Vec<String> = peers.transports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    settings.push(("discovery.seed_hosts", seeds.join(",")));
    if peers.founding {
        // Told again to a cluster that exists, a node that lost its data would found another one beside it.
        settings.push(("cluster.initial_master_nodes", (0..count).map(name).collect::<Vec<_>>().join(",")));
    }
    settings.push(("gateway.expected_data_nodes", count.to_string()));
    settings.push(("gateway.recover_after_data_nodes", (count / 2 + 1).to_string()));
    settings
}

/// `value` as it survives the start script, which evaluates it once more within double quotes.
fn escaped(value: &OsStr) -> OsString {
    let mut text = Vec::new();
    for byte in value.as_bytes() {
        if b"\\\"$`".contains(byte) {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    OsString::from_vec(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_who_founds_the_cluster_once_only() {
        let mut peers =
            Peers { cluster: "c".into(), node: 1, transports: vec![1, 2, 3], repo: "/repo".into(), founding: true };
        let names = |peers: &Peers| peers_settings(peers).into_iter().collect::<std::collections::BTreeMap<_, _>>();
        let settings = names(&peers);
        assert_eq!(settings["cluster.initial_master_nodes"], "n0,n1,n2");
        assert_eq!(settings["discovery.seed_hosts"], "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3");
        assert_eq!((settings["node.name"].as_str(), settings["cluster.name"].as_str()), ("n1", "c"));
        peers.founding = false;
        assert!(!names(&peers).contains_key("cluster.initial_master_nodes"));
        peers.transports = vec![1];
        assert_eq!(names(&peers)["discovery.type"], "single-node");
    }

    #[test]
    fn values_survive_the_start_script() {
        let odd = "it's $HOME `id` \\ \"quoted\"";
        let script = format!("eval printf '%s' \"\\\"{}\\\"\"", r#"$1"#);
        let run = std::process::Command::new("sh").arg("-c").arg(script).arg("sh").arg(escaped(odd.as_ref())).output();
        assert_eq!(String::from_utf8(run.unwrap().stdout).unwrap(), odd);
    }
}
