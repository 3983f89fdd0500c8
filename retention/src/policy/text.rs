//! What the text of a policy file must not hold anywhere, comments included: the file is kept for
//! ever beside the log, and officers sign what they see.

use super::complaint::{Code, Complaints, Place};

/// Far above any schedule, and small enough to be read whole.
const MAX_FILE_BYTES: usize = 1 << 20;

/// False where the file is not even to be parsed.
pub(super) fn screen(text: &str, complaints: &mut Complaints) -> bool {
    let place = |line: usize, column: usize| Place {
        line: line.saturating_add(1),
        column: column.saturating_add(1),
        path: "file".into(),
    };
    if text.len() > MAX_FILE_BYTES {
        let message = format!("{} bytes are over {MAX_FILE_BYTES}", text.len());
        complaints.add(Code::FileTooLarge, &place(0, 0), message, "fewer streams");
        return false;
    }
    let mut tabs = false;
    for (number, line) in text.lines().enumerate() {
        for (column, char) in line.chars().enumerate() {
            let place = place(number, column);
            if char == '\t' {
                tabs = true;
                complaints.add(Code::NotYaml, &place, "a tab", "spaces");
            } else if is_unseen(char) {
                let message = format!("U+{:04X} cannot be seen", u32::from(char));
                complaints.add(Code::LookAlike, &place, message, "the text without it");
            }
        }
        if let Some(column) = address(line) {
            let message = "an e-mail address in a file that is kept for ever";
            complaints.add(Code::PersonNamed, &place(number, column), message, "an officer's id");
        }
    }
    !tabs
}

/// Controls and characters without a width, which make a text read other than it is.
fn is_unseen(char: char) -> bool {
    char.is_control() && char != '\t'
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{feff}')
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// The column, from 0, of the first e-mail address.
fn address(line: &str) -> Option<usize> {
    let chars: Vec<char> = line.chars().collect();
    let local = |c: &char| c.is_alphanumeric() || "._%+-".contains(*c);
    let domain = |c: &char| c.is_alphanumeric() || ".-".contains(*c);
    let signs = chars.iter().enumerate().filter(|(_, c)| **c == '@').map(|(at, _)| at);
    signs.filter_map(|at| chars.split_at_checked(at)).find_map(|(before, after)| {
        let name = before.iter().rev().take_while(|c| local(c)).count();
        let host: String = after.iter().skip(1).take_while(|c| domain(c)).collect();
        let has_dot = host.trim_matches(['.', '-']).contains('.');
        (name > 0 && has_dot).then(|| before.len().saturating_sub(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_where_it_begins() {
        assert_eq!(address("owner: jane.doe@example.org"), Some(7));
        assert_eq!(address("# ask <j@example.org>"), Some(7));
        for line in ["$.user.email", "$[?@.a == 1]", "a@b", "@example.org", "twice @ noon. then"] {
            assert_eq!(address(line), None, "{line}");
        }
    }
}
