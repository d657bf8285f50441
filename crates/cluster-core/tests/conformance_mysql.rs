//! The conformance suite on MariaDB.

clusterkeep_testkit::conformance!(Mysql: common transactional server);
