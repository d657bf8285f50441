//! What a pickle holds, as data.

mod machine;

use clusterkeep_core::{Error, Result};

/// The largest pickle that is read, in bytes: a trigger has some hundreds.
const MOST_BYTES: usize = 1 << 20;

/// The number of a value.
pub(super) type Id = usize;

/// A value, whose parts are numbers of others: they may be shared, and refer to each other in circles.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function by its name, `module:name`.
    Class(String),
    /// What a class would have made of its arguments, and what would have been given to it then.
    Object {
        class: String,
        args: Vec<Id>,
        state: Option<Id>,
    },
}

/// What a pickle holds.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    root: Id,
}

impl Pickle {
    /// Reads one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MOST_BYTES {
            return Err(Error::input(format!(
                "the pickle has {} bytes, which is more than a trigger needs",
                bytes.len()
            )));
        }
        let (nodes, root) = machine::run(bytes)?;
        Ok(Self { nodes, root })
    }

    pub(super) const fn root(&self) -> Id {
        self.root
    }

    pub(super) fn get(&self, id: Id) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::None)
    }

    /// The value of a text key of a dictionary.
    pub(super) fn field(&self, id: Id, key: &str) -> Option<Id> {
        let Node::Dict(entries) = self.get(id) else { return None };
        entries
            .iter()
            .find(|(name, _)| matches!(self.get(*name), Node::Text(text) if text == key))
            .map(|(_, value)| *value)
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        if let Node::Text(text) = self.get(id) { Some(text) } else { None }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        if let Node::Int(number) = self.get(id) { Some(*number) } else { None }
    }

    /// The parts of a list or tuple.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The value as JSON, where it is made of plain values alone.
    pub(super) fn json(&self, id: Id) -> Option<serde_json::Value> {
        self.json_within(id, 32, &mut 10_000)
    }

    fn json_within(&self, id: Id, depth: u32, budget: &mut u32) -> Option<serde_json::Value> {
        // Shared values are written out each time: what a few bytes could make of that has an end.
        let depth = depth.checked_sub(1)?;
        *budget = budget.checked_sub(1)?;
        Some(match self.get(id) {
            Node::None => serde_json::Value::Null,
            Node::Bool(value) => (*value).into(),
            Node::Int(number) => (*number).into(),
            Node::Float(number) => serde_json::Number::from_f64(*number)?.into(),
            Node::Text(text) => text.as_str().into(),
            Node::List(items) | Node::Tuple(items) => {
                items.iter().map(|item| self.json_within(*item, depth, budget)).collect::<Option<Vec<_>>>()?.into()
            }
            Node::Dict(entries) => {
                let mut map = serde_json::Map::new();
                for (key, value) in entries {
                    map.insert(self.text(*key)?.to_owned(), self.json_within(*value, depth, budget)?);
                }
                map.into()
            }
            Node::Bytes(_) | Node::Class(_) | Node::Object { .. } => return None,
        })
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn why(bytes: &[u8]) -> String {
        Pickle::read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_would_run_something_is_refused_and_named() {
        // `os.system("id")`, by both ways to name it, and others that are used for it.
        assert!(why(b"cos\nsystem\n(X\x02\x00\x00\x00idtR.").contains("`os:system`"));
        assert!(why(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.").contains("`posix:system`"));
        assert!(why(b"cbuiltins\neval\n.").contains("`builtins:eval`"));
        assert!(why(b"cbuiltins\ngetattr\n(cdatetime\ndatetime\nX\x03\x00\x00\x00nowtR.").contains("attribute"));
        assert!(why(b"(S'id'\nios\nsystem\n.").contains("0x53"));
        for operation in [b'i', b'o', b'P', b'Q', 0x82, 0x83, 0x84, 0x92, 0x97, 0x98] {
            assert!(why(&[0x80, 4, operation, 1, 1, 1, 1, b'.']).contains("is not read"), "{operation:#x}");
        }
    }

    #[test]
    fn what_is_broken_is_an_error() {
        for bytes in [
            &b""[..],
            b".",
            b"N",
            b"NN.",
            b"N.N",
            b"\x80\x09N.",
            b"K",
            b"\x8c\x05ab.",
            b"a.",
            b"Na.",
            b"u.",
            b"(a.",
            b"(Nb.",
            b"h\x05.",
            b"N\x85\x93.",
            b"\x8a\x09123456789.",
            b"\x95\x01.",
            b"NR.",
            b"N)R.",
            b"(N.",
            b"X\xff\xff\xff\xffa.",
            b"j\xff\xff\xff\xff.",
            b"Nr\xff\xff\xff\xff.",
        ] {
            assert!(Pickle::read(bytes).is_err(), "{bytes:?}");
        }
        // What ends anywhere is broken there.
        let whole = b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94K\x01\x8c\x01b](\x88M\x10\x27eu.";
        let pickle = Pickle::read(whole).unwrap();
        assert_eq!(pickle.json(pickle.root()).unwrap(), serde_json::json!({"a": 1, "b": [true, 10_000]}));
        for end in 0..whole.len() {
            assert!(Pickle::read(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_refers_to_itself_or_to_much_has_an_end() {
        // A list within itself.
        let pickle = Pickle::read(b"]\x94h\x00a.").unwrap();
        assert_eq!(pickle.json(pickle.root()), None);
        // Lists of two times the list before: 2^40 values.
        let mut bytes = b"]\x94".to_vec();
        for i in 0..40 {
            bytes.extend([b']', 0x94, b'(', b'h', i, b'h', i, b'e']);
        }
        // Everything but the last is taken from the stack by a tuple that nobody keeps.
        bytes.splice(0..0, *b"(");
        bytes.extend(*b"t.");
        let pickle = Pickle::read(&bytes).unwrap();
        assert_eq!(pickle.json(pickle.root()), None);
    }
}
