//! What the words behind `--` mean: `cmd:echo hello`, `python:task.py:main`, `sql:VACUUM`.

use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::Target;
use clusterkeep_scheduler::target::{Command, Container, Entry, Http, Node, Python, Rust, Sql};
use serde_json::Value;

/// What a first word may begin with, and a `:`.
const KNOWN: [&str; 7] = ["cmd", "python", "node", "rust", "sql", "http", "container"];

/// The target that they name. What is one word is a line for the shell; several words are a program and its arguments, as
/// the caller's own shell has split them.
pub(super) fn of(words: &[String]) -> Result<Target> {
    let (first, rest) = words.split_first().ok_or_else(|| {
        Error::input("there is nothing to run").with_hint("write it behind `--`, such as `-- cmd:echo hello`")
    })?;
    let (kind, text) = match first.split_once(':') {
        // `http:https://example.org` and `https://example.org` are the same.
        Some(("http", text)) if text.starts_with("http:") || text.starts_with("https:") => ("http", text),
        Some(("http" | "https", text)) if text.starts_with("//") => ("http", first.as_str()),
        Some((scheme @ ("http" | "https"), _)) => {
            return Err(Error::input(format!("what is behind `{scheme}:` is no URL"))
                .with_hint("write it whole: `http://127.0.0.1:8080/`; a command is meant by `cmd:` in front of it"));
        }
        Some((kind, text)) if KNOWN.contains(&kind) => (kind, text),
        Some((other, _)) if is_prefix(other) => return Err(unknown(other)),
        _ => ("cmd", first.as_str()),
    };
    let target = match kind {
        "python" => python(text, rest)?.into(),
        "node" => Node { args: rest.to_vec(), ..Node::of(text) }.into(),
        "rust" => Rust { args: rest.to_vec(), ..Rust::of(text) }.into(),
        "sql" => Sql::of([[&[text.to_owned()], rest].concat().join(" ")]).into(),
        "http" => http(text, rest)?.into(),
        "container" => {
            let command = (!rest.is_empty()).then(|| Entry::Exec(rest.to_vec()));
            Container { command, ..Container::of(text) }.into()
        }
        _ if rest.is_empty() => Command::shell(text).into(),
        _ => Command::exec([&[text.to_owned()], rest].concat()).into(),
    };
    Target::check(&target)?;
    Ok(target)
}

/// Whether this in front of a `:` was meant to say what is run. One letter is a drive.
fn is_prefix(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    text.len() > 1 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(word)
}

fn unknown(prefix: &str) -> Error {
    let known = KNOWN.map(|known| format!("`{known}:`")).join(", ");
    Error::input(format!("`{prefix}:` is no kind of target"))
        .with_hint(format!("known are {known}; a command is meant by `cmd:` in front of it"))
}

/// Of a function, words are JSON where they can be read as that, and `name=value` is an argument by name.
fn python(text: &str, rest: &[String]) -> Result<Python> {
    let mut python = Python::of(text);
    if python.parts().1.is_none() {
        python.args = rest.iter().map(|word| word.as_str().into()).collect();
        return Ok(python);
    }
    let value = |word: &str| serde_json::from_str(word).unwrap_or_else(|_| Value::from(word));
    for word in rest {
        let name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        match word.split_once('=') {
            Some((key, text)) if name(key) => {
                if python.kwargs.insert(key.to_owned(), value(text)).is_some() {
                    return Err(Error::input(format!("argument `{key}` is there twice")));
                }
            }
            _ => python.args.push(value(word)),
        }
    }
    Ok(python)
}

fn http(text: &str, rest: &[String]) -> Result<Http> {
    if rest.is_empty() {
        return Ok(Http::get(text));
    }
    Err(Error::input("a request on the command line is a URL and nothing else")
        .with_hint("write a timetable for one with a method, headers or a body"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        of(&words).map_or_else(|error| format!("error: {error}"), |target| serde_json::to_string(&target).unwrap())
    }

    #[test]
    fn words_are_read_as_the_handbook_says() {
        for (words, expected) in [
            (&["cmd:echo hello"][..], r#"{"command":"echo hello"}"#),
            (&["cmd:echo", "a  b", "$x"], r#"{"exec":["echo","a  b","$x"]}"#),
            (&["date"], r#"{"command":"date"}"#),
            (&["ls", "-l"], r#"{"exec":["ls","-l"]}"#),
            (&["python:task.py"], r#"{"python":"task.py"}"#),
            (&["python:task.py", "3", "x=1"], r#"{"python":"task.py","args":["3","x=1"]}"#),
            (
                &["python:mod.sub:main", "3", "b", "x=[1]", "y=z"],
                r#"{"python":"mod.sub:main","args":[3,"b"],"kwargs":{"x":[1],"y":"z"}}"#,
            ),
            (&["node:task.ts", "a"], r#"{"node":"task.ts","args":["a"]}"#),
            (&["rust:task.rs", "a"], r#"{"rust":"task.rs","args":["a"]}"#),
            (&["sql:SELECT", "1"], r#"{"sql":"SELECT 1"}"#),
            (&["sql:SELECT 1"], r#"{"sql":"SELECT 1"}"#),
            (&["http:https://example.org/x"], r#"{"http":"https://example.org/x"}"#),
            (&["http://example.org/x"], r#"{"http":"http://example.org/x"}"#),
            (&["container:alpine:3", "echo", "x"], r#"{"container":"alpine:3","command":["echo","x"]}"#),
            (&["cmd:"], "error: the command is empty"),
            (&["python:x=1"], "error: `x=1` is no Python file or entry point"),
            (&["/bin/a:b", "c"], r#"{"exec":["/bin/a:b","c"]}"#),
            (&["echo a:b"], r#"{"command":"echo a:b"}"#),
            (&["A=b:c env"], r#"{"command":"A=b:c env"}"#),
            (&[": x"], r#"{"command":": x"}"#),
            (&["cmd:foo:bar"], r#"{"command":"foo:bar"}"#),
            (&["foo:bar"], "error: `foo:` is no kind of target"),
            (&["CMD:echo", "x"], "error: `CMD:` is no kind of target"),
            (&["http:127.0.0.1:1/"], "error: what is behind `http:` is no URL"),
            (&["https:example.org"], "error: what is behind `https:` is no URL"),
            (&["http:https://example.org", "x"], "error: a request on the command line is a URL and nothing else"),
        ] {
            assert_eq!(read(words), expected, "{words:?}");
        }
    }
}
