//! Faults: what the network, the gateways and the vendor's servers do to a caller.

use std::time::Duration;

use serde_json::json;

use super::answer::Answer;
use super::world::cluster::CONFLICT;

/// A fault, and when it happens: at the next request that it is for, or at as many as it is told.
///
/// ```
/// use std::time::Duration;
/// use clusterkeep_testkit::cloud::Fault;
///
/// // The next two requests fail, whatever they ask for.
/// let busy = Fault::on("*", "*").status(503).times(2);
/// // A cluster is suspended, and whoever asked for it never gets to know.
/// let lost = Fault::on("PUT", "/clusters/*/suspend/").lose_answer();
/// // The third question for operations takes half a minute.
/// let slow = Fault::on("GET", "*/operations/").after(2).slow(Duration::from_secs(30));
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    method: String,
    path: String,
    after: u64,
    times: u64,
    pub(super) delay: Duration,
    pub(super) act: Act,
}

/// What happens instead of, or to, the answer.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Nothing, but what the delay does.
    Nothing,
    /// The request is not looked at, and this is the answer.
    Say { status: u16, content_type: &'static str, headers: Vec<(&'static str, String)>, body: String },
    /// To log in, where the user of a browser would be sent.
    Redirect,
    /// The connection breaks before the request is looked at.
    Drop,
    /// The request is not looked at, and nothing is ever answered.
    Hang,
    /// The request is done, and the connection breaks before the answer.
    LoseAnswer,
    /// The request is done, and nothing is ever answered.
    HangAfter,
    /// The request is done, and the connection breaks in the middle of the answer.
    Truncate,
    /// The request is done, and the answer's list of operations is empty.
    NoOperations,
    /// The request is done, and its session is replaced by another one, which comes as a cookie.
    RotateSession,
    /// The request is done, and no instant in the answer says its offset.
    NoOffsets,
}

impl Fault {
    /// A fault of requests with this method (`*`: any) and path, in which `*` stands for any text and the leading
    /// `/api/v2` can be left out. Without a word on what happens it is an "internal server error".
    #[must_use]
    pub fn on(method: &str, path: &str) -> Self {
        let fault = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            after: 0,
            times: 1,
            delay: Duration::ZERO,
            act: Act::Nothing,
        };
        fault.status(500)
    }

    /// How often it happens; once, if nothing is said.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// It happens every time.
    #[must_use]
    pub const fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// It spares the first `count` requests that it is for.
    #[must_use]
    pub const fn after(mut self, count: u64) -> Self {
        self.after = count;
        self
    }

    /// An error in the API's own form, with the words that it has for this status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        let message = match status {
            400 => "Bad request",
            401 => "Authentication required.",
            403 => "Permission denied for user.",
            404 => "Resource not found.",
            429 => "Too many requests.",
            _ => "An error occured.",
        };
        self.json(status, &json!({"success": false, "message": message}).to_string())
    }

    /// "Another cluster operation is currently in progress", with this status.
    #[must_use]
    pub fn conflict(self, status: u16) -> Self {
        self.json(status, &json!({"success": false, "message": CONFLICT}).to_string())
    }

    /// This body, said to be JSON.
    #[must_use]
    pub fn json(self, status: u16, body: &str) -> Self {
        self.act(Act::Say { status, content_type: "application/json", headers: Vec::new(), body: body.to_owned() })
    }

    /// A page of a gateway, with a status of success.
    #[must_use]
    pub fn html(self) -> Self {
        self.html_with(200)
    }

    /// A page of a gateway, with this status.
    #[must_use]
    pub fn html_with(self, status: u16) -> Self {
        let body = "<!DOCTYPE html>\n<html><head><title>CrateDB Cloud</title></head><body>One moment, \
                    please.</body></html>\n"
            .to_owned();
        self.act(Act::Say { status, content_type: "text/html; charset=utf-8", headers: Vec::new(), body })
    }

    /// A gateway's 401: plain text.
    #[must_use]
    pub fn plain_401(self) -> Self {
        let body = "401 - Unauthorized".to_owned();
        self.act(Act::Say { status: 401, content_type: "text/plain; charset=utf-8", headers: Vec::new(), body })
    }

    /// "Busy, come again after that many seconds".
    #[must_use]
    pub fn retry_after(self, status: u16, seconds: u32) -> Self {
        let body = json!({"success": false, "message": "Too many requests."}).to_string();
        let headers = vec![("retry-after", seconds.to_string())];
        self.act(Act::Say { status, content_type: "application/json", headers, body })
    }

    /// What an expired session gets: 302 to `/?rd=<path>`.
    #[must_use]
    pub fn redirect(self) -> Self {
        self.act(Act::Redirect)
    }

    /// The right answer, that much later, or the fault that is said after this one.
    #[must_use]
    pub fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self.act(Act::Nothing)
    }

    /// The connection breaks before the request is looked at.
    #[must_use]
    pub fn drop_connection(self) -> Self {
        self.act(Act::Drop)
    }

    /// The request is taken and neither looked at nor answered.
    #[must_use]
    pub fn hang(self) -> Self {
        self.act(Act::Hang)
    }

    /// The request is done, and the connection breaks before the answer.
    #[must_use]
    pub fn lose_answer(self) -> Self {
        self.act(Act::LoseAnswer)
    }

    /// The request is done, and never answered.
    #[must_use]
    pub fn hang_after(self) -> Self {
        self.act(Act::HangAfter)
    }

    /// The request is done, and the connection breaks in the middle of the answer.
    #[must_use]
    pub fn truncate(self) -> Self {
        self.act(Act::Truncate)
    }

    /// The list of operations comes empty.
    #[must_use]
    pub fn no_operations(self) -> Self {
        self.act(Act::NoOperations)
    }

    /// All instants come without an offset.
    #[must_use]
    pub fn no_offsets(self) -> Self {
        self.act(Act::NoOffsets)
    }

    /// All sessions end, and the answer brings a cookie with a new one, as the real service does at times.
    #[must_use]
    pub fn rotate_session(self) -> Self {
        self.act(Act::RotateSession)
    }

    fn act(mut self, act: Act) -> Self {
        self.act = act;
        self
    }

    fn is_for(&self, method: &str, path: &str) -> bool {
        let bare = path.strip_prefix("/api/v2").unwrap_or(path);
        (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && (fits(&self.path, path) || fits(&self.path, bare))
    }
}

/// Whether `text` is what `pattern` says, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|text| (0..=text.len()).any(|at| text.get(at..).is_some_and(|tail| fits(rest, tail)))),
    }
}

/// The faults to come, first come first served.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that this request meets.
    pub(super) fn meet(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut met = None;
        for fault in self.0.iter_mut().filter(|fault| fault.is_for(method, path)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if met.is_none() && fault.times > 0 {
                fault.times -= 1;
                met = Some(fault.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        met
    }
}

impl Act {
    /// What is said without looking at the request, if this is that kind of fault.
    pub(super) fn said(&self, path: &str) -> Option<Answer> {
        match self {
            Self::Say { status, content_type, headers, body } => Some(Answer {
                status: *status,
                content_type,
                headers: headers.clone(),
                body: body.clone().into_bytes(),
            }),
            Self::Redirect => Some(login(path)),
            _ => None,
        }
    }
}

/// To log in, and then back to `path`.
pub(super) fn login(path: &str) -> Answer {
    Answer::bytes(302, "text/html; charset=utf-8", Vec::new()).header("location", format!("/?rd={path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits("*", "/api/v2/clusters/"));
        assert!(fits("/clusters/*/suspend/", "/clusters/1/suspend/"));
        assert!(!fits("/clusters/*/suspend/", "/clusters/1/"));
        assert!(!fits("/clusters/", "/clusters/1/"));
    }

    #[test]
    fn faults_count_down() {
        let mut faults = Faults::default();
        faults.add(Fault::on("GET", "/meta/").after(1).times(2));
        let met: Vec<bool> = (0..4).map(|_| faults.meet("GET", "/api/v2/meta/").is_some()).collect();
        assert_eq!(met, [false, true, true, false]);
        assert!(faults.0.is_empty());
    }
}
