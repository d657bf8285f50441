//! A caller that takes no answer for granted.

use clusterkeep_testkit::cloud::LocalCloud;
use serde_json::Value;

/// Calls one Cloud with its first key.
pub(crate) struct Caller {
    http: reqwest::Client,
    endpoint: String,
    key: String,
    secret: String,
}

impl Caller {
    pub(crate) fn of(cloud: &LocalCloud) -> Self {
        Self::with(cloud, cloud.key(), cloud.secret())
    }

    pub(crate) fn with(cloud: &LocalCloud, key: &str, secret: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { http, endpoint: cloud.endpoint().to_owned(), key: key.to_owned(), secret: secret.to_owned() }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v2{path}", self.endpoint);
        self.http.request(method.parse().unwrap(), url).basic_auth(&self.key, Some(&self.secret))
    }

    /// Without any credentials.
    pub(crate) fn anonymous(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}/api/v2{path}", self.endpoint))
    }

    /// Status and body, null where it is not JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// The body of an answer of success.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}
