//! Which place counts, and what never crosses from one to another.

use super::*;

const KEY: (&str, &str) = ("CRATEDB_CLOUD_API_KEY", "env-key");
const SECRET: (&str, &str) = ("CRATEDB_CLOUD_API_SECRET", "hunter2");

const PROFILE: &str = "
current-profile: cloud
default-format: table
profiles:
  other: {key: wrong, secret: wrong}
  cloud:
    auth-token: ''
    endpoint: https://cloud.example.org
    format: table
    key: profile-key
    secret: 12345678
    organization-id: 3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191
    region: _any_
    gc_jwt_token: null
";

fn key(settings: &CloudSettings) -> &str {
    match settings.credentials.as_ref().unwrap() {
        Credentials::Key { key, .. } => key,
        Credentials::Session(token) => token.expose(),
    }
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_environment_beats_the_file_and_the_file_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv =
        "CRATEDB_CLOUD_API_KEY=file-key\nCRATEDB_CLOUD_API_SECRET=s\nCRATEDB_CLOUD_ENDPOINT=https://f.example\n";
    let profile = write(&folder, "croud.yaml", PROFILE);
    let sources = CloudSources::new().profile(&profile);
    let settings = CloudSettings::resolve(&sources).unwrap();
    assert_eq!((key(&settings), settings.endpoint.as_str()), ("profile-key", "https://cloud.example.org"));
    assert_eq!(settings.origin, SettingsOrigin::Profile(profile));
    assert!(settings.organization.is_some());
    let sources = sources.dotenv(write(&folder, ".env", dotenv));
    let settings = CloudSettings::resolve(&sources).unwrap();
    assert_eq!((key(&settings), settings.endpoint.as_str()), ("file-key", "https://f.example"));
    let settings = CloudSettings::resolve(&sources.clone().environment([KEY, SECRET])).unwrap();
    assert_eq!((key(&settings), settings.endpoint.as_str()), ("env-key", DEFAULT_ENDPOINT), "no endpoint of the file");
    assert!(!format!("{settings:?} {sources:?}").contains("hunter2"));
}

#[test]
fn a_session_beats_a_key_and_the_rest_of_the_file_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let text = PROFILE.replace("auth-token: ''", "auth-token: t0ken").replace("format: table", "format: [odd]");
    let settings = CloudSettings::resolve(&CloudSources::new().profile(write(&folder, "c", &text))).unwrap();
    assert_eq!(key(&settings), "t0ken");
}

#[test]
fn half_of_the_credentials_is_an_error_that_names_both() {
    for (there, missing) in [(KEY, SECRET), (SECRET, KEY)] {
        let error = CloudSettings::resolve(&CloudSources::new().environment([there])).unwrap_err();
        assert!(error.to_string().contains(there.0) && error.to_string().contains(missing.0), "{error}");
        assert_eq!(crate::ExitCode::from(&error).code(), 2);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn an_endpoint_never_gets_the_key_of_another_place() {
    let folder = tempfile::tempdir().unwrap();
    let sources = CloudSources::new().profile(write(&folder, "croud.yaml", PROFILE));
    let evil = "CRATEDB_CLOUD_ENDPOINT=https://evil.example\n";
    let file = CloudSettings::resolve(&sources.clone().dotenv(write(&folder, ".env", evil))).unwrap_err();
    assert!(file.to_string().contains("CRATEDB_CLOUD_API_KEY"), "{file}");
    let environment = sources.environment([("CRATEDB_CLOUD_ENDPOINT", "http://127.0.0.1:1")]);
    assert!(CloudSettings::resolve(&environment).is_err(), "it would have changed something else than was meant");
}

#[test]
fn what_is_no_secret_may_come_from_any_place_before() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv = write(&folder, ".env", "CRATEDB_CLOUD_PRODUCT=cr2\nCRATEDB_CLOUD_TIER=gold\n");
    let sources = CloudSources::new()
        .environment([("CRATEDB_CLOUD_PRODUCT", "cr1"), ("CRATEDB_CLOUD_SUBSCRIPTION_ID", "free_tier")])
        .dotenv(dotenv)
        .profile(write(&folder, "croud.yaml", PROFILE));
    let settings = CloudSettings::resolve(&sources).unwrap();
    assert_eq!(settings.deploy.product.as_deref(), Some("cr1"));
    assert_eq!(settings.deploy.tier.as_deref(), Some("gold"));
    assert_eq!(settings.subscription.as_deref(), Some("free_tier"));
}

#[test]
fn without_credentials_the_client_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "profiles: {}", "current-profile: x\nprofiles: {x: null}", "current-profile: y\nprofiles: {x: {}}"]
    {
        let sources =
            CloudSources::new().dotenv(folder.path().join("none")).profile(write(&folder, "croud.yaml", text));
        let error = CloudSettings::resolve(&sources).unwrap().client().unwrap_err();
        assert_eq!(crate::ExitCode::from(&error).code(), 1, "{text}");
        assert!(error.hint().unwrap().contains("https://console.cratedb.cloud"));
    }
}

#[test]
fn a_broken_file_is_named_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "croud.yaml", "profiles:\n  x: {key: [hunter2, }\n");
    let error = CloudSettings::resolve(&CloudSources::new().profile(&path)).unwrap_err();
    assert!(error.to_string().contains("croud.yaml"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
