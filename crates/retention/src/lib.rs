//! Expire and downsample data.
