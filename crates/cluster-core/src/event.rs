//! What happens while it happens: events for progress lines and logs.
