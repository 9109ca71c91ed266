//! One case per dialect and per quirk: a text in, the events it is read as out.

use crate::json::House;

fn windows() -> House {
    House::new(
        &["EventID", "Channel", "Provider_Name", "Computer", "Image", "CommandLine", "Data", "ThreatName"],
        false,
    )
}

#[test]
fn nxlog() {
    windows().check(
        r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","Hostname":"ws5.corp","EventTime":"2020-06-09 22:50:54","@timestamp":"2020-06-10T02:50:56.537Z","UtcTime":"2020-06-10 02:50:54.631","Image":"C:\\Windows\\x.exe","CommandLine":"","Extra":7}"#,
        r#"
        1@0 windows/sysmon/1 2020-06-10T02:50:54.631000Z
          EventID = Number("1")
          Channel = Text("Microsoft-Windows-Sysmon/Operational")
          Provider_Name = Text("Microsoft-Windows-Sysmon")
          Computer = Text("ws5.corp")
          Image = Text("C:\\Windows\\x.exe")
          CommandLine = Text("")
        "#,
    );
}

#[test]
fn winlogbeat() {
    windows().check(
        "{\"winlog\":{\"channel\":\"Security\",\"event_id\":\"4688\",\"computer_name\":\"dc\",\"provider_name\":\"P\",\"event_data\":{\"CommandLine\":\"a \\\"b\\\"\"},\"user_data\":{\"X\":{\"Image\":\"i\"}}},\"@timestamp\":\"2021-01-02T03:04:05Z\"}\n\
         {\"log_name\":\"System\",\"event_id\":7045,\"computer_name\":\"dc\",\"source_name\":\"SCM\",\"@timestamp\":\"2021-01-02T03:04:05Z\",\"event_data\":{\"Image\":null}}\r\n\
         {\"winlog_channel\":\"System\",\"winlog_event_id\":7045,\"winlog_event_data_Image\":\"x\"}\n\
         {\"winlog.channel\":\"Security\",\"winlog.event_id\":4688,\"winlog.event_data.Image\":\"flat\"}",
        r#"
        1@0 windows/security 2021-01-02T03:04:05.000000Z
          Channel = Text("Security")
          EventID = Text("4688")
          Computer = Text("dc")
          Provider_Name = Text("P")
          CommandLine = Text("a \"b\"")
          Image = Text("i")
        2@200 windows/system 2021-01-02T03:04:05.000000Z
          Channel = Text("System")
          EventID = Number("7045")
          Computer = Text("dc")
          Provider_Name = Text("SCM")
          Image = Null
        3@344 windows/system -
          Channel = Text("System")
          EventID = Number("7045")
          Image = Text("x")
        4@425 windows/security -
          Channel = Text("Security")
          EventID = Number("4688")
          Image = Text("flat")
        "#,
    );
}

#[test]
fn evtx_dump() {
    // The cleared log is what rules mean by Channel; the record's own channel routes.
    // Attributes and `#text` are XML turned to JSON; a GUID comes with braces and without.
    windows().check(
        r##"{"Event":{"#attributes":{"xmlns":"u"},"System":{"Provider":{"#attributes":{"Name":"Eventlog"}},"EventID":{"#attributes":{"Qualifiers":16384},"#text":1073741928},"TimeCreated":{"#attributes":{"SystemTime":"2019-03-19T00:02:04.3Z"}},"Channel":"System","Computer":"ws"},"UserData":{"LogFileCleared":{"Channel":"Security","Threat Name":"0cce9210-69ae-11d9-bed3-505054503030"}},"EventData":{"Data":{"#text":["one","two"]}}}}"##,
        r#"
        1@0 windows/system 2019-03-19T00:02:04.300000Z
          Data = Text("one\ntwo")
          Provider_Name = Text("Eventlog")
          EventID = Number("104")
          Computer = Text("ws")
          Channel = Text("Security")
          ThreatName = Text("0cce9210-69ae-11d9-bed3-505054503030")
          ThreatName = Text("{0cce9210-69ae-11d9-bed3-505054503030}")
          Data = Text("one")
          Data = Text("two")
        "#,
    );
}

#[test]
fn a_guid_is_found_with_braces_and_without() {
    let (bare, braced) = ("0cce9210-69ae-11d9-bed3-505054503030", "{0cce9210-69ae-11d9-bed3-505054503030}");
    let house = windows();
    for (native, other) in [(bare, braced), (braced, bare)] {
        // The way the record writes it comes first, and is what people are shown.
        let record = format!(
            r#"{{"Channel":"Security","EventID":1,"Computer":"c","Image":"{native}","Not":"{native}"}}"#
        );
        house.check(
            &record,
            &format!(
                "1@0 windows/security -\nChannel = Text(\"Security\")\nEventID = Number(\"1\")\nComputer = Text(\"c\")\n\
                 Image = Text({native:?})\nImage = Text({other:?})"
            ),
        );
        // Elsewhere a GUID is a text like others.
        house.check(
            &format!(r#"{{"Image":"{native}"}}"#),
            &format!("1@0 unrecognised -\nImage = Text({native:?})"),
        );
        for wanted in [&[][..], &["Image"], &["Image", "Not"]] {
            use palisade_model::Batch;
            let (batches, _) = House::new(wanted, true).read(record.as_bytes());
            let mut seen = Vec::new();
            batches[0].scan_text(0, &mut |t| seen.push(t.to_owned()));
            assert_eq!(seen, ["Security", "1", "c", native, other, native, other], "{wanted:?}");
        }
    }
}

#[test]
fn unnamed_data_comes_joined_and_one_by_one() {
    let house = House::new(&["Data", "param2"], false);
    let head = r#""@timestamp":"2021-01-02T03:04:05Z","computer_name":"dc","log_name":"System","event_id":1"#;
    let want = r#"
        1@0 windows/system 2021-01-02T03:04:05.000000Z
          Data = Text("a\nb\n7")
          Computer = Text("dc")
          Data = Text("a")
          Data = Number("7")
          param2 = Text("b")
          Data = Text("b")
    "#;
    // Numbered names count by their number, however the keys are sorted.
    house.check(&format!(r#"{{{head},"event_data":{{"param1":"a","param10":7,"param2":"b"}}}}"#), want);
    house.check(
        r#"{"winlog.channel":"System","winlog.event_id":1,"winlog.event_data.param1":"a","winlog.event_data.param2":"b"}"#,
        "1@0 windows/system -\nData = Text(\"a\\nb\")\nData = Text(\"a\")\nparam2 = Text(\"b\")\nData = Text(\"b\")",
    );
    house.check(
        r#"{"winlog_channel":"System","winlog_event_id":1,"winlog_event_data_param1":"a","winlog_event_data_param2":"b"}"#,
        "1@0 windows/system -\nData = Text(\"a\\nb\")\nData = Text(\"a\")\nparam2 = Text(\"b\")\nData = Text(\"b\")",
    );
    // Without the field in a rule, and in records of other systems, nothing is joined.
    House::new(&["param2"], false).check(
        &format!(r#"{{{head},"event_data":{{"param1":"a","param2":"b"}}}}"#),
        "1@0 windows/system 2021-01-02T03:04:05.000000Z\nComputer = Text(\"dc\")\nparam2 = Text(\"b\")",
    );
    house.check(r#"{"Data":["a","b"]}"#, "1@0 unrecognised -\nData = Text(\"a\")\nData = Text(\"b\")");
    house.check(
        r#"{"Channel":"System","EventID":1,"Provider":"p","EventData":{"Data":["a","b"]}}"#,
        "1@0 windows/system -\nData = Text(\"a\\nb\")\nData = Text(\"a\")\nData = Text(\"b\")",
    );
    house.check(
        r#"{"Channel":"System","EventID":1,"Provider":"p","EventData":{"Data":"alone"}}"#,
        "1@0 windows/system -\nData = Text(\"alone\")",
    );
}

#[test]
fn a_channel_and_a_number_are_enough() {
    windows().check(
        "{\"Channel\":\"System\",\"EventID\":7045,\"Image\":\"i\"}\n\
         {\"EventID\":1,\"Channel\":\"Some/Other\",\"EventData\":{\"Image\":\"i\"},\"EventTime\":\"2020-01-01T00:00:00Z\"}\n\
         {\"System\":{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"Computer\":\"c\",\"TimeCreated\":{\"SystemTime\":\"2020-01-01T00:00:00Z\"},\"Provider\":{\"Name\":\"p\"}},\"EventData\":{\"Image\":\"i\"}}\n",
        r#"
        1@0 windows/system -
          Channel = Text("System")
          EventID = Number("7045")
          Image = Text("i")
        2@48 windows/other 2020-01-01T00:00:00.000000Z
          EventID = Number("1")
          Channel = Text("Some/Other")
          Image = Text("i")
        3@146 windows/sysmon/1 2020-01-01T00:00:00.000000Z
          Channel = Text("Microsoft-Windows-Sysmon/Operational")
          EventID = Number("1")
          Computer = Text("c")
          Provider_Name = Text("p")
          Image = Text("i")
        "#,
    );
}

#[test]
fn the_provider_is_known_however_xml_became_json() {
    let house = House::new(&["Provider_Name"], false);
    for (provider, name) in [
        (r##""Provider":{"#attributes":{"EventSourceName":"old","Name":"p"}}"##, "p"),
        (r#""Provider_attributes":{"Name":"p","EventSourceName":"old"}"#, "p"),
        (r#""Provider":{"Name":"p","EventSourceName":"old"}"#, "p"),
        (r#""Provider":{"@EventSourceName":"old","@Name":"p"}"#, "p"),
        (r##""Provider":{"#attributes":{"EventSourceName":"old"}}"##, "old"),
        (r#""Provider_attributes":{"EventSourceName":"old"}"#, "old"),
        (r#""Provider":{"EventSourceName":"old"}"#, "old"),
        (r#""Provider":{"@EventSourceName":"old"}"#, "old"),
    ] {
        // What the event's own data calls so does not matter.
        let event = format!(
            r#"{{"Event":{{"EventData":{{"Provider_Name":"no"}},"System":{{"Channel":"System","EventID":1,{provider}}}}}}}"#
        );
        let want = |at: &str| format!("{at} windows/system -\nProvider_Name = Text({name:?})");
        house.check(&event, &want("1@0"));
        house.check(&format!(r#"{{"document":{{"data":{event}}}}}"#), &want("1@0"));
    }
    for (provider, name) in [
        (r#"Name=\"p\" EventSourceName=\"old\""#, "p"),
        (r#"EventSourceName=\"old\" Name=\"p\""#, "p"),
        (r#"EventSourceName=\"old\""#, "old"),
    ] {
        house.check(
            &format!(r#"{{"Facility":"user","ProcessName":"x","SyslogMessage":"<Event><System><Provider {provider}/><Channel>System</Channel></System></Event>"}}"#),
            &format!("1@0 windows/system -\nProvider_Name = Text({name:?})"),
        );
    }
}

#[test]
fn unknown_stream_of_a_known_product() {
    windows().check(
        r#"{"Channel":"Some/Channel","EventID":5,"Computer":"c","SystemTime":"2020-01-01 00:00:00"}"#,
        r#"
        1@0 windows/other 2020-01-01T00:00:00.000000Z
          Channel = Text("Some/Channel")
          EventID = Number("5")
          Computer = Text("c")
        "#,
    );
}

#[test]
fn sentinel_xml_and_list_in_text() {
    windows().check(
        "{\"EventSourceName\":\"ADFS\",\"Channel\":\"Security\",\"EventID\":501,\"Computer\":\"fs\",\"TimeGenerated\":\"2021-07-01T10:00:00Z\",\"EventData\":\"<EventData xmlns=\\\"u\\\"><Data Name=\\\"Image\\\">a&amp;b &#x41;</Data><Data>two</Data><Data Name=\\\"CommandLine\\\"/></EventData>\"}\n\
         {\"EventSourceName\":\"ADFS\",\"Channel\":\"Security\",\"EventID\":501,\"TimeGenerated\":\"7/1/2021, 10:00:00.5 PM\",\"EventData_dynamic\":\"[\\\"x\\\",\\\"y\\\\\\\\z\\\"]\"}",
        r#"
        1@0 windows/security 2021-07-01T10:00:00.000000Z
          Provider_Name = Text("ADFS")
          Channel = Text("Security")
          EventID = Number("501")
          Computer = Text("fs")
          Image = Text("a&b A")
          Data = Text("two")
          CommandLine = Blank
        2@253 windows/security 2021-07-01T22:00:00.500000Z
          Data = Text("x\ny\\z")
          Provider_Name = Text("ADFS")
          Channel = Text("Security")
          EventID = Number("501")
          Data = Text("x")
          Data = Text("y\\z")
        "#,
    );
}

#[test]
fn sysmon_for_linux() {
    windows().check(
        r#"{"Facility":"user","HostName":"web","ProcessName":"sysmon","EventTime":"2021-12-10T01:02:03Z","SyslogMessage":"<Event><System><Provider Name=\"Linux-Sysmon\" Guid=\"{f}\"/><EventID>1</EventID><TimeCreated SystemTime=\"2021-12-10T01:02:02.5Z\"/><Channel>Linux-Sysmon/Operational</Channel><Computer>web1</Computer></System><EventData><Data Name=\"Image\">/bin/sh</Data></EventData></Event>"}"#,
        r#"
        1@0 linux/sysmon 2021-12-10T01:02:02.500000Z
          Provider_Name = Text("Linux-Sysmon")
          EventID = Text("1")
          Channel = Text("Linux-Sysmon/Operational")
          Computer = Text("web1")
          Image = Text("/bin/sh")
        "#,
    );
}

#[test]
fn auditd_in_syslog() {
    House::new(&["type", "exe", "a1", "a0"], false).check(
        r#"{"Facility":"user","ProcessName":"auditd","SyslogMessage":"type=EXECVE audit(1639098123.250:77): a0=\"sh\" a1=2F746D702F61 exe=\"/bin/sh\""}"#,
        r#"
        1@0 linux/auditd 2021-12-10T01:02:03.250000Z
          type = Text("EXECVE")
          a0 = Text("sh")
          a1 = Text("/tmp/a")
          exe = Text("/bin/sh")
        "#,
    );
}

fn cloud() -> House {
    House::new(
        &[
            "eventName",
            "userIdentity.type",
            "requestParameters",
            "requestParameters.items.name",
            "Operation",
            "Parameters.ForwardTo",
            "UserId",
        ],
        false,
    )
}

#[test]
fn cloudtrail() {
    let want = r#"
          eventName = Text("PutObject")
          userIdentity.type = Text("Root")
          requestParameters = Text("{\"items\":[{\"name\":\"a\"},{\"name\":\"b\"}]}")
          requestParameters.items.name = Text("a")
          requestParameters.items.name = Text("b")
    "#;
    let record = r#"{"eventSource":"s3","eventName":"PutObject","awsRegion":"x","eventTime":"2021-07-29T00:00:00Z","userIdentity":{"type":"Root"},"requestParameters":{"items":[{"name":"a"},{"name":"b"}]}}"#;
    let head = "aws/cloudtrail 2021-07-29T00:00:00.000000Z";
    cloud().check(record, &format!("1@0 {head}{want}"));
    cloud().check(&format!("[ {record} ,\n{record}]"), &format!("1@2 {head}{want}2@189 {head}{want}"));
    let wrapped = format!("{{\"Records\": [{record},{record}]}}");
    cloud().check(&wrapped, &format!("1@13 {head}{want}2@198 {head}{want}"));
    // Two deliveries on two lines: each element is cited by its line and its place.
    cloud().check(
        &format!("{wrapped}\n{wrapped}"),
        &format!("1@13 {head}{want}1@198 {head}{want}2@398 {head}{want}2@583 {head}{want}"),
    );
    // LookupEvents: the record is JSON in text.
    let quoted = record.replace('"', "\\\"");
    cloud().check(
        &format!("{{\"EventId\":\"1\",\"CloudTrailEvent\":\"{quoted}\"}}"),
        &format!("1@0 {head}{want}"),
    );
}

#[test]
fn m365() {
    cloud().check(
        r#"{"RecordType":1,"CreationDate":"2021-07-29T00:00:00Z","AuditData":"{\"CreationTime\":\"2021-07-28T00:00:00\",\"Operation\":\"New-InboxRule\",\"UserId\":\"a@b.c\",\"Parameters\":[{\"Name\":\"ForwardTo\",\"Value\":\"x@y.z\"}]}"}"#,
        r#"
        1@0 m365/audit 2021-07-28T00:00:00.000000Z
          Operation = Text("New-InboxRule")
          UserId = Text("a@b.c")
          Parameters.ForwardTo = Text("x@y.z")
        "#,
    );
}

#[test]
fn unrecognised_records_are_still_events() {
    House::new(&["Image", "a.b"], false).check(
        "{\"Image\":true,\"a.b\":[1,\"two\",null,false],\"ts\":1600000000123}\n{\"a\":{\"b\":{\"c\":1}},\"time\":1600000000.5}\n{}\n",
        r#"
        1@0 unrecognised 2020-09-13T12:26:40.123000Z
          Image = Bool(true)
          a.b = Number("1")
          a.b = Text("two")
          a.b = Null
          a.b = Bool(false)
        2@61 unrecognised 2020-09-13T12:26:40.500000Z
          a.b = Text("{\"c\":1}")
        3@101 unrecognised -
        "#,
    );
}

#[test]
fn a_wrapper_without_a_list_is_a_record() {
    House::new(&["a", "Records.a", "Records"], false).check(
        "{\"Records\":{\"a\":1}}\n{\"Records\":7,\"a\":2}\n{\"Records\":[1,\"x\"],\"a\":3}\n{\"Records\":null,\"a\":4}\n{\"Records\":[],\"a\":5}\n{\"Records\":[{\"a\":6}]}\n",
        r#"
        1@0 unrecognised -
          Records = Text("{\"a\":1}")
          Records.a = Number("1")
        2@20 unrecognised -
          Records = Number("7")
          a = Number("2")
        3@40 unrecognised -
          Records = Number("1")
          Records = Text("x")
          a = Number("3")
        4@66 unrecognised -
          Records = Null
          a = Number("4")
        6@122 unrecognised -
          a = Number("6")
        "#,
    );
}

#[test]
fn local_time_needs_a_zone() {
    let line = r#"{"Channel":"Security","EventID":1,"SourceName":"s","EventTime":"2020-06-09 22:50:54"}"#;
    let mut house = House::new(&["EventID"], false);
    house.check(
        &format!("{line}\n{line}"),
        r#"
        1@0 windows/security -
          EventID = Number("1")
        2@86 windows/security -
          EventID = Number("1")
        ! no_zone at 0 x2: a record's only time names no zone; declare one with --assume-timezone
        "#,
    );
    house.zone = Some(jiff::tz::TimeZone::get("America/New_York").unwrap());
    house.check(line, "1@0 windows/security 2020-06-10T02:50:54.000000Z\nEventID = Number(\"1\")");
}

#[test]
fn hashes_are_split_too() {
    House::new(&["Hashes", "Imphash", "sha256"], false).check(
        r#"{"Channel":"Security","EventID":1,"Computer":"c","Hashes":"SHA256=ab,IMPHASH=cd"}"#,
        r#"
        1@0 windows/security -
          Computer = Text("c")
          Hashes = Text("SHA256=ab,IMPHASH=cd")
          sha256 = Text("ab")
          Imphash = Text("cd")
        "#,
    );
}

#[test]
fn what_is_not_json_is_a_problem_and_the_rest_is_read() {
    House::new(&["a"], false).check(
        "{\"a\":1}\n{\"a\":1,}\nnot json\n{\"a\":NaN}\n\n{\"a\":\"x\n{\"a\":2} trailing\n<13>Nov 23 01:02:03 h app: {\"a\":3}\n",
        r#"
        1@0 unrecognised -
          a = Number("1")
        7@45 unrecognised -
          a = Number("2")
        8@89 unrecognised -
          a = Number("3")
        ! syntax at 15 x1: a line is not a JSON record and was left out: no key
        ! syntax at 17 x1: a line is not a JSON record and was left out: it begins with neither brace nor bracket
        ! syntax at 31 x1: a line is not a JSON record and was left out: no JSON value
        ! syntax at 42 x1: a line is not a JSON record and was left out: a string that does not end
        ! syntax at 53 x1: a line is not a JSON record and was left out: something follows the document
        "#,
    );
}

#[test]
fn pretty_documents_and_broken_ones() {
    House::new(&["a"], false).check(
        "{\n \"a\": 1\n}\n{\n \"a\": \"x\n{\"a\":2}\n{\"a\":3}\n",
        r#"
        1@0 unrecognised -
          a = Number("1")
        3@23 unrecognised -
          a = Number("2")
        4@31 unrecognised -
          a = Number("3")
        ! syntax at 20 x1: a line is not a JSON record and was left out: a string that does not end
        "#,
    );
}

#[test]
fn evtx_dump_puts_a_line_before_each_record() {
    let house = House::new(&["EventID"], false);
    let pretty = |id: u32| {
        format!(
            "{{\n  \"Event\": {{\n    \"System\": {{ \"Channel\": \"System\", \"EventID\": {id} }}\n  }}\n}}\n"
        )
    };
    let dump = format!("Record 1\n{}Record 2\n{}Record 30\n{}", pretty(1), pretty(2), pretty(3));
    house.check(
        &dump,
        r#"
        1@9 windows/system -
          EventID = Number("1")
        2@91 windows/system -
          EventID = Number("2")
        3@174 windows/system -
          EventID = Number("3")
        "#,
    );
    assert!(house.render(dump.replace('\n', "\r\n").as_bytes()).matches("windows/system").count() == 3);
    // The same without indentation: lines count.
    house.check(
        "Record 1\n{\"a\":1}\nRecord 2\n{\"EventID\":2}\n",
        "2@9 unrecognised -\n4@26 unrecognised -\nEventID = Number(\"2\")",
    );
    // A record that breaks off takes nothing with it.
    let broken =
        format!("Record 1\n{{\n \"Event\": {{\n \"a\": 1\nRecord 2\n{}Record 3\n{}", pretty(2), pretty(3));
    let got = house.render(broken.as_bytes());
    assert_eq!(got.matches("windows/system").count(), 2, "{got}");
    assert_eq!(got.matches("! syntax at ").count(), 1, "{got}");
    // Other text in front of a document is no mark.
    assert!(house.render(b"Record x\n{\"a\":1}\n").contains("! syntax at 0"));
}

#[test]
fn a_list_of_nothing_holds_no_records_and_no_problem() {
    for text in ["[]", "[ ]\n", "\n[\n \r\n]\n\n", "\u{FEFF}[]"] {
        House::new(&["a"], true).check(text, "");
    }
}

#[test]
fn encodings() {
    let house = House::new(&["a"], false);
    let want = "1@{} unrecognised -\n  a = Text(\"ü\")\n";
    let text = "{\"a\":\"ü\"}\n";
    assert_eq!(house.render(format!("\u{FEFF}{text}").as_bytes()), want.replace("{}", "3"));
    let le: Vec<u8> = format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(house.render(&le), want.replace("{}", "3"));
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(house.render(&be), want.replace("{}", "0"));
    assert_eq!(
        house.render(b"{\"a\":\"\xFC\"}\n{\"a\":1}"),
        "1@0 unrecognised -\n  a = Text(\"?\")\n2@10 unrecognised -\n  a = Number(\"1\")\n\
         ! encoding at 6 x1: JSON text is not UTF-8; each bad byte was replaced by a question mark\n"
    );
}

#[test]
fn sniffing() {
    let sniff = palisade_host::json::sniff;
    for yes in [
        "{\"a\":1}",
        "  [\n {\"a\":1}]",
        "\u{FEFF}{ \"a\" : 1",
        "{}",
        "[]",
        " [ \r\n] \n",
        "<13>Nov h: {\"a\":1}\n",
        "Record 1\n{\n  \"a\": 1",
        "Record 1\r\n{\"a\":1}",
    ] {
        assert!(sniff(yes.as_bytes()), "{yes}");
    }
    for no in [
        "",
        "[section]\nkey=1",
        "[1,2]",
        "[",
        "[] x",
        "[]\nkey=1",
        "{ key: 1 }",
        "{\"a\" 1",
        "text",
        "[\"a\"]",
        "<xml>{}",
        "Record 1\n<xml>",
        "Record 1",
        "Record {",
        "Record 1 {\"a\":1}",
    ] {
        assert!(!sniff(no.as_bytes()), "{no}");
    }
    let wide: Vec<u8> = "[{\"a\":1}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(sniff(&wide));
}

#[test]
fn keyword_search_sees_every_text() {
    use palisade_model::Batch;
    let house = House::new(&["a"], true);
    let (batches, _) = house.read(br#"{"a":"x\\y","deep":[{"er":"Mimi\u006batz"}],"n":1}"#);
    let mut seen = Vec::new();
    batches[0].scan_text(0, &mut |t| seen.push(t.to_owned()));
    assert_eq!(seen, ["x\\y", "Mimikatz", "1"]);
    assert!(batches[0].text(0).escaped);
}

#[test]
fn keyword_search_sees_the_same_whatever_else_is_wanted() {
    use palisade_model::Batch;
    for wanted in [&["other"][..], &["N"], &["N", "list", "deep.N"]] {
        let (batches, _) =
            House::new(wanted, true).read(br#"{"N":987654,"list":[1,"two"],"deep":{"N":-2.5e3}}"#);
        let mut seen = Vec::new();
        batches[0].scan_text(0, &mut |t| seen.push(t.to_owned()));
        assert_eq!(seen, ["987654", "1", "two", "-2.5e3"], "{wanted:?}");
    }
}
