//! Database servers of this machine as private processes.
