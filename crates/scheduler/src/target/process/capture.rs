//! What a process writes, as much of it as is kept: the beginning and the end.

use std::collections::VecDeque;

use super::Stream;

/// How much of the beginning is kept, and how much of the end: together, and with what is said between them, no more than
/// a run's record takes.
const HEAD: usize = 16 << 10;
const TAIL: usize = 47 << 10;

/// The longest last line that is looked at as a result.
const LINE: usize = 16 << 10;

/// The longest line of an error that is quoted.
const QUOTED: usize = 200;

/// Output in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How much there was.
    total: u64,
    /// The last bytes of each stream.
    out: Last,
    err: Last,
}

impl Capture {
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        match stream {
            Stream::Out => self.out.push(bytes),
            Stream::Err => self.err.push(bytes),
        }
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(first);
        keep_last(&mut self.tail, rest, TAIL);
    }

    /// How many bytes there were.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// As text. What is no UTF-8 is replaced; how much was left out is said.
    pub(super) fn text(&self) -> String {
        let left_out = self.total - (self.head.len() + self.tail.len()) as u64;
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if left_out == 0 {
            return String::from_utf8_lossy(&[self.head.as_slice(), &tail].concat()).into_owned();
        }
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&tail));
        format!("{head}\n[... {left_out} bytes left out ...]\n{tail}")
    }

    /// The last line of the standard output, where it is JSON.
    pub(super) fn result(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.out.line()?).ok()
    }

    /// The last line of the standard error, in short.
    pub(super) fn complaint(&self) -> Option<String> {
        let line: String = self.err.line()?.chars().filter(|c| !c.is_control()).take(QUOTED).collect();
        Some(line).filter(|line| !line.is_empty())
    }
}

/// The end of one stream.
#[derive(Debug, Default)]
struct Last {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Last {
    fn push(&mut self, bytes: &[u8]) {
        self.cut |= keep_last(&mut self.bytes, bytes, LINE);
    }

    /// The last line that is not blank, where it is whole.
    fn line(&self) -> Option<String> {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = bytes.trim_ascii_end();
        let line = match text.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => &text[end + 1..],
            None if self.cut => return None,
            None => text,
        };
        Some(String::from_utf8_lossy(line).into_owned()).filter(|line| !line.trim().is_empty())
    }
}

/// Appends bytes and keeps the last `most`; says whether some were let go.
fn keep_last(kept: &mut VecDeque<u8>, bytes: &[u8], most: usize) -> bool {
    let bytes_kept = &bytes[bytes.len().saturating_sub(most)..];
    let over = (kept.len() + bytes_kept.len()).saturating_sub(most);
    kept.drain(..over);
    kept.extend(bytes_kept);
    over > 0 || bytes_kept.len() < bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::run::MOST_OUTPUT;

    #[test]
    fn little_is_kept_as_it_is() {
        let mut capture = Capture::default();
        capture.push(Stream::Out, b"a\n");
        capture.push(Stream::Err, b"b \xff\n");
        capture.push(Stream::Out, b"{\"n\": 1}\n\n");
        assert_eq!(capture.text(), "a\nb \u{fffd}\n{\"n\": 1}\n\n");
        assert_eq!(capture.result(), Some(serde_json::json!({ "n": 1 })));
        assert_eq!(capture.complaint().as_deref(), Some("b \u{fffd}"));
        assert_eq!(Capture::default().result(), None);
    }

    #[test]
    fn of_much_the_beginning_and_the_end_are_kept() {
        let mut capture = Capture::default();
        for number in 0..100_000 {
            capture.push(Stream::Out, format!("line {number}\n").as_bytes());
        }
        let text = capture.text();
        assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("line 99998\nline 99999\n"));
        assert!(text.len() <= MOST_OUTPUT, "{}", text.len());
        let said: u64 = text.split("[... ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert_eq!(said + (HEAD + TAIL) as u64, capture.total());
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(sizes in proptest::collection::vec(0_usize..40_000, 0..12)) {
            let all: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
            let (mut one, mut many, mut at) = (Capture::default(), Capture::default(), 0);
            one.push(Stream::Out, &all);
            for size in sizes {
                many.push(Stream::Out, &all[at..at + size]);
                at += size;
            }
            prop_assert_eq!(one.text(), many.text());
        }
    }
}
