//! What this and earlier processes on this machine have started, so that nothing is forgotten.
