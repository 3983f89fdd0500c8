//! Edits of the sample, each with the codes of what they break. `«` marks where.

pub(super) const PCI: &str = "- reg: pci-dss-10-5-1";
pub(super) const SPAN: &str = "segment: {max_span: PT24H}";
pub(super) const CARD_GDPR: &str = "- reg: eu-gdpr-5-1-e\n        set_max: P18M\n        rationale: Twelve \
    months to find misuse and six to examine it";
pub(super) const TAX: &str = "- reg: de-ao-147-buchungsbelege";
pub(super) const BOOK_GDPR: &str = "- reg: eu-gdpr-5-1-e\n        set_max: P10Y\n        rationale: The tax \
    law's eight years from the end of the year, and one for open assessments";
pub(super) const DECIDED: &str = "decision: {code: C3, resolve: keep, approved_by: [dpo, legal], \
    review_by: 2027-06-30}";

/// The GDPR's place, where a rule of other law stands beside it.
const FOREIGN: (&str, &str) =
    (CARD_GDPR, "- reg: «eu-gdpr-5-1-e\n        set_max: P18M\n        rationale: a");

pub(super) type Case = (&'static [&'static str], &'static [(&'static str, &'static str)]);

/// One mistake each, or what one mistake brings with it.
pub(super) const FILE: &[Case] = &[
    (&["P001"], &[("fiscal_year_end:", "«fiscal_year_ned:")]),
    (&["P001"], &[(PCI, "- reg: pci-dss-10-5-1\n        «retian_min: P1Y")]),
    (&["P002"], &[("version: 1 ", "version: «0 ")]),
    (&["P002"], &[("version: 1 ", "version: «one ")]),
    (&["P003"], &[("name: sample", "«name: sample"), ("version: 1 ", "version: 2 ")]),
    (&["P003"], &[("  version: 1", "  supersedes: «md5:00\n  version: 2")]),
    (&["P004"], &[("effective: 2027-01-01", "effective: «2026-11-19")]),
    (&["P005"], &[("digest: sha256:", "digest: «sha256:0")]),
    (
        &["P005"],
        &[(
            "digest: sha256:",
            "digest: «sha256:0000000000000000000000000000000000000000000000000000000000000000 #",
        )],
    ),
    (&["P005"], &[("file: catalogue.yaml\n  digest: sha256:", "«file: catalogue.yaml #")]),
    (&["P006"], &[("zone: Europe/Berlin", "zone: «EST")]),
    (&["P006"], &[("zone: Europe/Berlin", "zone: «Mars/Olympus")]),
    (&["P006"], &[(SPAN, "zone: «GMT\n    segment: {max_span: PT24H}")]),
    (&["P007"], &[("\"12-31\"", "«\"02-29\"")]),
    (&["P009"], &[("[records-manager, legal]", "[legal, «legal]")]),
    (&["P009"], &[("[records-manager, legal]", "«[legal]")]),
    (&["P009"], &[("approval: two_person", "approval: «one_person")]),
    (&["P027"], &[("owner: records", "owner: «jane.doe@example.org")]),
    (&["P027"], &[("owner: records", "owner: «Jane Doe")]),
    (&["P027"], &[("# no lock", "# ask «j.doe@example.org, no lock")]),
    (&["P029"], &[("owner: records", "owner:«\trecords")]),
    (&["P030"], &[("  owner: records", "  owner: records\n  «name: again")]),
    (&["P031"], &[("owner: records", "owner: &who «records")]),
    (&["P031"], &[("  owner: records", "  owner: records\n  «<<: {name: a}")]),
    (&["P031"], &[("owner: records", "owner: !!str «records")]),
    (&["P033"], &[("  owner: records\n", ""), ("name: sample", "«name: sample")]),
    (&["P033"], &[("owner: records", "owner«:")]),
    (&["P034"], &[("transition: current", "transition: «soon")]),
    (&["P034"], &[("effective: 2027-01-01", "effective: «20270101")]),
    (&["P034"], &[("review_by: 2027-12-31", "review_by: «2027-01-01")]),
];

pub(super) const STREAMS: &[Case] = &[
    (&["P008"], &[("max_span: PT24H", "max_span: «P1D")]),
    (&["P008"], &[("max_span: PT24H", "max_span: «PT0S")]),
    (&["P010"], &[("id: vouchers", "id: «card-access")]),
    (
        &["P011"],
        &[
            (TAX, "«[]"),
            (BOOK_GDPR, ""),
            ("«[]\n", "#"),
            ("citations:\n      #", "citations: «[]\n"),
        ],
    ),
    (&["P012"], &[("match: {stream: [payments-access]}", "match: «{}")]),
    (&["P012"], &[("    match: {stream: [payments-access]}\n", ""), ("id: card", "«id: card")]),
    (&["P013"], &[("match: {stream: [ledger-postings]}", "match: «{stream: [payments-access]}")]),
    (&["P014"], &[(SPAN, "segment: «{}")]),
    (&["P014"], &[("    segment: {max_span: PT24H}\n", ""), ("id: card", "«id: card")]),
    (&["P015"], &[("reg: pci-dss-10-5-1", "reg: «pci-dss-10-7")]),
    (&["P032"], &[("[eu-central-1]", "[«NO]")]),
    (&["P032"], &[("id: vouchers", "id: «123")]),
    (&["P032"], &[("title: Postings and the vouchers behind them", "title: «2027-01-01")]),
    (&["P032"], &[(SPAN, "pre_approved: «yes\n    segment: {max_span: PT24H}")]),
    (&["P034"], &[("clock: event_time", "clock: «ingest_time")]),
    (&["P034"], &[("value: $.client.ip", "value: «client.ip")]),
    (&["P035"], &[("id: vouchers", "id: «v\u{43e}uchers")]),
    (&["P035"], &[("title: Postings", "title: Post«\u{200b}ings")]),
    (&["P036"], &[("[eu-central-1]", "«[]")]),
    (
        &["P036"],
        &[("[eu-central-1]", "«[eu-central-1]"), ("grace:", "residency: [eu-west-1]\n  grace:")],
    ),
    (
        &["P038"],
        &[(
            SPAN,
            "backfill: «{received_before: 2027-01-01, count_from: event_time}\n    segment: {max_span: PT24H}",
        )],
    ),
    (&["P039"], &[("record_class: FIN-110", "record_class: «sec-210")]),
    (&["P039"], &[("record_class: FIN-110", "record_class: «FIN 110")]),
    (
        &["P040"],
        &[
            ("stream: [payments-access]", "labels: {app: pay}"),
            ("{stream: [ledger-postings]}", "«{labels: {env: prod}}"),
        ],
    ),
];

pub(super) const RULES: &[Case] = &[
    (
        &["P016", "C3"],
        &[
            ("reg: pci-dss-10-5-1", "reg: «us-omb-m-21-31"),
            (CARD_GDPR, "- reg: «eu-gdpr-5-1-e\n        set_max: P4Y\n        rationale: a"),
        ],
    ),
    (&["P017"], &[(TAX, "- reg: «us-sox-itgc-logs\n        accepted_by: [legal]")]),
    (
        &["P018"],
        &[(PCI, "- reg: pci-dss-10-5-1\n        set_min: «P365D\n        rationale: a year")],
    ),
    (
        &["P018"],
        &[(
            TAX,
            "- reg: de-ao-147-buchungsbelege\n        cutoff: «none\n        rationale: a day",
        )],
    ),
    (
        &["P019", "C3"],
        &[
            (TAX, "- reg: «us-hipaa-164-316"),
            (BOOK_GDPR, "- reg: «eu-gdpr-5-1-e\n        set_max: P10Y\n        rationale: a"),
        ],
    ),
    (&["P019"], &[(TAX, "- reg: «de-ao-147-buecher")]),
    (&["P020"], &[("reg: pci-dss-10-5-1", "reg: «eu-dora-2024-1774-12")]),
    (&["P020"], &[("reg: pci-dss-10-5-1", "reg: «us-nist-800-92\n        accepted_by: [legal]")]),
    (&["P020"], &[(CARD_GDPR, "- reg: «eu-gdpr-5-1-e")]),
    (&["P021"], &[(CARD_GDPR, "- reg: eu-gdpr-5-1-e\n        set_max: «P18M")]),
    (
        &["P022", "C3"],
        &[
            ("lock: governance", "lock: «governance"),
            (TAX, "- reg: us-sec-17a-4-b"),
            (BOOK_GDPR, "- reg: «eu-gdpr-5-1-e\n        set_max: P10Y\n        rationale: a"),
        ],
    ),
    (&["P023"], &[("max_lock: P12Y", "max_lock: P1Y"), (TAX, "- reg: «de-ao-147-buchungsbelege")]),
    (
        &["P024"],
        &[
            ("      fields:\n", "      «fields:\n"),
            (PCI, "- reg: us-sec-17a-4-b"),
            (
                CARD_GDPR,
                "- {reg: eu-gdpr-5-1-e, set_max: P4Y, rationale: a, decision: {code: C3, resolve: keep, approved_by: [dpo, legal], review_by: 2027-06-30}}",
            ),
        ],
    ),
    (&["P025"], &[(BOOK_GDPR, ""), ("fields: [{value: $.cus", "«fields: [{value: $.cus")]),
    (
        &["P026"],
        &[(
            CARD_GDPR,
            "- {reg: eu-gdpr-5-1-e, set_max: P18M, rationale: a, decision: {code: C3, resolve: keep, approved_by: «[dpo], review_by: 2027-06-30}}",
        )],
    ),
    (
        &["P026"],
        &[(
            CARD_GDPR,
            "- {reg: eu-gdpr-5-1-e, set_max: P18M, rationale: a, decision: {code: C3, resolve: keep, approved_by: [dpo, legal], review_by: «2026-11-19}}",
        )],
    ),
    (
        &["P027"],
        &[(
            CARD_GDPR,
            "- {reg: eu-gdpr-5-1-e, set_max: P18M, rationale: a, decision: {code: C3, resolve: keep, approved_by: [«Jane Doe, legal], review_by: 2027-11-19}}",
        )],
    ),
    (
        &["P037"],
        &[(
            "reg: pci-dss-10-5-1",
            "reg: «us-nist-800-92\n        set_min: P90D\n        rationale: as the table says",
        )],
    ),
    (&["P041"], &[(PCI, "- reg: pci-dss-10-5-1\n      - reg: «pci-dss-10-5-1")]),
    (&["P042"], &[(PCI, "- reg: pci-dss-10-5-1\n        set_max: «P2Y\n        rationale: a")]),
    (
        &["P043"],
        &[
            (
                "clock: event_time\n    segment: {max_span: PT24H}\n    lock: gov",
                "clock: {event: business_relationship_ended_or_occasional_transaction}\n    segment: {max_span: PT24H}\n    lock: gov",
            ),
            (TAX, "- reg: eu-amld-40\n        set_max: «P6Y\n        rationale: a"),
        ],
    ),
    (&["C1"], &[("set_max: P18M", "set_max: «P6M")]),
    (
        &["C3"],
        &[
            ("shred: per_subject", "shred: none"),
            (PCI, "- reg: us-sec-17a-4-b"),
            (CARD_GDPR, "- reg: «eu-gdpr-5-1-e\n        set_max: P4Y\n        rationale: a"),
        ],
    ),
    (&["C4"], &[(BOOK_GDPR, "#"), (TAX, "- reg: «in-dpdp-8-3")]),
    (&["C5"], &[("set_max: P18M", "set_max: «P13M")]),
    (
        &["C6", "C3"],
        &[
            (
                PCI,
                "- reg: us-21cfr11\n        subject_stream: «vouchers\n        set_min: P12M\n        rationale: a",
            ),
            FOREIGN,
        ],
    ),
    (
        &["C6", "C3"],
        &[(PCI, "- reg: «us-21cfr11\n        set_min: P12M\n        rationale: a"), FOREIGN],
    ),
    (
        &["C6", "C3"],
        &[
            (
                PCI,
                "- reg: us-21cfr11\n        subject_stream: «card-access\n        set_min: P12M\n        rationale: a",
            ),
            FOREIGN,
        ],
    ),
];
