//! What policies of the tests say.

use std::fmt::Write as _;

/// What a policy says of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    id: &'static str,
    lock: &'static str,
    period: &'static str,
    /// Its periods count from the closing of an account.
    closing: bool,
    /// What else starts the clock of the stream.
    clock: Option<&'static str>,
    /// Old events count from their own time.
    backfill: bool,
    zone: &'static str,
    matches: &'static str,
    /// Another rule that it cites.
    also: Option<&'static str>,
}

impl Stream {
    pub(crate) fn governance(period: &'static str) -> Self {
        Self { lock: "governance", ..Self::compliance(period) }
    }

    /// Six years from the closing of an account (17 CFR 240.17a-4(c)).
    pub(crate) fn from_closing() -> Self {
        Self { closing: true, ..Self::compliance("P6Y") }
    }

    pub(crate) fn compliance(period: &'static str) -> Self {
        let (zone, matches) = ("UTC", "stream: [app]");
        Self {
            id: "app",
            lock: "compliance",
            period,
            closing: false,
            clock: None,
            backfill: false,
            zone,
            matches,
            also: None,
        }
    }
}

impl Stream {
    pub(crate) fn backfilled(period: &'static str) -> Self {
        Self::governance(period).moved()
    }

    /// Old events were moved here from elsewhere.
    pub(crate) fn moved(self) -> Self {
        Self { backfill: true, ..self }
    }

    /// Another event starts the clock of the stream.
    pub(crate) fn since(self, clock: &'static str) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Whose dates count.
    pub(crate) fn in_zone(self, zone: &'static str) -> Self {
        Self { zone, ..self }
    }

    /// Cites another rule.
    pub(crate) fn citing(self, also: &'static str) -> Self {
        Self { also: Some(also), ..self }
    }

    /// Its id.
    pub(crate) fn called(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    /// What it is about.
    pub(crate) fn about(self, matches: &'static str) -> Self {
        Self { matches, ..self }
    }
}

/// The streams of a policy, each kept by one rule.
pub(crate) fn streams_text(streams: &[Stream]) -> String {
    let mut policy = String::new();
    for Stream { id, lock, period, closing, clock: since, backfill, zone, matches, also } in streams
    {
        let (clock, citation) = if *closing {
            ("{event: account_closed}", "{reg: us-sec-17a-4-c}".to_owned())
        } else {
            let reg = "reg: pci-dss-10-5-1";
            let set = format!("set_min: {period}, rationale: as the test says");
            ("event_time", format!("{{{reg}, {set}}}"))
        };
        let clock = since.unwrap_or(clock);
        write!(
            policy,
            "  - id: {id}\n    title: Events of an application\n    record_class: app\n    \
             match: {{{matches}}}\n    zone: {zone}\n    clock: {clock}\n    segment: {{max_span: PT24H}}\n    \
             lock: {lock}\n    citations:\n      - {citation}\n"
        )
        .unwrap();
        if let Some(also) = also {
            writeln!(policy, "      - {also}").unwrap();
        }
        if *backfill {
            let counts = "received_before: 2100-01-01, count_from: event_time";
            writeln!(policy, "    backfill: {{{counts}, rationale: moved here}}").unwrap();
        }
    }
    policy
}
