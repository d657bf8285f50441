//! Rewrites `?` placeholders into an engine's own.
