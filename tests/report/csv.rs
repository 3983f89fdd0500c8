//! RFC 4180, read strictly.

/// A table: its header, and its records in their order.
pub(crate) struct Csv {
    pub(crate) header: Vec<String>,
    pub(crate) records: Vec<Vec<String>>,
}

impl Csv {
    /// Reads all of a text; whatever is not of the grammar fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines: Vec<Vec<String>> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let mut fields = Vec::new();
            loop {
                let (field, after) = field(rest);
                fields.push(field);
                if let Some(next) = after.strip_prefix(',') {
                    rest = next;
                } else {
                    rest = after.strip_prefix("\r\n").expect("a record ends with CRLF");
                    break;
                }
            }
            lines.push(fields);
        }
        let mut lines = lines.into_iter();
        let header = lines.next().expect("a header");
        let records: Vec<Vec<String>> = lines.collect();
        for record in &records {
            assert_eq!(record.len(), header.len(), "{record:?}");
        }
        Self { header, records }
    }

    /// A field of a record.
    pub(crate) fn get(&self, record: usize, name: &str) -> &str {
        let column = self.header.iter().position(|column| column == name);
        &self.records[record][column.unwrap_or_else(|| panic!("no column `{name}`"))]
    }
}

/// The next field, and what follows it.
fn field(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\r']).expect("a field ends");
        let (plain, rest) = text.split_at(end);
        assert!(!plain.contains(['"', '\n']), "{plain:?} is not quoted");
        return (plain.to_owned(), rest);
    };
    let mut quoted = String::new();
    loop {
        let end = rest.find('"').expect("quotes are closed");
        quoted.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        let Some(next) = rest.strip_prefix('"') else { return (quoted, rest) };
        quoted.push('"');
        rest = next;
    }
}

#[test]
fn what_is_read_is_what_the_grammar_says() {
    let csv = Csv::parse("a,b\r\n\"x, \"\"y\"\"\r\nz\",\r\n");
    assert_eq!(csv.header, ["a", "b"]);
    assert_eq!((csv.get(0, "a"), csv.get(0, "b")), ("x, \"y\"\r\nz", ""));
}
