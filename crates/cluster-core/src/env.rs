//! Every environment variable that Clusterkeep reads, in one place.
