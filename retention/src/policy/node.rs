//! The YAML of a policy file as a tree that knows where everything stands.
//!
//! Only the part of YAML that every reader takes alike: one document of mappings, sequences and
//! scalars, without anchors, tags or keys that stand twice. Scalars stay text, so that no date,
//! number or `NO` is ever guessed.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::complaint::{Code, Complaints, Place};

/// Deeper than the language goes, and shallow enough for the tree to be walked by recursion.
const MAX_DEPTH: usize = 16;

/// Most keys of a mapping: each is looked for among those before.
const MAX_KEYS: usize = 1_000;

/// A node and where it starts, both from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Value {
    /// A text, and whether it stands without quotes.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in file order.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) node: Node,
}

impl Node {
    /// Reads a file. None where there is no tree to look at.
    pub(super) fn parse(text: &str, complaints: &mut Complaints) -> Option<Self> {
        let mut tree = Tree { open: Vec::new(), root: None, documents: 0, complaints };
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => tree.take(event, span)?,
                Err(error) => {
                    let place = place(error.marker().line(), error.marker().col());
                    let message = format!("not YAML: {}", one_line(&error.info()));
                    tree.complaints.add(Code::NotYaml, &place, message, "plain YAML");
                    return None;
                }
            }
        }
        if tree.root.is_none() {
            let write = "`schema: strongroom.policy/v1` and what follows it";
            tree.complaints.add(Code::NotYaml, &place(1, 0), "the file is empty", write);
        }
        tree.root
    }
}

fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches('.')
}

/// The parser counts columns from 0.
fn place(line: usize, column: usize) -> Place {
    Place { line, column: column.saturating_add(1), path: "file".into() }
}

struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<Node>,
}

struct Tree<'c> {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    complaints: &'c mut Complaints,
}

impl Tree<'_> {
    /// None where reading on would make no sense.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let (line, column) = (span.start.line(), span.start.col());
        let node = |value| Node { line, column: column.saturating_add(1), value };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), &span);
                let plain = style == ScalarStyle::Plain;
                self.put(node(Value::Scalar { text: text.into_owned(), plain }))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), &span);
                self.enter(node(Value::List(Vec::new())))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), &span);
                self.enter(node(Value::Map(Vec::new())))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let done = self.open.pop()?.node;
                self.put(done)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse_properties(1, false, &span);
                self.put(node(Value::Scalar { text: "alias".into(), plain: false }))
            }
            Event::DocumentStart(..) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    let place = place(line, column);
                    let message = "a second document in the file";
                    self.complaints.add(Code::NotYaml, &place, message, "one file per policy");
                    return None;
                }
                Some(())
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Anchor(..) | _ => {
                Some(())
            }
        }
    }

    fn refuse_properties(&mut self, anchor: usize, tagged: bool, span: &Span) {
        if anchor != 0 || tagged {
            let place = place(span.start.line(), span.start.col());
            let message = "an anchor, alias or tag hides what is written";
            self.complaints.add(Code::Anchored, &place, message, "the value itself");
        }
    }

    fn enter(&mut self, node: Node) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            let place = place(node.line, node.column.saturating_sub(1));
            let message = format!("more than {MAX_DEPTH} levels");
            self.complaints.add(Code::NotYaml, &place, message, "a policy as in `POLICY.md`");
            return None;
        }
        self.open.push(Open { node, key: None });
        Some(())
    }

    fn put(&mut self, node: Node) -> Option<()> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => add_entry(entries, key, node, self.complaints)?,
            },
            // INVARIANT: only lists and maps are entered.
            Value::Scalar { .. } => return None,
        }
        Some(())
    }
}

fn add_entry(
    entries: &mut Vec<Entry>,
    key: Node,
    node: Node,
    complaints: &mut Complaints,
) -> Option<()> {
    let place = place(key.line, key.column.saturating_sub(1));
    let Value::Scalar { text, .. } = key.value else {
        complaints.add(Code::WrongValue, &place, "a key that is not a word", "a key of one word");
        return Some(());
    };
    if entries.len() >= MAX_KEYS {
        let message = format!("more than {MAX_KEYS} keys");
        complaints.add(Code::NotYaml, &place, message, "fewer");
        return None;
    }
    let place = Place { path: text.clone(), ..place };
    if text == "<<" {
        let message = "a merge key hides what is written";
        complaints.add(Code::Anchored, &place, message, "the keys themselves");
    } else if let Some(first) = entries.iter().find(|entry| entry.key == text) {
        let message = format!("`{text}` stands in line {} already", first.line);
        complaints.add(Code::KeyTwice, &place, message, "it once");
    } else {
        entries.push(Entry { key: text, line: key.line, column: key.column, node });
    }
    Some(())
}
