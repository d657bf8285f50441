//! Reads pickles as data, without ever making or calling anything.
//!
//! A pickle is a program for a small machine with a stack (`pickletools` of Python describes it). This one knows the
//! operations that build values, keeps classes by their names, and what a class would have been called with as an inert
//! record beside them. It stops at the first operation or class that it does not know, so that what it has read is all
//! that there was.

use clusterkeep_core::{Error, Result};

/// The largest pickle that is read, in bytes: a trigger has some hundreds.
const MOST_BYTES: usize = 1 << 20;
/// How many values one may hold.
const MOST_VALUES: usize = 100_000;

/// The classes that may be named; none of them is ever looked for.
const CLASSES: [&str; 27] = [
    "apscheduler.triggers.cron:CronTrigger",
    "apscheduler.triggers.interval:IntervalTrigger",
    "apscheduler.triggers.date:DateTrigger",
    "apscheduler.triggers.combining:OrTrigger",
    "apscheduler.triggers.combining:AndTrigger",
    "apscheduler.triggers.cron.fields:BaseField",
    "apscheduler.triggers.cron.fields:WeekField",
    "apscheduler.triggers.cron.fields:DayOfMonthField",
    "apscheduler.triggers.cron.fields:DayOfWeekField",
    "apscheduler.triggers.cron.fields:MonthField",
    "apscheduler.triggers.cron.expressions:AllExpression",
    "apscheduler.triggers.cron.expressions:RangeExpression",
    "apscheduler.triggers.cron.expressions:MonthRangeExpression",
    "apscheduler.triggers.cron.expressions:WeekdayRangeExpression",
    "apscheduler.triggers.cron.expressions:WeekdayPositionExpression",
    "apscheduler.triggers.cron.expressions:LastDayOfMonthExpression",
    "datetime:datetime",
    "datetime:timedelta",
    "datetime:timezone",
    "pytz:_p",
    "pytz:_UTC",
    "pytz:timezone",
    "zoneinfo:ZoneInfo",
    "zoneinfo:ZoneInfo._unpickle",
    "backports.zoneinfo:ZoneInfo",
    "builtins:getattr",
    "copyreg:_reconstructor",
];

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
        let mut machine =
            Machine { bytes, at: 0, nodes: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: Vec::new() };
        let root = machine.run()?;
        Ok(Self { nodes: machine.nodes, root })
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

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Where on the stack the marks are.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
}

fn broken(what: &str) -> Error {
    Error::input(format!("the pickle is broken: {what}"))
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id> {
        loop {
            match self.byte()? {
                b'.' => {
                    let root = self.pop()?;
                    return if self.at == self.bytes.len() && self.stack.is_empty() && self.marks.is_empty() {
                        Ok(root)
                    } else {
                        Err(broken("something follows its end"))
                    };
                }
                0x80 => {
                    let version = self.byte()?;
                    if version > 5 {
                        return Err(Error::input(format!("the pickle has version {version}, known are those up to 5")));
                    }
                }
                0x95 => {
                    self.number(8)?;
                }
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Node::None)?,
                0x88 => self.push(Node::Bool(true))?,
                0x89 => self.push(Node::Bool(false))?,
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                b'J' => {
                    let [a, b, c, d] = self.array::<4>()?;
                    self.push(Node::Int(i32::from_le_bytes([a, b, c, d]).into()))?;
                }
                0x8a => self.long()?,
                b'G' => {
                    let number = f64::from_be_bytes(self.array::<8>()?);
                    self.push(Node::Float(number))?;
                }
                0x8c => self.unicode(1)?,
                b'X' => self.unicode(4)?,
                b'C' => self.binary(1)?,
                b'B' => self.binary(4)?,
                b'}' => self.push(Node::Dict(Vec::new()))?,
                b']' => self.push(Node::List(Vec::new()))?,
                b')' => self.push(Node::Tuple(Vec::new()))?,
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Node::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(&[item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.append(&items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set(&items)?;
                }
                0x94 => {
                    let top = self.top()?;
                    self.memo.push(Some(top));
                }
                b'q' => {
                    let index = self.number(1)?;
                    self.keep(index)?;
                }
                b'r' => {
                    let index = self.number(4)?;
                    self.keep(index)?;
                }
                b'h' => {
                    let index = self.number(1)?;
                    self.recall(index)?;
                }
                b'j' => {
                    let index = self.number(4)?;
                    self.recall(index)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.class(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    match (self.nodes.get(module), self.nodes.get(name)) {
                        (Some(Node::Text(module)), Some(Node::Text(name))) => {
                            let (module, name) = (module.clone(), name.clone());
                            self.class(&module, &name)?;
                        }
                        _ => return Err(broken("a class without a name")),
                    }
                }
                0x81 | b'R' => self.object()?,
                b'b' => {
                    let (given, object) = (self.pop()?, self.top()?);
                    match self.nodes.get_mut(object) {
                        Some(Node::Object { state, .. }) if state.is_none() => *state = Some(given),
                        _ => return Err(broken("a state for what takes none")),
                    }
                }
                other => {
                    return Err(Error::input(format!("the pickle has the operation {other:#04x}, which is not read"))
                        .with_hint("only what builds plain values and triggers is"));
                }
            }
        }
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.at).copied().ok_or_else(|| broken("it ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(count).ok_or_else(|| broken("it ends too early"))?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| broken("it ends too early"))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| broken("it ends too early"))
    }

    /// An unsigned number, the lowest byte first.
    fn number(&mut self, bytes: usize) -> Result<usize> {
        let number = self.take(bytes)?.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number).map_err(|_| broken("a number is too large"))
    }

    fn integer(&mut self, bytes: usize) -> Result<()> {
        let number = self.number(bytes)?;
        self.push(Node::Int(i64::try_from(number).map_err(|_| broken("a number is too large"))?))
    }

    /// A number in as few bytes as it needs, up to 8.
    fn long(&mut self) -> Result<()> {
        let count = self.number(1)?;
        let bytes = self.take(count)?;
        if bytes.len() > 8 {
            return Err(broken("a number is too large"));
        }
        let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [fill; 8];
        whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.push(Node::Int(i64::from_le_bytes(whole)))
    }

    fn unicode(&mut self, bytes: usize) -> Result<()> {
        let count = self.number(bytes)?;
        let text = std::str::from_utf8(self.take(count)?).map_err(|_| broken("text that is no UTF-8"))?.to_owned();
        self.push(Node::Text(text))
    }

    fn binary(&mut self, bytes: usize) -> Result<()> {
        let count = self.number(bytes)?;
        let taken = self.take(count)?.to_vec();
        self.push(Node::Bytes(taken))
    }

    fn line(&mut self) -> Result<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| broken("it ends too early"))?;
        let line = std::str::from_utf8(self.take(end)?).map_err(|_| broken("text that is no UTF-8"))?.to_owned();
        self.at += 1;
        Ok(line)
    }

    fn push(&mut self, node: Node) -> Result<()> {
        if self.nodes.len() >= MOST_VALUES || self.stack.len() >= MOST_VALUES {
            return Err(Error::input("the pickle holds more values than a trigger needs"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            return Err(broken("it takes what is not there"));
        }
        self.stack.pop().ok_or_else(|| broken("it takes what is not there"))
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().ok_or_else(|| broken("it takes what is not there"))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| broken("there is no mark"))?;
        if mark > self.stack.len() {
            return Err(broken("it takes what is not there"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        self.push(Node::Tuple(items))
    }

    fn append(&mut self, items: &[Id]) -> Result<()> {
        let list = self.top()?;
        match self.nodes.get_mut(list) {
            Some(Node::List(list)) if list.len() + items.len() <= MOST_VALUES => {
                list.extend_from_slice(items);
                Ok(())
            }
            _ => Err(broken("it adds to what is no list")),
        }
    }

    fn set(&mut self, items: &[Id]) -> Result<()> {
        let dict = self.top()?;
        let pairs: Vec<_> = items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        match self.nodes.get_mut(dict) {
            Some(Node::Dict(entries))
                if items.len().is_multiple_of(2) && entries.len() + pairs.len() <= MOST_VALUES =>
            {
                entries.extend(pairs);
                Ok(())
            }
            _ => Err(broken("it adds to what is no dictionary")),
        }
    }

    fn keep(&mut self, index: usize) -> Result<()> {
        if index >= MOST_VALUES {
            return Err(broken("it remembers more than a trigger needs"));
        }
        let top = self.top()?;
        if self.memo.len() <= index {
            self.memo.resize(index + 1, None);
        }
        if let Some(slot) = self.memo.get_mut(index) {
            *slot = Some(top);
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<()> {
        let known = self.memo.get(index).copied().flatten().ok_or_else(|| broken("it recalls what it never knew"))?;
        if self.stack.len() >= MOST_VALUES {
            return Err(Error::input("the pickle holds more values than a trigger needs"));
        }
        self.stack.push(known);
        Ok(())
    }

    fn class(&mut self, module: &str, name: &str) -> Result<()> {
        let module = if module == "__builtin__" { "builtins" } else { module };
        let class = format!("{module}:{name}");
        if !CLASSES.contains(&class.as_str()) {
            return Err(Error::input(format!("the pickle names `{class}`, which is no part of a trigger"))
                .with_hint("the job's arguments may hold an object; nothing of it was loaded"));
        }
        self.push(Node::Class(class))
    }

    /// What Python would call here is written down as what would have been called.
    fn object(&mut self) -> Result<()> {
        let (args, callable) = (self.pop()?, self.pop()?);
        let Some(Node::Tuple(args)) = self.nodes.get(args).cloned() else {
            return Err(broken("arguments that are no tuple"));
        };
        let class = match self.nodes.get(callable) {
            Some(Node::Class(class)) => class.clone(),
            _ => return Err(broken("it calls what is no class")),
        };
        if class == "builtins:getattr" {
            // The one attribute that is ever asked for.
            let asks = match args.as_slice() {
                [of, name] => match (self.nodes.get(*of), self.nodes.get(*name)) {
                    (Some(Node::Class(of)), Some(Node::Text(name))) => format!("{of}.{name}"),
                    _ => String::new(),
                },
                _ => String::new(),
            };
            if asks != "zoneinfo:ZoneInfo._unpickle" {
                return Err(Error::input("the pickle asks for an attribute, which is not read"));
            }
            return self.push(Node::Class(asks));
        }
        self.push(Node::Object { class, args, state: None })
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
