//! Tables: exports of portals, results of other tools, mappings.

use palisade_host::Format;
use palisade_host::lines::Kind;

use crate::lines::Shipped;

#[test]
fn the_unified_audit_log_as_a_table_with_records_inside() {
    let text = "\u{feff}RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits\r\n\
        11111111-1111-1111-1111-111111111111,2024-03-01T10:00:00.0000000Z,1,New-InboxRule,bob@example.org,\"{\"\"CreationTime\"\":\"\"2024-03-01T10:00:00\"\",\"\"Id\"\":\"\"1\"\",\"\"Operation\"\":\"\"New-InboxRule\"\",\"\"OrganizationId\"\":\"\"o\"\",\"\"RecordType\"\":1,\"\"ResultStatus\"\":\"\"True\"\",\"\"UserId\"\":\"\"bob@example.org\"\",\"\"Workload\"\":\"\"Exchange\"\",\"\"ClientIP\"\":\"\"203.0.113.7\"\",\"\"Parameters\"\":[{\"\"Name\"\":\"\"ForwardTo\"\",\"\"Value\"\":\"\"x@example.net\"\"}]}\",\r\n\
        2,2024-03-01T10:00:01Z,15,UserLoggedIn,eve@example.org,\"{\"\"CreationTime\"\":\"\"2024-03-01T10:00:01\"\",\"\"Operation\"\":\"\"UserLoggedIn\"\",\"\"Workload\"\":\"\"AzureActiveDirectory\"\",\"\"UserId\"\":\"\"eve@example.org\"\"}\",\r\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.kind(), Kind::Table);
    assert_eq!((seen.rows.len(), seen.said().as_str()), (2, ""));
    let row = &seen.rows[0];
    assert_eq!(row.shape, "m365/audit");
    assert_eq!((row.record, row.time.as_deref()), (2, Some("2024-03-01T10:00:00.000000Z")));
    assert!(text[row.offset as usize..].starts_with("11111111-"));
    row.has(&[
        ("Workload", "Exchange"),
        ("ClientIP", "203.0.113.7"),
        ("Operation", "New-InboxRule"),
        ("UserId", "bob@example.org"),
    ]);
    assert!(
        row.fields.iter().any(|(k, v)| k.ends_with("ForwardTo") && v.contains(&"x@example.net".to_owned())),
        "{row:#?}"
    );
    assert_eq!(seen.rows[1].record, 3);
}

#[test]
fn results_of_other_tools_are_events_of_their_own() {
    let hayabusa = "\"Timestamp\",\"RuleTitle\",\"Level\",\"Computer\",\"Channel\",\"EventID\",\"RecordID\",\"Details\",\"ExtraFieldInfo\"\n\
        \"2021-12-23 00:00:00.000 +09:00\",\"Logon (Network)\",\"info\",\"dc01.example.org\",\"Sec\",4624,17,\"Type: 3 ¦ TgtUser: bob ¦ SrcIP: 203.0.113.7\",\"-\"\n";
    let chainsaw = "timestamp,detections,path,count,Event.System.Provider,Event ID,Record ID,Computer,Event Data\n\
        2022-02-01T10:00:00.123456+00:00,Suspicious Service,/x/System.evtx,1,Service Control Manager,7045,12,ws01,\"ServiceName: x\nImagePath: y\"\n";
    let l2t = "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,notes,format,extra\n\
        03/01/2024,10:00:00,UTC,M...,FILE,NTFS,Modified,-,ws01,x,/tmp/x,2,TSK:/tmp/x,77,-,filestat,-\n";
    let dynamic = "datetime,timestamp_desc,source,source_long,message,parser,display_name,tag\n\
        2024-03-01T10:00:00+00:00,Content Modification Time,FILE,File stat,OS:/x,filestat,OS:/x,-\n";
    for (text, shape, time, host) in [
        (hayabusa, "import.hayabusa", "2021-12-22T15:00:00.000000Z", "dc01.example.org"),
        (chainsaw, "import.chainsaw", "2022-02-01T10:00:00.123456Z", "ws01"),
        (l2t, "import.plaso", "2024-03-01T10:00:00.000000Z", "ws01"),
        (dynamic, "import.plaso", "2024-03-01T10:00:00.000000Z", ""),
    ] {
        let house = Shipped::new();
        let seen = house.read(text.as_bytes());
        assert_eq!((seen.kind(), seen.rows.len(), seen.said().as_str()), (Kind::Table, 1, ""), "{text}");
        let row = &seen.rows[0];
        let meant = house.catalogue.stream(shape).map(|s| house.catalogue.shape(s, 0)).unwrap();
        assert_eq!(row.shape, house.catalogue.shape_of(meant).name);
        assert!(row.categories.is_empty());
        assert_eq!(row.time.as_deref(), Some(time), "{text}");
        if !host.is_empty() {
            assert!(row.all("Computer").contains(&host) || row.all("host").contains(&host), "{row:#?}");
        }
    }
}

#[test]
fn velociraptor_rows_route_like_the_records_they_are() {
    let text = "{\"System\":{\"Provider\":{\"Name\":\"Microsoft-Windows-Security-Auditing\"},\"EventID\":{\"Value\":4624},\"Version\":2,\"TimeCreated\":{\"SystemTime\":1600000000.5},\"EventRecordID\":7,\"Channel\":\"Security\",\"Computer\":\"ws01\"},\"EventData\":{\"TargetUserName\":\"bob\",\"LogonType\":3},\"Message\":\"An account\",\"ClientId\":\"C.1\",\"Fqdn\":\"ws01\"}\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.format, Some(Format::Json));
    assert!(seen.rows[0].shape.starts_with("windows/security"), "{}", seen.rows[0].shape);
    seen.rows[0].has(&[("TargetUserName", "bob")]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2020-09-13T12:26:40.500000Z"));
}

#[test]
fn sign_ins_from_the_portal() {
    let text = "Date (UTC),Request ID,User agent,Correlation ID,User ID,User,Username,User type,Application,Resource,IP address,Location,Status,Sign-in error code,Failure reason,Client app,Conditional Access\n\
        2024-03-01T10:00:00Z,1,Mozilla/5.0,2,3,Bob,bob@example.org,Member,Office,Graph,203.0.113.7,\"Kyiv, UA\",Failure,50126,Invalid credentials,Browser,notApplied\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.rows[0].shape, "azure/signinlogs");
    seen.rows[0].has(&[
        ("ResultType", "50126"),
        ("IPAddress", "203.0.113.7"),
        ("UserPrincipalName", "bob@example.org"),
    ]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2024-03-01T10:00:00.000000Z"));
}

#[test]
fn an_unknown_table_keeps_its_names_and_a_mapping_says_what_it_is() {
    let text = "When;Wer;Pfad;Antwort\n2024-03-01 10:00:00;203.0.113.7;/admin.php?x=\"y\";200\n2024-03-01 10:00:01;203.0.113.8;\"/a;b\";404\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!((seen.kind(), seen.rows.len(), seen.said().as_str()), (Kind::Table, 2, ""));
    assert_eq!(seen.rows[0].shape, "unrecognised");
    seen.rows[0].has(&[("Wer", "203.0.113.7"), ("Pfad", "/admin.php?x=\"y\"")]);
    let mapping = "stream = \"webserver.access\"\n[columns]\ntime = \"When\"\n\"c-ip\" = \"Wer\"\n\"cs-uri-stem\" = \"Pfad\"\n\"sc-status\" = \"Antwort\"\n";
    let mut house = Shipped::with(&[], Some(mapping), true);
    house.zone = Some(jiff::tz::TimeZone::fixed(jiff::tz::offset(1)));
    let seen = house.read(text.as_bytes());
    assert_eq!(seen.rows[1].categories, ["webserver"]);
    seen.rows[1].has(&[("c-ip", "203.0.113.8"), ("cs-uri-stem", "/a;b"), ("sc-status", "404")]);
    assert_eq!(seen.rows[1].time.as_deref(), Some("2024-03-01T09:00:01.000000Z"));
    for bad in
        ["stream = \"x\"", "stream = \"x\"\n[columns]\n", "stream = \"x\"\n[columns]\na = \"b\"\n[other]\n"]
    {
        assert!(palisade_host::json::DialectSet::new().add_mapping("m.toml", bad).is_err(), "{bad}");
    }
}

#[test]
fn rows_that_do_not_fit_the_header_are_said() {
    let text = "a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12,\n\"13\n\",\"1\"\"4\",15\n";
    let seen = Shipped::new().read_as(Format::Lines(Kind::Table), text.as_bytes());
    assert_eq!(seen.rows.len(), 5);
    assert_eq!(
        seen.said(),
        "syntax x1: a row has fewer values than the table has columns; it was read as far as it goes\n\
         syntax x1: a row has more values than the table has columns; those beyond were left out\n"
    );
    seen.rows[4].has(&[("a", "13\n"), ("b", "1\"4"), ("c", "15")]);
    assert_eq!(seen.rows.iter().map(|r| r.record).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
}

#[test]
fn a_quote_that_never_closes_hides_no_row() {
    let house = Shipped::new();
    let read = |text: &str| house.read_as(Format::Lines(Kind::Table), text.as_bytes());
    // Every second line would close what the one before opened.
    let seen = read(&format!("a,b,c\n{}{}", "1,2,3\n".repeat(64), "4,\"5\",\"6\n".repeat(101)));
    assert_eq!(seen.rows.len(), 165);
    assert_eq!(seen.said(), "syntax x1: a quote does not close; the lines from there were read one by one\n");
    seen.rows[164].has(&[("a", "4"), ("b", "5"), ("c", "\"6")]);
    assert_eq!(seen.rows[164].record, 166);
    // A stray quote that the next one closes.
    let seen = read("a,b,c\n1,\"2,3\n4,5,6\n7,\"8\",9\n10,\"11\n12\",13\n");
    assert_eq!(seen.rows.len(), 4, "{:#?}", seen.rows);
    assert!(seen.said().contains("make no row together"), "{}", seen.said());
    seen.rows[0].has(&[("a", "1"), ("b", "\"2"), ("c", "3")]);
    seen.rows[2].has(&[("a", "7"), ("b", "8"), ("c", "9")]);
    seen.rows[3].has(&[("b", "11\n12"), ("c", "13")]);
    assert_eq!(seen.rows.iter().map(|r| r.record).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn quotes_behind_backslashes_are_read_as_they_are_meant() {
    let house = Shipped::new();
    for (value, meant) in [
        // Of exporters that escape quotes so.
        (r#""he said \"hi\"""#, r#"he said "hi""#),
        (r#""\"a\", b""#, r#""a", b"#),
        // Of those that follow RFC 4180: folders, JSON, JSON inside JSON.
        (r#""C:\dir\""#, r"C:\dir\"),
        (r#""{""a"":""x\""y\"",z""}""#, r#"{"a":"x\"y\",z"}"#),
        (r#""""""#, r#"""#),
    ] {
        let text = format!("a,b,c\n1,{value},3\n4,5,6\n");
        let seen = house.read_as(Format::Lines(Kind::Table), text.as_bytes());
        assert_eq!((seen.rows.len(), seen.said().as_str()), (2, ""), "{text}");
        seen.rows[0].has(&[("a", "1"), ("b", meant), ("c", "3")]);
    }
}

#[test]
fn prose_and_binaries_are_not_recognised() {
    for text in [
        "Dear all,\nthis is a letter, with commas, and more.\nIt has lines, too.\n",
        "#separator \\x09\n#fields\tts\tuid\n1\t2\n",
        "fn main() {\n    println!(\"x\");\n}\n",
        "\u{0}\u{1}\u{2}\u{3}a,b,c\n1,2,3\n",
        "one, two\nthree, four\n",
        "",
        "\n\n\n",
    ] {
        assert_eq!(palisade_host::sniff(text.as_bytes()), None, "{text:?}");
    }
}
