//! The table of bad input: what it is, and how many records it makes.

/// One file.
#[derive(Debug)]
pub(crate) struct Case {
    /// What is odd about it; also the name of its stream.
    pub(crate) name: String,
    /// The format asked for.
    pub(crate) format: &'static str,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// How many records it makes.
    pub(crate) events: u64,
    /// How many of them are kept raw because they are not what they should be.
    pub(crate) rejected: u64,
}

fn case(name: &str, bytes: impl Into<Vec<u8>>, events: u64, rejected: u64) -> Case {
    Case { name: name.to_owned(), format: "auto", bytes: bytes.into(), events, rejected }
}

fn read_as(format: &'static str, case: Case) -> Case {
    Case { format, ..case }
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [nothing(), lines(), broken(), odd_values(), structures(), ours(), large()]
        .into_iter()
        .flatten()
        .collect()
}

/// Files without an event, or nearly so.
fn nothing() -> Vec<Case> {
    vec![
        case("empty", "", 0, 0),
        read_as("ndjson", case("empty_as_ndjson", "", 0, 0)),
        case("only_a_byte_order_mark", "\u{feff}", 0, 0),
        // In text an empty line is an event that somebody wrote; in JSON white space means nothing.
        case("only_white_space", " \t\r\n \n", 2, 0),
        read_as("ndjson", case("only_white_space_as_ndjson", " \t\r\n \n", 0, 0)),
        read_as("cloudtrail", case("only_white_space_as_cloudtrail", "\n\n  \n", 0, 0)),
        case("only_a_line_feed", "\n", 1, 0),
        case("only_a_carriage_return", "\r", 1, 0),
        case("only_nul", vec![0; 4_096], 1, 0),
        case("empty_array", "[]", 0, 0),
        case("empty_envelope", "{\"Records\":[]}\n", 0, 0),
        case("empty_event_list", "{\"kind\":\"EventList\",\"items\":[]}", 0, 0),
    ]
}

/// How lines end, and how files begin.
fn lines() -> Vec<Case> {
    vec![
        case("carriage_return_and_line_feed", "{\"a\":1}\r\n{\"a\":2}\r\n", 2, 0),
        case("no_final_line_feed", "{\"a\":1}\n{\"a\":2}", 2, 0),
        case("no_final_line_feed_in_text", "one\ntwo", 2, 0),
        case("carriage_returns_alone", "one\rtwo\rthree", 1, 0),
        case("mixed_line_ends", "one\r\ntwo\nthree\r\r\nfour", 4, 0),
        case("byte_order_mark", "\u{feff}{\"a\":1}\n{\"a\":2}\n", 2, 0),
        case("byte_order_mark_twice", "\u{feff}\u{feff}{\"a\":1}\n", 1, 0),
        case("utf_16", [0xff, 0xfe, b'{', 0, b'}', 0, b'\n', 0], 2, 0),
        case("blank_lines_between", "\n\n{\"a\":1}\n  \n\t\n{\"a\":2}  \n\n", 2, 0),
        case("banner_before_json", "collector 1.2 started\n{\"a\":1}\n{\"a\":2}\n", 3, 1),
        case("log_lines_in_brackets", "[INFO] started\n[WARN] {\"a\":1}\n", 2, 0),
    ]
}

/// What is nearly JSON.
fn broken() -> Vec<Case> {
    let trail = "{\"Records\":[{\"a\":1},{\"a\":},{\"a\":3}]}";
    vec![
        case("invalid_json_line", "{\"a\":1}\n{\"a\":\n{\"a\":2}\n", 3, 1),
        case("trailing_comma", "{\"a\":1}\n{\"a\":1,}\n[1,]\n", 3, 2),
        case("single_quotes", "{\"a\":1}\n{'a':1}\n", 2, 1),
        case(
            "not_a_number",
            "{\"a\":1}\n{\"a\":NaN}\n{\"a\":Infinity}\n{\"a\":01}\n{\"a\":+1}\n{\"a\":.5}\n{\"a\":1.}\n",
            7,
            6,
        ),
        case("two_documents_on_a_line", "{\"a\":1}\n{\"a\":1}{\"b\":2}\n", 2, 1),
        case("comment", "{\"a\":1}\n// not JSON\n{\"a\":1/**/}\n", 3, 2),
        case("bad_escapes", "{\"a\":1}\n{\"a\":\"\\x41\"}\n{\"a\":\"\\u12\"}\n{\"a\":\"\\", 4, 3),
        case(
            "control_characters_in_strings",
            "{\"a\":1}\n{\"a\":\"\t\"}\n{\"a\":\"\u{1}\"}\n",
            3,
            2,
        ),
        case(
            "invalid_utf_8",
            b"{\"a\":1}\n{\"a\":\"\xff\xfe\"}\n{\"\xc0\xaf\":1}\n".as_slice(),
            3,
            2,
        ),
        case("invalid_utf_8_in_text", b"caf\xe9\nna\xefve \x80\x81\n".as_slice(), 2, 0),
        case("surrogates_in_utf_8", b"{\"a\":1}\n{\"a\":\"\xed\xa0\x80\"}\n".as_slice(), 2, 1),
        case("nul_in_json", "{\"a\":1}\n{\"a\":\"x\0y\"}\n\0{\"a\":1}\n", 3, 2),
        case("nul_in_text", "one\0two\nthree\0\n\0", 3, 0),
        case("cloudtrail_with_a_broken_element", trail, 3, 1),
        case("cloudtrail_cut_off", "{\"Records\":[{\"a\":1},{\"a\":2},{\"a\"", 3, 1),
        read_as(
            "cloudtrail",
            case("cloudtrail_without_a_comma", "{\"Records\":[{\"a\":1} {\"a\":2}]}", 2, 1),
        ),
        case(
            "event_list_with_a_broken_element",
            "{\"kind\":\"EventList\",\"items\":[{\"a\":1},{\"a\":},{\"a\":3}]}",
            3,
            1,
        ),
        read_as("cloudtrail", case("cloudtrail_that_is_text", "not JSON at all\nnor this\n", 3, 3)),
        read_as(
            "cloudtrail",
            case("cloudtrail_of_another_shape", "{\"events\":[{\"a\":1}]}", 1, 0),
        ),
        read_as("json-array", case("array_cut_off", "[{\"a\":1},{\"a\":2}", 2, 0)),
        read_as(
            "json-array",
            case("array_with_words_after_it", "[{\"a\":1}]\nthat was all\n", 3, 2),
        ),
        read_as("json", case("document_cut_off", "{\n \"a\": [1,\n", 1, 1)),
        read_as(
            "kubernetes-event-list",
            case("event_list_that_is_an_array", "[{\"a\":1},{\"a\":2}]", 1, 0),
        ),
    ]
}

/// Values that parsers change.
fn odd_values() -> Vec<Case> {
    let numbers = "{\"n\":9007199254740993}\n{\"n\":18446744073709551616}\n{\"n\":-9223372036854775809}\n\
        {\"n\":-0}\n{\"n\":0}\n{\"n\":1E+2}\n{\"n\":100}\n{\"n\":1e400}\n{\"n\":0.10}\n{\"n\":999999999999999999}\n\
        {\"n\":1000000000000000000}\n";
    let times = "{\"t\":\"2023-02-29T00:00:00Z\"}\n{\"t\":\"2024-02-29T00:00:00Z\"}\n{\"t\":\"1969-12-31T23:59:59Z\"}\n\
        {\"t\":\"1970-01-01T00:00:00.000Z\"}\n{\"t\":\"9999-12-31T23:59:59.999999Z\"}\n{\"t\":\"0000-00-00T00:00:00Z\"}\n\
        {\"t\":\"2016-12-31T23:59:60Z\"}\n{\"t\":\"2023-01-01T24:00:00Z\"}\n{\"t\":\"2023-01-01t00:00:00z\"}\n";
    let identifiers = "{\"i\":\"6BA7B810-9DAD-11D1-80B4-00C04FD430C8\"}\n{\"i\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"}\n\
        {\"i\":\"6ba7b8109dad11d180b400c04fd430c8\"}\n{\"i\":\"6ba7b8109dad11d180b400c04fd430c\"}\n{\"i\":\"00000000000000000\"}\n";
    let names =
        "{\"\":1,\"\\u0000\":2,\"a\\\"b\":3,\"a\\\\\":4,\"[0]\":5,\"$\":6,\"\u{202e}\":7}\n";
    let strings = "{\"s\":\"\\ud800\"}\n{\"s\":\"\\udc00\\ud800\"}\n{\"s\":\"\\ud83d\\udd12\"}\n{\"s\":\"\u{1f512}\"}\n\
        {\"s\":\"\\/\"}\n{\"s\":\"/\"}\n{\"s\":\"\\u002F\"}\n{\"s\":\"\u{2028}\u{feff}\u{0}\"}\n";
    let digits =
        format!("{{\"n\":{}}}\n{{\"n\":0.{}}}\n", "7".repeat(100_000), "3".repeat(100_000));
    vec![
        case("numbers_beyond_53_bits", numbers, 11, 0),
        case("numbers_of_100000_digits", digits, 2, 0),
        case("times_that_never_were", times, 9, 0),
        case("identifiers_in_other_spellings", identifiers, 5, 0),
        case(
            "duplicate_keys",
            "{\"a\":1,\"a\":2,\"a\":\"x\",\"a\":null,\"b\":{\"a\":1,\"a\":1}}\n",
            1,
            0,
        ),
        case("names_that_look_like_paths", names, 1, 0),
        case("strings_in_other_spellings", strings, 8, 1),
        case("scalars_on_lines", "{\"a\":1}\n1\n\"a\"\nnull\ntrue\n-0.0\n{}\n[]\n", 8, 0),
        case(
            "white_space_in_json",
            "{\t\"a\" :\r 1 , \"b\":[ 1 ,2 ] }\n{\"a\":1 ,\"b\":[1,2 ]}\n",
            2,
            0,
        ),
    ]
}

/// Envelopes around what they should not hold.
fn structures() -> Vec<Case> {
    let mistyped = "{\"Records\":[{\"eventVersion\":1,\"eventTime\":12,\"eventSource\":null,\"eventName\":[],\"awsRegion\":{}},\
        {\"eventVersion\":\"1.08\",\"eventTime\":\"yesterday\",\"eventSource\":\"\",\"eventName\":\"\\u0041\",\"awsRegion\":true}]}";
    let twice = "{\"Records\":[{\"a\":1}],\"Records\":[{\"a\":2}]}";
    vec![
        case("array_of_scalars", "[\n1,\n\"a\",\nnull,\n{},\n[]\n]\n", 5, 0),
        case("cloudtrail_of_wrong_types", mistyped, 2, 0),
        read_as("cloudtrail", case("cloudtrail_records_twice", twice, 2, 0)),
        read_as(
            "cloudtrail",
            case("cloudtrail_of_scalars", "{\"Records\":[1,\"a\",null,[]]}", 4, 0),
        ),
        case(
            "cloudtrail_with_more_members",
            "{\"v\":[[]],\"Records\":[{\"a\":1}],\"after\":{\"x\":\"y\"}}",
            1,
            0,
        ),
        case("event_list_of_scalars", "{\"kind\":\"EventList\",\"items\":[1,{\"a\":2},[]]}", 3, 0),
        case("documents_without_a_space", "{\"a\":1}{\"a\":2}[3]\"4\"", 4, 0),
        case(
            "deep_objects",
            format!("{}1{}\n", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
            1,
            0,
        ),
        case("deep_arrays", format!("{}{}\n", "[".repeat(10_000), "]".repeat(10_000)), 1, 0),
        case("deep_and_never_closed", "[".repeat(10_000), 1, 1),
        case(
            "depth_63_to_66",
            (63..=66)
                .map(|d| format!("{}1{}\n", "{\"a\":".repeat(d), "}".repeat(d)))
                .collect::<Vec<_>>()
                .concat(),
            4,
            0,
        ),
    ]
}

/// Input that looks like what this program writes.
fn ours() -> Vec<Case> {
    let token = "{\"v\":\"srt1.AAAAAAAAAAAAAAAAAAAAAA\"}\n{\"srt1.\":\"srt1.\"}\nsrt1.AAAA\n";
    let columns = "{\"leaf_0\":1,\"template\":2,\"packed\":\"x\",\"definitions\":\"y\",\"raw\":null,\"lead\":\"z\",\"received\":0}\n";
    let path = "{\"$[\\\"a\\\"]\":\"$[\\\"a\\\"]\",\"[0]\":[\"[0]\"]}\n";
    vec![
        case("sealed_tokens", token, 3, 1),
        case("leaf_labels", "strongroom/event/v1\0strongroom/tail/v1\0\n\0\0\0\0\n", 2, 0),
        case(
            "leaf_labels_in_json",
            "{\"strongroom/event/v1\\u0000\":\"strongroom/tail/v1\\u0000\"}\n",
            1,
            0,
        ),
        case("column_names", columns, 1, 0),
        case("paths_as_values", path, 1, 0),
        case("varints", b"\x80\x80\x01\n\xff\xff\xff\xff\x0f\n\x00\x01\x02\n".as_slice(), 3, 0),
        case("a_parquet_file", b"PAR1\x00\x15\x04\nPARE\n".as_slice(), 2, 0),
        case("a_claim", "{\"archive_id\":\"00\",\"entries\":[],\"sig\":\"\",\"v\":1}\n", 1, 0),
    ]
}

/// Input over one limit or another.
fn large() -> Vec<Case> {
    const LINE: usize = 100 << 20;
    let keys = (0..100_000).map(|n| format!("\"key{n}\":{n},")).collect::<Vec<_>>().concat();
    let own =
        (0..100_000).map(|n| format!("{{\"key{n}\":\"{n}\"}}\n")).collect::<Vec<_>>().concat();
    let literal = format!("{{\"a\":[{}null]}}\n", "null,".repeat(9 << 18));
    let long_name = format!("{{\"{0}\":1}}\n{{\"{0}\":2}}\n", "k".repeat(70_000));
    let escapes = format!("{{\"a\":\"{}\"}}\n", "\\\\\\\"".repeat(1 << 18));
    let long_json = format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n", "x".repeat(LINE));
    let short: String = "x\n".repeat(200_000);
    vec![
        // Cut into parts of 16 MiB: the last is what is left.
        case("line_of_100_mib", "x".repeat(LINE), 7, 7),
        case("json_line_of_100_mib", long_json, 8, 7),
        case("record_of_100000_keys", format!("{{{keys}\"last\":0}}\n"), 1, 0),
        case("records_each_with_its_own_key", own, 100_000, 0),
        case(
            "leaves_at_the_limit",
            (4_095..=4_097)
                .map(|n| format!("[{}0]\n", "0,".repeat(n - 1)))
                .collect::<Vec<_>>()
                .concat(),
            3,
            0,
        ),
        case("literal_of_11_mib", literal, 1, 0),
        case("name_of_70000_bytes", long_name, 2, 0),
        case("string_of_escapes", escapes, 1, 0),
        case("lines_of_one_byte", short, 200_000, 0),
    ]
}
