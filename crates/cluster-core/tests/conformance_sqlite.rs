//! The conformance suite on SQLite, which has neither users nor a network.

clusterkeep_testkit::conformance!(Sqlite: common transactional);
