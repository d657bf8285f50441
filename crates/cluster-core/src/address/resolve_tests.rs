//! Precedence of addresses, and that credentials never cross from one rank to another.

use super::*;
use crate::error::Error;
use crate::secret::Secret;

const ID: &str = "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191";

fn dotenv(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn password(resolved: &Resolved) -> Option<&str> {
    match &resolved.address {
        ClusterAddress::Url(url) => url.password().map(Secret::expose),
        _ => None,
    }
}

/// The older tool let the id in the environment win over a name on the command line.
#[test]
fn a_flag_of_any_kind_beats_an_environment_of_any_kind() {
    for environment in ["CLUSTERKEEP_CLUSTER", "CRATEDB_CLUSTER_ID", "CRATEDB_CLUSTER_NAME", "CRATEDB_CLUSTER_URL"] {
        for flag in ["sqlite://w.db", "staging", ID] {
            let sources =
                AddressSources::new().flag("--cluster", flag).environment([(environment, "not even well-formed")]);
            assert_eq!(sources.resolve().unwrap().address.to_string(), flag);
        }
    }
}

#[test]
fn the_environment_beats_the_file_which_is_then_not_even_read() {
    let (_dir, path) = dotenv("this is no assignment");
    let sources = AddressSources::new().environment([("CRATEDB_CLUSTER_NAME", "staging")]).dotenv(&path);
    assert_eq!(sources.resolve().unwrap().origin, Origin::Environment("CRATEDB_CLUSTER_NAME"));
    assert!(AddressSources::new().dotenv(&path).resolve().is_err());
}

#[test]
fn two_of_one_rank_are_named_both() {
    let two = [("CRATEDB_CLUSTER_ID", ID), ("CRATEDB_CLUSTER_URL", "crate://h")];
    let error = AddressSources::new().environment(two).resolve().unwrap_err().to_string();
    assert!(error.contains("CRATEDB_CLUSTER_ID") && error.contains("CRATEDB_CLUSTER_URL"), "{error}");
    let (_dir, path) = dotenv("CRATEDB_CLUSTER_NAME=staging\nCLUSTERKEEP_CLUSTER=sqlite://w.db\n");
    let error = AddressSources::new().dotenv(&path).resolve().unwrap_err().to_string();
    assert!(error.contains("CRATEDB_CLUSTER_NAME in ") && error.contains("CLUSTERKEEP_CLUSTER in "), "{error}");
    let error =
        AddressSources::new().flag("--cluster", "abc").flag("--cluster-id", ID).resolve().unwrap_err().to_string();
    assert!(error.contains("--cluster and --cluster-id"), "{error}");
}

#[test]
fn an_empty_variable_is_not_set_and_no_address_is_an_error() {
    let sources = AddressSources::new().environment([("CRATEDB_CLUSTER_ID", ""), ("CLUSTERKEEP_CLUSTER", " ")]);
    let error = sources.resolve().unwrap_err();
    assert_eq!(error.to_string(), "no cluster is named");
    assert!(error.hint().unwrap().contains("CLUSTERKEEP_CLUSTER"));
}

#[test]
fn credentials_come_from_the_rank_of_the_address() {
    let secrets = [("CRATEDB_USERNAME", "me"), ("CRATEDB_PASSWORD", "hunter2")];
    let with =
        |more: &[(&'static str, &'static str)]| AddressSources::new().environment(secrets).environment(more.to_vec());

    let own = with(&[("CRATEDB_CLUSTER_URL", "https://h")]).resolve().unwrap();
    assert_eq!((password(&own), own.address.to_string().as_str()), (Some("hunter2"), "https://me@h"));
    let another_user = with(&[("CRATEDB_CLUSTER_URL", "https://you@h")]).resolve().unwrap();
    assert_eq!(password(&another_user), None);
    let postgres = with(&[("CLUSTERKEEP_CLUSTER", "postgres://me@h")]).resolve().unwrap();
    assert_eq!(password(&postgres), None);
    let flag = with(&[]).flag("--cluster", "https://h").resolve().unwrap();
    assert_eq!(password(&flag), None);
    let named = with(&[]).flag("--cluster", "https://me@h?password=env:CRATEDB_PASSWORD").resolve().unwrap();
    assert_eq!(password(&named), Some("hunter2"));
}

/// Whoever wrote the file chose the host; no key of the environment and no file of the user may go there.
#[test]
fn a_file_sends_nothing_but_its_own_elsewhere() {
    let secrets = || AddressSources::new().environment([("CRATEDB_PASSWORD", "hunter2"), ("KEY", "hunter2")]);
    let (_dir, path) = dotenv("CRATEDB_CLUSTER_URL=https://evil.example.org\n");
    assert_eq!(password(&secrets().dotenv(&path).resolve().unwrap()), None);
    let (_dir, path) = dotenv("CRATEDB_CLUSTER_URL=https://evil.example.org?password=env:KEY\n");
    assert!(secrets().dotenv(&path).resolve().is_err());
    let (_dir, path) = dotenv("CRATEDB_CLUSTER_URL=https://evil.example.org?password=file:/etc/hostname\n");
    assert!(matches!(secrets().dotenv(&path).resolve(), Err(Error::Refused { .. })));
    let (_dir, path) = dotenv("CRATEDB_CLUSTER_URL=https://h?password=env:KEY\nKEY=own\n");
    let own = secrets().dotenv(&path).resolve().unwrap();
    assert_eq!(password(&own), Some("own"));
    let again = own.address.into_url().unwrap().prepare(&|_| Some("hunter2".into())).unwrap();
    assert_eq!(again.password().map(Secret::expose), Some("own"), "what was fetched is not fetched again elsewhere");
}

#[test]
fn plain_text_is_allowed_by_the_name_of_the_host_only() {
    let sources = || AddressSources::new().flag("--cluster", "crate://u:p@db.internal");
    assert!(matches!(sources().resolve(), Err(Error::Refused { .. })));
    assert!(sources().environment([("CLUSTERKEEP_ALLOW_PLAINTEXT", "other.internal")]).resolve().is_err());
    assert!(sources().environment([("CLUSTERKEEP_ALLOW_PLAINTEXT", "x, DB.internal")]).resolve().is_ok());
    assert!(sources().allow_plaintext(["db.internal"]).resolve().is_ok());
    let (_dir, path) = dotenv("CLUSTERKEEP_ALLOW_PLAINTEXT=db.internal\n");
    assert!(sources().dotenv(&path).resolve().is_err(), "a file allows nothing for addresses of others");
}

#[test]
fn a_malformed_address_says_where_it_stands() {
    let error = AddressSources::new().environment([("CRATEDB_CLUSTER_URL", "staging")]).resolve().unwrap_err();
    assert!(error.to_string().starts_with("environment variable CRATEDB_CLUSTER_URL: "), "{error}");
}

#[test]
fn the_name_of_a_cluster_is_no_url() {
    let address = AddressSources::new().flag("--cluster", "staging").resolve().unwrap().address;
    let error = address.into_url().unwrap_err();
    assert!(error.to_string().contains("staging is the name of a cluster"), "{error}");
}
