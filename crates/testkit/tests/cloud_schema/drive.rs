//! Calls, and checks what comes back against the document.

use clusterkeep_testkit::cloud::LocalCloud;
use serde_json::Value;

use crate::caller::Caller;
use crate::document::Document;

/// Calls one Cloud, and remembers what it called.
pub(crate) struct Drive {
    caller: Caller,
    document: Document,
    /// Method, path as in the document, and status of each call.
    pub(crate) driven: Vec<(String, String, u16)>,
    wrong: Vec<String>,
}

impl Drive {
    pub(crate) fn new(cloud: &LocalCloud) -> Self {
        Self { caller: Caller::of(cloud), document: Document::read(), driven: Vec::new(), wrong: Vec::new() }
    }

    /// Fails with everything that was wrong.
    pub(crate) fn finish(&self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }

    /// An answer of success.
    pub(crate) async fn ok(&mut self, method: &str, path: &str, body: Value) -> Value {
        self.call(method, path, body, false, None).await
    }

    /// The same as a superuser.
    pub(crate) async fn sudo(&mut self, method: &str, path: &str, body: Value) -> Value {
        self.call(method, path, body, true, None).await
    }

    /// A refusal with this status.
    pub(crate) async fn refused(&mut self, method: &str, path: &str, body: Value, status: u16) {
        self.call(method, path, body, false, Some(status)).await;
    }

    async fn call(&mut self, method: &str, path: &str, body: Value, sudo: bool, refused: Option<u16>) -> Value {
        let mut request = self.caller.request(method, path);
        if sudo {
            request = request.header("x-auth-sudo", "1");
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        let answer = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        match refused {
            Some(wanted) => assert_eq!(status, wanted, "{method} {path}: {answer}"),
            None => assert!(status < 300, "{method} {path}: {status} {answer}"),
        }
        let pattern = pattern(method, &format!("/api/v2{}", path.split('?').next().unwrap()));
        self.check(method, &pattern, status, &answer);
        self.driven.push((method.to_owned(), pattern, status));
        answer
    }

    fn check(&mut self, method: &str, pattern: &str, status: u16, answer: &Value) {
        if !self.document.has(method, pattern) {
            return;
        }
        let Some(schema) = self.document.schema(method, pattern, status) else {
            self.wrong.push(format!("{method} {pattern}: the document has no status {status}"));
            return;
        };
        if schema.is_null() {
            if !answer.is_null() {
                self.wrong.push(format!("{method} {pattern} {status}: a body where there should be none"));
            }
            return;
        }
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        for error in validator.iter_errors(answer) {
            self.wrong.push(format!("{method} {pattern} {status} {}: {error}", error.instance_path()));
        }
    }

    pub(crate) async fn upload(&mut self, url: &str, content: &'static str) {
        let answer = reqwest::Client::new().put(url).body(content).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        self.driven.push(("PUT".into(), "/uploads/{token}".into(), 200));
    }

    pub(crate) async fn download(&mut self, url: &str) -> String {
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.status(), 200);
        self.driven.push(("GET".into(), "/downloads/{token}".into(), 200));
        answer.text().await.unwrap()
    }
}

/// The endpoint that a path is of, as the document writes it; one without variables first.
fn pattern(method: &str, path: &str) -> String {
    let fits = |pattern: &str| {
        let (one, other): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
        one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| one.starts_with('{') || one == other)
    };
    let mut found: Vec<&str> = LocalCloud::endpoints()
        .filter(|(of, pattern)| *of == method && fits(pattern))
        .map(|(_, pattern)| pattern)
        .collect();
    found.sort_by_key(|pattern| pattern.matches('{').count());
    (*found.first().unwrap_or_else(|| panic!("no endpoint for {method} {path}"))).to_owned()
}
