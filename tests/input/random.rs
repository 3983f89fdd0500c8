//! Random JSON documents: every nesting, spelling and white space that RFC 8259 allows.

use std::env;

/// How many documents a file has.
pub(crate) const DOCUMENTS: u64 = 2_000;

/// Deepest nesting: beyond what is cut into columns.
const DEPTH: u64 = 70;

/// The seeds of a run; `STRONGROOM_FULL` asks for more.
pub(crate) fn seeds() -> std::ops::RangeInclusive<u64> {
    if env::var_os("STRONGROOM_FULL").is_some() { 1..=40 } else { 1..=3 }
}

/// A file of [`DOCUMENTS`] documents in one framing, with `spaces` between tokens.
pub(crate) fn file(seed: u64, format: &str, spaces: &'static str) -> Vec<u8> {
    let mut generator =
        Generator { state: seed, spaces, out: String::new(), structured: format == "json" };
    if format == "json-array" {
        generator.out.push('[');
    }
    for document in 0..DOCUMENTS {
        if document > 0 {
            generator.out.push(if format == "json-array" { ',' } else { '\n' });
        }
        generator.document();
    }
    if format == "json-array" {
        generator.out.push(']');
    }
    generator.out.into_bytes()
}

struct Generator {
    state: u64,
    spaces: &'static str,
    out: String,
    /// Documents are objects or arrays: two numbers apart by a space would be two documents.
    structured: bool,
}

impl Generator {
    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let at = self.below(u64::try_from(items.len()).unwrap());
        items[usize::try_from(at).unwrap()]
    }

    fn space(&mut self) {
        if self.below(3) == 0 {
            let spaces: Vec<char> = self.spaces.chars().collect();
            for _ in 0..self.below(4) {
                let space = self.pick(&spaces);
                self.out.push(space);
            }
        }
    }

    /// One document: mostly of a shape that recurs, so that templates are used more than once.
    fn document(&mut self) {
        match self.below(8) {
            0 => {
                let depth = 1 + self.below(DEPTH);
                self.nest(depth);
            }
            1..=3 => self.container(4),
            4 if !self.structured => self.scalar(),
            _ => self.event(),
        }
    }

    /// An event of a source that writes the same members each time.
    fn event(&mut self) {
        self.out.push_str("{\"time\":\"");
        let time = self.time();
        self.out.push_str(&time);
        self.out.push_str("\",\"id\":\"");
        let id = format!("{:016x}{:016x}", self.next(), self.next());
        self.out.push_str(&id);
        self.out.push_str("\",\"n\":");
        self.number();
        self.out.push_str(",\"who\":");
        self.text();
        self.out.push_str(",\"what\":");
        self.value(2);
        self.out.push('}');
    }

    /// A time as sources spell it, some of them impossible.
    fn time(&mut self) -> String {
        let parts = [9_999_u64, 13, 32, 25, 61, 61].map(|bound| self.below(bound));
        let fraction = self.pick(&["", ".1", ".000", ".123", ".123456", ".123456789"]);
        let zone = self.pick(&["Z", "Z", "Z", "z", "+00:00", "-07:30", ""]);
        let [year, month, day, hour, minute, second] = parts;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
    }

    fn nest(&mut self, depth: u64) {
        if depth == 0 {
            return self.scalar();
        }
        let object = self.below(2) == 0;
        self.out.push_str(if object { "{\"n\":" } else { "[" });
        self.nest(depth - 1);
        self.out.push(if object { '}' } else { ']' });
    }

    fn value(&mut self, depth: u64) {
        if depth > 0 && self.below(3) == 0 { self.container(depth - 1) } else { self.scalar() }
    }

    fn container(&mut self, depth: u64) {
        let object = self.below(3) > 0;
        self.out.push(if object { '{' } else { '[' });
        let members = self.below(6);
        for member in 0..members {
            if member > 0 {
                self.out.push(',');
            }
            self.space();
            if object {
                // Names repeat within an object now and then.
                let name =
                    self.pick(&["a", "b", "c", "", "$", "a.b", "\\u0061", "\u{e9}", "\\\"", "raw"]);
                self.out.push('"');
                self.out.push_str(name);
                self.out.push('"');
                self.space();
                self.out.push(':');
                self.space();
            }
            self.value(depth);
            self.space();
        }
        if members == 0 {
            self.space();
        }
        self.out.push(if object { '}' } else { ']' });
    }

    fn scalar(&mut self) {
        match self.below(6) {
            0 => self.out.push_str("null"),
            1 => self.out.push_str("true"),
            2 => self.out.push_str("false"),
            3 => self.number(),
            _ => self.text(),
        }
    }

    /// Every spelling of a number, the ones that no machine keeps among them.
    fn number(&mut self) {
        let sign = self.pick(&["", "", "-"]);
        let whole = match self.below(5) {
            0 => "0".to_owned(),
            1 => self.below(10).to_string(),
            2 => self.next().to_string(),
            3 => format!("{}{}", self.next().max(1), self.next()),
            _ => self.below(1_000_000).to_string(),
        };
        let fraction = self.pick(&["", "", "", ".0", ".10", ".000000000000000000001"]);
        let exponent = self.pick(&["", "", "", "", "e0", "E+00", "e-400", "E400"]);
        for part in [sign, &whole, fraction, exponent] {
            self.out.push_str(part);
        }
    }

    fn text(&mut self) {
        self.out.push('"');
        match self.below(4) {
            0 => {
                let id = self.next();
                let form = format!("{:08x}-0000-4000-8000-{:012x}", id >> 32, id & 0xffff_ffff);
                let form = if self.below(2) == 0 { form } else { form.to_uppercase() };
                self.out.push_str(&form);
            }
            1 => {
                let time = self.time();
                self.out.push_str(&time);
            }
            _ => {
                for _ in 0..self.below(12) {
                    self.letter();
                }
            }
        }
        self.out.push('"');
    }

    fn letter(&mut self) {
        match self.below(8) {
            0 => {
                let escape = self.pick(&["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]);
                self.out.push_str(escape);
            }
            1 => {
                // Halves of surrogate pairs too: RFC 8259 lets them stand.
                let unit = self.below(0x1_0000);
                let escape = if self.below(2) == 0 {
                    format!("\\u{unit:04x}")
                } else {
                    format!("\\u{unit:04X}")
                };
                self.out.push_str(&escape);
            }
            2 => {
                let wide = self.pick(&[
                    '\u{7f}',
                    '\u{e9}',
                    '\u{2028}',
                    '\u{ffff}',
                    '\u{1f512}',
                    '\u{feff}',
                ]);
                self.out.push(wide);
            }
            _ => {
                let plain =
                    self.pick(&['a', 'Z', '0', '9', '{', '[', ':', ',', '}', ' ', '\'', '.']);
                self.out.push(plain);
            }
        }
    }
}
