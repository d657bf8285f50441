//! The conformance suite on PostgreSQL.

clusterkeep_testkit::conformance!(Postgres: common transactional server);
