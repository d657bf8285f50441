//! The benchmarks beside this file; nothing to import.
