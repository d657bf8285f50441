//! Reads pickles as data, without ever making or calling anything.
//!
//! A pickle is a program for a small machine with a stack (`pickletools` of Python describes it). This one knows the
//! operations that build values, keeps classes by their names, and what a class would have been called with as an inert
//! record beside them. It stops at the first operation or class that it does not know, so that what it has read is all
//! that there was.

use clusterkeep_core::{Error, Result};

use super::{Id, Node};

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

/// Takes all operations of a pickle: the values that there are then, and which of them it is of.
pub(super) fn run(bytes: &[u8]) -> Result<(Vec<Node>, Id)> {
    let mut machine =
        Machine { bytes, at: 0, nodes: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: Vec::new() };
    let root = machine.run()?;
    Ok((machine.nodes, root))
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
