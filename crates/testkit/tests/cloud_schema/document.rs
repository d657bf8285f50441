//! The vendor's document, read as JSON Schema.
//!
//! OpenAPI 3.0 differs from it: `nullable` is a type here, `writeOnly` fields are not in answers, and what is not
//! mentioned is not allowed, since a field that the document lacks is one that no client can count on.

use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../../data/cratedb-cloud-openapi.json");

/// The document.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn read() -> Self {
        Self(serde_json::from_str(DOCUMENT).unwrap())
    }

    pub(crate) fn has(&self, method: &str, path: &str) -> bool {
        self.0["paths"][path].get(method.to_ascii_lowercase()).is_some()
    }

    /// What the body of an answer with this status has to be; null where there is none. Nothing, where the document
    /// does not know the status.
    pub(crate) fn schema(&self, method: &str, path: &str, status: u16) -> Option<Value> {
        let answer = self.0["paths"][path][method.to_ascii_lowercase()].get(status.to_string())?;
        let answer = answer.get("$ref").map_or(answer, |place| self.follow(place));
        let mut schema = self.translate(answer);
        amend(path, &mut schema);
        Some(schema)
    }

    fn follow(&self, place: &Value) -> &Value {
        self.0.pointer(place.as_str().unwrap().strip_prefix('#').unwrap()).unwrap()
    }

    fn translate(&self, schema: &Value) -> Value {
        let Some(map) = schema.as_object() else { return schema.clone() };
        if let Some(place) = map.get("$ref") {
            return self.translate(self.follow(place));
        }
        let mut out = map.clone();
        // `allOf` of one is how the document adds words to a reference.
        if let Some(Value::Array(parts)) = out.remove("allOf") {
            let [part] = parts.as_slice() else { panic!("{parts:?}") };
            let mut inner = self.translate(part);
            inner.as_object_mut().unwrap().extend(out.clone());
            out = inner.as_object().unwrap().clone();
        }
        let mut hidden = Vec::new();
        if let Some(Value::Object(properties)) = map.get("properties") {
            hidden =
                properties.iter().filter(|(_, one)| one["writeOnly"] == true).map(|(name, _)| name.clone()).collect();
            let shown = properties.iter().filter(|(name, _)| !hidden.contains(name));
            out["properties"] = shown.map(|(name, one)| (name.clone(), self.translate(one))).collect();
            if !map.contains_key("additionalProperties") {
                out.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        if let Some(Value::Array(required)) = out.get_mut("required") {
            required.retain(|name| !hidden.iter().any(|hidden| name == hidden));
        }
        if let Some(items) = map.get("items") {
            out["items"] = self.translate(items);
        }
        if map.get("nullable") == Some(&json!(true)) {
            return json!({"anyOf": [Value::Object(out), {"type": "null"}]});
        }
        Value::Object(out)
    }
}

/// Where the document contradicts itself, or what is seen of the real service.
fn amend(path: &str, schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties") {
        cluster(properties);
        region(properties);
    }
    if let Some(properties) = schema.pointer_mut("/items/properties") {
        cluster(properties);
        region(properties);
    }
    // "List all the products that the specified cluster can be updated to", it says beside the schema of one.
    if path.ends_with("/available-products/")
        && schema["type"] == "object"
        && schema["properties"]["scaling"].is_object()
    {
        *schema = json!({"type": "array", "items": schema});
    }
    // Beside the error of a region that is not empty.
    if path == "/api/v2/regions/{region_name}/" && schema["properties"]["errors"].is_object() {
        schema["properties"]["related_resources"] = json!({"type": "array"});
    }
}

/// "Returns an empty string if there is no operation in progress", which its list of words lacks.
fn cluster(properties: &mut Value) {
    if let Some(words) = properties.pointer_mut("/health/properties/running_operation/enum") {
        words.as_array_mut().unwrap().push(json!(""));
    }
}

/// The real one says no offset, and nothing where a region was never seen.
fn region(properties: &mut Value) {
    if properties.get("is_edge_region").is_some() {
        properties["last_seen"] = json!({"type": "string"});
    }
}

#[test]
fn what_is_not_in_the_document_is_refused() {
    let document = Document::read();
    let schema = document.schema("GET", "/api/v2/meta/ip-address/", 200).unwrap();
    assert!(jsonschema::is_valid(&schema, &json!({"ip": "127.0.0.1"})));
    assert!(!jsonschema::is_valid(&schema, &json!({"ip": "127.0.0.1", "port": 1})));
    assert!(!jsonschema::is_valid(&schema, &json!({"ip": 1})));
    let schema = document.schema("GET", "/api/v2/clusters/{cluster_id}/", 200).unwrap();
    assert!(schema["properties"]["password"].is_null(), "what is written only is in no answer");
    assert!(!schema["required"].as_array().unwrap().contains(&json!("password")));
}
