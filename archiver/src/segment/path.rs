//! The paths of a record's leaves: RFC 9535 with double-quoted names, spelled as in the record.

use super::template::MAX_TEMPLATE_TEXT;
use super::token::{Class, Leaf, string_end};

/// One step of a path.
pub(super) enum Step<'a> {
    Name(&'a [u8]),
    Index(usize),
}

/// The path of every leaf; `None` if they are longer together than the text of a template may be.
pub(super) fn of_leaves(raw: &[u8], leaves: &[Leaf]) -> Option<Vec<String>> {
    let (mut out, mut total) = (Vec::with_capacity(leaves.len()), 0);
    let leaf = |stack: &[Step<'_>]| {
        // A long name above many leaves is in all their paths.
        total += stack.iter().map(Step::len).sum::<usize>();
        out.push(render(stack).filter(|_| total <= MAX_TEMPLATE_TEXT)?);
        Some(())
    };
    walk(raw, leaves, leaf, |_| Some(()))?;
    Some(out)
}

/// Calls `leaf` at every leaf and `name` at every member, each with the steps that lead there, until one says `None`.
///
/// `raw` was read by [`Tokens::read`](super::token::Tokens::read), so only what tells names from values is looked at again.
pub(super) fn walk<'a>(
    raw: &'a [u8],
    leaves: &[Leaf],
    mut leaf: impl FnMut(&[Step<'a>]) -> Option<()>,
    mut name: impl FnMut(&[Step<'a>]) -> Option<()>,
) -> Option<()> {
    let mut stack: Vec<Step<'a>> = Vec::new();
    let mut ahead = leaves.iter().peekable();
    let (mut at, mut name_next) = (0, false);
    while at < raw.len() {
        let here = |leaf: &&Leaf| at + usize::from(leaf.class == Class::Text) == leaf.start;
        if let Some(found) = ahead.next_if(here) {
            leaf(&stack)?;
            at = found.end + usize::from(found.class == Class::Text);
            continue;
        }
        match raw.get(at)? {
            b'{' => {
                stack.push(Step::Name(b""));
                name_next = true;
            }
            b'[' => {
                stack.push(Step::Index(0));
                name_next = false;
            }
            b'}' | b']' => {
                stack.pop();
                name_next = false;
            }
            b',' => match stack.last_mut()? {
                Step::Name(_) => name_next = true,
                Step::Index(index) => *index += 1,
            },
            b'"' => {
                let (end, _) = string_end(raw, at + 1).ok()?;
                if name_next {
                    *stack.last_mut()? = Step::Name(raw.get(at + 1..end)?);
                    name_next = false;
                    name(&stack)?;
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    Some(())
}

impl Step<'_> {
    /// Bytes of the step in a path, roughly.
    fn len(&self) -> usize {
        match self {
            Self::Name(name) => name.len() + 4,
            Self::Index(_) => 4,
        }
    }
}

/// The text of a path.
pub(super) fn render(steps: &[Step<'_>]) -> Option<String> {
    let mut path = String::from("$");
    for step in steps {
        match step {
            Step::Name(name) => push_name(name, &mut path)?,
            Step::Index(index) => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
        }
    }
    Some(path)
}

/// Appends the step to a member.
pub(super) fn push_name(name: &[u8], path: &mut String) -> Option<()> {
    path.push_str("[\"");
    path.push_str(std::str::from_utf8(name).ok()?);
    path.push_str("\"]");
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::token::Tokens;

    #[test]
    fn every_leaf_has_its_path() {
        let raw = br#"{"a":{"b,{\"":["x",{"c":1},null,true]},"d":[[],[2]],"a":"again"}"#;
        let mut tokens = Tokens::default();
        tokens.read(raw).unwrap();
        let expected = [
            r#"$["a"]["b,{\""][0]"#,
            r#"$["a"]["b,{\""][1]["c"]"#,
            r#"$["a"]["b,{\""][3]"#,
            r#"$["d"][1][0]"#,
            r#"$["a"]"#,
        ];
        assert_eq!(of_leaves(raw, &tokens.leaves).unwrap(), expected);
    }

    #[test]
    fn a_long_name_above_many_leaves_has_no_paths() {
        let paths = |leaves: usize| {
            let raw = format!("{{\"{}\":[{}0]}}", "n".repeat(1 << 20), "0,".repeat(leaves - 1));
            let mut tokens = Tokens::default();
            tokens.read(raw.as_bytes()).unwrap();
            of_leaves(raw.as_bytes(), &tokens.leaves)
        };
        assert_eq!(paths(7).unwrap().len(), 7);
        assert_eq!(paths(8), None);
    }
}
