//! The examples beside this file; nothing to import.
