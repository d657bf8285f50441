//! Files, jobs, secrets and snapshots.

use std::sync::{Arc, Mutex};

use clusterkeep_core::cloud::{
    CloudErrorKind, Compression, DataFormat, ExportRequest, FileStatus, ImportRequest, ImportSource, JobStatus,
    Restore, SecretData, SnapshotRange,
};
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::secret::Secret;
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};

use super::support::{client, cloud_error, soon};

#[tokio::test]
async fn a_file_goes_up_is_imported_and_comes_down_again() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let (client, organization) = (client(&cloud), cloud.organization());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weather.csv");
    std::fs::write(&path, "temp\n1\n2\n3\n").unwrap();
    let file = client.create_file(organization, "weather.csv").await.unwrap();
    assert_eq!(file.status, Some(FileStatus::Pending));
    assert!(!format!("{file:?}").contains(file.upload_url.as_ref().unwrap().expose()));
    client.upload(&file, &path).await.unwrap();
    assert_eq!(client.file(organization, file.id).await.unwrap().status, Some(FileStatus::Uploaded));

    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let wait = soon().events(Events::to(move |event| ears.lock().unwrap().push(event)));
    let import = ImportRequest::new(ImportSource::File(file.id), DataFormat::Csv, "weather");
    let job = client.create_import_job(id, &import).await.unwrap();
    let job = client.wait_for_import(id, job.id, &wait).await.unwrap();
    assert_eq!((job.status.as_ref(), job.failed_records()), (Some(&JobStatus::Succeeded), 0));
    assert!(heard.lock().unwrap().iter().any(|event| matches!(event, Event::Progress { .. })));
    assert_eq!(client.import_job(id, job.id).await.unwrap(), job);
    assert_eq!(client.import_jobs(id).await.unwrap().len(), 1);
    client.import_progress(id, job.id).await.unwrap();

    let export = ExportRequest::new("weather", DataFormat::Json).compression(Compression::Gzip);
    let export = client.create_export_job(id, &export).await.unwrap();
    let export = client.wait_for_export(id, export.id, &wait).await.unwrap();
    let exported = export.destination.as_ref().unwrap().file.as_ref().unwrap().id;
    let exported = client.file(organization, exported).await.unwrap();
    let target = folder.path().join("out.json.gz");
    let bytes = client.download(&exported, &target).await.unwrap();
    assert_eq!(std::fs::metadata(&target).unwrap().len(), bytes);
    assert_eq!(client.export_jobs(id).await.unwrap().len(), 1);
    client.delete_export_job(id, export.id).await.unwrap();
    client.delete_import_job(id, job.id).await.unwrap();
    client.delete_file(organization, file.id).await.unwrap();
    assert!(client.import_jobs(id).await.unwrap().is_empty() && client.export_jobs(id).await.unwrap().is_empty());
}

/// The Python tool before this one can't import a local file any more once it has imported from a URL.
#[tokio::test]
async fn a_file_can_be_imported_after_a_url_and_a_url_after_a_file() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    let file = client.create_file(cloud.organization(), "a.csv").await.unwrap();
    client.upload(&file, &path).await.unwrap();
    // The local Cloud fetches no URL but those of its own files.
    let url = client.file(cloud.organization(), file.id).await.unwrap().download_url.unwrap().expose().to_owned();
    for source in [ImportSource::Url(url.clone()), ImportSource::File(file.id), ImportSource::Url(url)] {
        let import = ImportRequest::new(source, DataFormat::Csv, "doc.a");
        client.create_import_job(id, &import).await.unwrap();
    }
}

#[tokio::test]
async fn secrets_are_kept_and_not_shown() {
    let cloud = LocalCloud::start().await.unwrap();
    let (client, organization) = (client(&cloud), cloud.organization());
    let data = SecretData::Aws { access_key: "key".into(), secret_key: Secret::new("hunter2") };
    assert!(!format!("{data:?}").contains("hunter2"));
    let secret = client.create_secret(organization, "bucket", &data).await.unwrap();
    let listed = client.secrets(organization).await.unwrap();
    assert!(listed.iter().any(|one| one.id == secret.id) && !format!("{listed:?}").contains("hunter2"));
    client.delete_secret(organization, secret.id).await.unwrap();
    assert!(client.secrets(organization).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_snapshot_is_restored() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    let snapshots = client.snapshots(id, &SnapshotRange::default()).await.unwrap();
    let newest = snapshots.first().unwrap();
    assert!(snapshots.windows(2).all(|two| two[0].created >= two[1].created));
    let restore = Restore::new(newest.repository.as_ref().unwrap(), newest.snapshot.as_ref().unwrap());
    match client.restore(id, &restore, &soon()).await {
        Ok(cluster) => assert_eq!(cluster.id, id),
        // A cluster of its own snapshot may have the tables still.
        Err(error) => assert_eq!(cloud_error(error).kind, CloudErrorKind::OperationFailed),
    }
    let missing = Restore::new("system_backup_20000101000000", "20000101000000");
    assert!(client.restore(id, &missing, &soon()).await.is_err());
}
