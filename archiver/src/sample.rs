//! A day in an invented company, for `quickstart` and for benchmarks: four sources, some 400 actors, and one bad night.
//!
//! The day is a function of its date and its seed. It is busy by day and quiet by night; people and programs act in
//! sessions, and some of what they try fails. In the small hours a contractor signs in from an address that nobody else
//! has, takes on the emergency role, reads secrets, uses one of them in the database, and is refused when trying to stop
//! the trail: the same night, seen from four sides. It is left out of samples under 200 events, which it would crowd.
//!
//! Nothing here is real: `example.com`, addresses of RFC 5737 and 10/8, an account id of AWS's documentation, and keys
//! that open nothing.

mod application;
mod cloudtrail;
mod json;
mod kubernetes;
mod postgresql;
mod random;
mod schedule;
mod world;

use std::io::{self, Write};

use jiff::civil::Date;

use schedule::Clock;
use world::World;

pub use cloudtrail::CloudTrail;

/// Which day to make up. Every source of the same day has the same people, programs and things.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Day {
    /// All times of its events lie on this date (UTC).
    pub date: Date,
    /// Another seed is another company.
    pub seed: u64,
}

impl Day {
    /// The `CloudTrail` events of the day, to be delivered in parts.
    pub fn cloudtrail(&self, events: usize) -> CloudTrail {
        CloudTrail::new(World::new(self.seed), Clock::new(self.date), self.seed, events)
    }

    /// Writes `CloudTrail` events as one delivery: `{"Records":[…]}`; nothing at all for no events.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_cloudtrail(&self, out: &mut dyn Write, events: usize) -> io::Result<()> {
        self.cloudtrail(events).write_delivery(out, events).map(|_| ())
    }

    /// Writes the same events one a line.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_cloudtrail_lines(&self, out: &mut dyn Write, events: usize) -> io::Result<()> {
        let mut trail = self.cloudtrail(events);
        while trail.write_record(out)? {
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes Kubernetes audit events (`audit.k8s.io/v1`) one a line.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_kubernetes(&self, out: &mut dyn Write, events: usize) -> io::Result<()> {
        kubernetes::write(&World::new(self.seed), &Clock::new(self.date), self.seed, events, out)
    }

    /// Writes lines of a `PostgreSQL` `jsonlog` with the messages of pgaudit.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_postgresql(&self, out: &mut dyn Write, events: usize) -> io::Result<()> {
        postgresql::write(&World::new(self.seed), &Clock::new(self.date), self.seed, events, out)
    }

    /// Writes access and audit lines of an application of the company's own.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_application(&self, out: &mut dyn Write, events: usize) -> io::Result<()> {
        application::write(&World::new(self.seed), &Clock::new(self.date), self.seed, events, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const EVENTS: usize = 2_000;

    /// A source's name, its writer, and the member that says when.
    type Source = (&'static str, fn(&Day, &mut dyn Write, usize) -> io::Result<()>, &'static str);

    const SOURCES: [Source; 4] = [
        ("cloudtrail", Day::write_cloudtrail_lines, "eventTime"),
        ("kubernetes", Day::write_kubernetes, "stageTimestamp"),
        ("postgresql", Day::write_postgresql, "timestamp"),
        ("application", Day::write_application, "time"),
    ];

    fn day(seed: u64) -> Day {
        Day { date: date(2026, 11, 20), seed }
    }

    fn lines(day: Day, source: &Source, events: usize) -> String {
        let mut out = Vec::new();
        source.1(&day, &mut out, events).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The value of the first member `name` with a string.
    fn member<'a>(line: &'a str, name: &str) -> &'a str {
        let rest = line.split_once(&format!("\"{name}\":\"")).unwrap().1;
        rest.split_once('"').unwrap().0
    }

    /// Reads one JSON value and returns what follows: enough to see that nothing is left open.
    fn value(text: &str) -> Option<&str> {
        let inner = text.strip_prefix(['{', '[']);
        if let Some(mut rest) = inner {
            let (close, names) = if text.starts_with('{') { ('}', true) } else { (']', false) };
            if let Some(rest) = rest.strip_prefix(close) {
                return Some(rest);
            }
            loop {
                if names {
                    rest = string(rest)?.strip_prefix(':')?;
                }
                rest = value(rest)?;
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => return rest.strip_prefix(close),
                }
            }
        }
        if text.starts_with('"') {
            return string(text);
        }
        let end = text.find([',', '}', ']']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        (matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok()).then_some(rest)
    }

    fn string(text: &str) -> Option<&str> {
        let mut rest = text.strip_prefix('"')?;
        loop {
            let at = rest.find(['"', '\\'])?;
            if let Some(rest) = rest.get(at..)?.strip_prefix('"') {
                return Some(rest);
            }
            rest = rest.get(at + 2..)?;
        }
    }

    fn digest(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    #[test]
    fn a_seed_always_gives_the_same_day_and_another_seed_another() {
        for source in &SOURCES {
            let first = digest(&lines(day(7), source, EVENTS));
            assert_eq!(first, digest(&lines(day(7), source, EVENTS)), "{}", source.0);
            assert_ne!(first, digest(&lines(day(8), source, EVENTS)), "{}", source.0);
        }
    }

    #[test]
    fn every_line_is_one_json_object_and_counts_are_exact() {
        for source in &SOURCES {
            for events in [0, 1, 199, 200, EVENTS] {
                let text = lines(day(7), source, events);
                assert_eq!(text.lines().count(), events, "{}", source.0);
                for line in text.lines() {
                    assert_eq!(value(line), Some(""), "{line}");
                    assert!(line.starts_with('{') && !line.contains(['\t', '\r']), "{line}");
                }
            }
        }
    }

    #[test]
    fn times_ascend_within_the_date() {
        for source in &SOURCES {
            let text = lines(day(7), source, EVENTS);
            let times: Vec<&str> = text.lines().map(|line| member(line, source.2)).collect();
            assert!(times.is_sorted(), "{}", source.0);
            assert!(times.iter().all(|time| time.starts_with("2026-11-20")), "{}", source.0);
            let hours: std::collections::BTreeSet<&str> =
                times.iter().map(|time| time.get(11..13).unwrap()).collect();
            assert_eq!(hours.len(), 24, "{}", source.0);
            for line in text.lines().filter(|line| line.contains("requestReceivedTimestamp")) {
                let received = member(line, "requestReceivedTimestamp");
                assert!(
                    received.starts_with("2026-11-20") && received < member(line, "stageTimestamp"),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn deliveries_join_to_the_events_of_the_day() {
        let (mut trail, mut names, mut joined) = (day(7).cloudtrail(450), Vec::new(), Vec::new());
        loop {
            let mut file = Vec::new();
            let Some(name) = trail.write_delivery(&mut file, 200).unwrap() else { break };
            let file = String::from_utf8(file).unwrap();
            assert_eq!(value(&file), Some(""));
            let records = file.strip_prefix(r#"{"Records":["#).unwrap().strip_suffix("]}").unwrap();
            joined.push(records.replace(r#"},{"eventVersion""#, "}\n{\"eventVersion\""));
            names.push(name);
        }
        assert_eq!(joined.join("\n") + "\n", lines(day(7), &SOURCES[0], 450));
        let folder = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/20/";
        assert!(names.iter().all(|name| name.starts_with(folder)), "{names:?}");
        names.dedup();
        assert_eq!(names.len(), 3);
        assert!(names.is_sorted());
    }

    #[test]
    fn the_night_can_be_seen_from_every_side() {
        for source in &SOURCES {
            let text = lines(day(7), source, EVENTS);
            let night: Vec<&str> =
                text.lines().filter(|line| line.contains("\"192.0.2.77\"")).collect();
            assert!(night.len() >= 5, "{}", source.0);
            assert!(
                night.iter().all(|line| member(line, source.2).get(11..13) == Some("02")),
                "{}",
                source.0
            );
        }
        let trail = lines(day(7), &SOURCES[0], EVENTS);
        let stops: Vec<&str> =
            trail.lines().filter(|line| line.contains("\"StopLogging\"")).collect();
        assert_eq!(stops.len(), 2);
        for line in stops {
            assert_eq!(member(line, "errorCode"), "AccessDenied");
            assert_eq!(
                member(line, "arn"),
                "arn:aws:sts::111122223333:assumed-role/break-glass/nils.brandt"
            );
        }
    }

    #[test]
    fn there_are_some_four_hundred_actors_and_some_failures() {
        let text = lines(day(7), &SOURCES[3], 20_000);
        let actors: std::collections::BTreeSet<&str> =
            text.lines().map(|line| member(line, "login")).collect();
        assert!((250..=400).contains(&actors.len()), "{}", actors.len());
        let denied = text.lines().filter(|line| member(line, "result") == "denied").count();
        assert!((100..2_000).contains(&denied), "{denied}");
    }
}
