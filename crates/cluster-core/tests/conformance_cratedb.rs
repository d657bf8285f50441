//! The conformance suite on CrateDB, which has no transactions.

clusterkeep_testkit::conformance!(Cratedb: common server);
