//! YAML and JSON of other programs: documents as plain values, and the look into them.

use clusterkeep_core::error::Place;
use clusterkeep_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::Source;

/// Every document of a text, with the line that it begins in.
pub(super) fn documents<T: DeserializeOwned>(source: &Source) -> Result<Vec<(u64, T)>> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
    };
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let documents = serde_saphyr::from_multiple_with_options::<Spanned<T>>(text, options).map_err(|error| {
        let position = error.location().map(|at| (at.line(), at.column()));
        Error::input(format!("{}", error.without_snippet()))
            .at(Place { file: source.name.clone(), position })
            .with_hint("is it YAML or JSON?")
    })?;
    Ok(documents.into_iter().map(|document| (document.referenced.line(), document.value)).collect())
}

/// What stands at a path of keys.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// Text at a path of keys.
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path).and_then(Value::as_str)
}

/// Words of a list at a path of keys; numbers and truth values are written as they are.
pub(super) fn words(value: &Value, path: &[&str]) -> Option<Vec<String>> {
    let list = at(value, path)?.as_array()?;
    Some(list.iter().map(word).collect())
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The keys of an object at a path that are not among those that are known.
pub(super) fn others(value: &Value, path: &[&str], known: &[&str]) -> Vec<String> {
    let object = at(value, path).and_then(Value::as_object);
    let keys = object.into_iter().flat_map(serde_json::Map::keys);
    keys.filter(|key| !known.contains(&key.as_str())).cloned().collect()
}
