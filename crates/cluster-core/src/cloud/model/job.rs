//! Jobs that import and export data.

use serde_json::Value;
use uuid::Uuid;

use super::{CloudFile, DublinCore, JobStatus, model};

model! {
    /// A job that brings data into a cluster.
    ImportJob {
        needs {
            /// Its id.
            id: Uuid,
        }
        may {
            /// The cluster that the data goes to.
            cluster_id: Uuid,
            /// Where the data comes from: `url`, `s3`, `file`, `azureblob`.
            r#type: String,
            /// How the data is written: `csv`, `json`, `parquet`.
            format: String,
            /// How the data is compressed: `gzip` or `none`.
            compression: String,
            /// The table that the data goes to.
            destination: ImportDestination,
            /// How far it is, in a word.
            status: JobStatus,
            /// How far it is, in numbers.
            progress: Progress,
            /// Where the data comes from, for type `url`.
            url: Value,
            /// Where the data comes from, for type `s3`.
            s3: Value,
            /// Where the data comes from, for type `azureblob`.
            azureblob: Value,
            /// Where the data comes from, for type `file`.
            file: CloudFile,
            /// The shape of the data.
            schema: Value,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

model! {
    /// The table that data goes to.
    ImportDestination {
        needs {
            /// The table, as the API writes it; names are not always quoted.
            table: String,
        }
        may {
            /// Whether the table is created, and columns are added.
            create_table: bool,
        }
        lists {
            /// The columns of a table that is to be created.
            table_definition: Value,
        }
    }
}

model! {
    /// How far a job is, in numbers.
    Progress {
        may {
            /// Bytes that were read.
            bytes: u64,
            /// Records that were written.
            records: u64,
            /// Records that there are.
            total_records: u64,
            /// Records that were refused.
            failed_records: u64,
            /// How much is done, 0 to 100.
            percent: f64,
            /// What the keeper says of it.
            message: String,
            /// Files that were read.
            processed_files: u64,
            /// Files that there are.
            total_files: u64,
            /// Files that could not be read.
            failed_files: u64,
            /// More of what the keeper says.
            details: Value,
        }
        lists {
            /// How far each file is.
            files: FileProgress,
        }
    }
}

model! {
    /// How far a file of a job is.
    FileProgress {
        may {
            /// The file.
            name: String,
            /// How far it is, in a word.
            status: String,
            /// Records that were written.
            records: u64,
            /// Records that there are.
            total_records: u64,
            /// Records that were refused.
            failed_records: u64,
            /// Bytes that were read.
            bytes: u64,
            /// How much is done, 0 to 100.
            percent: f64,
            /// What the keeper says of it.
            message: String,
        }
    }
}

model! {
    /// How far an import is, file by file.
    ImportProgress {
        may {
            /// The job.
            job_id: Uuid,
            /// What the keeper says of it.
            message: String,
            /// The numbers.
            progress: Progress,
            /// More of what the keeper says.
            details: Value,
        }
    }
}

model! {
    /// A job that takes data out of a cluster, into a file.
    ExportJob {
        needs {
            /// Its id.
            id: Uuid,
        }
        may {
            /// The cluster that the data comes from.
            cluster_id: Uuid,
            /// The table that the data comes from.
            source: ExportSource,
            /// The file that the data goes to.
            destination: ExportDestination,
            /// How the file is compressed: `gzip` or `none`.
            compression: String,
            /// How far it is, in a word.
            status: JobStatus,
            /// How far it is, in numbers.
            progress: Progress,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

model! {
    /// The table that data comes from.
    ExportSource {
        needs {
            /// The table, as the API writes it.
            table: String,
        }
    }
}

model! {
    /// The file that data goes to.
    ExportDestination {
        may {
            /// How it is written: `csv`, `json`, `parquet`.
            format: String,
            /// The file, as soon as there is one.
            file: CloudFile,
        }
    }
}
