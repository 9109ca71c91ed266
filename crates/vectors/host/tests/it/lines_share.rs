//! How much of each format is read: of samples written after the vendors' documentation, at least 98 of 100
//! records, each of a kind that is known, and what is not read is among the problems.
//!
//! `cargo test -p palisade-host --release share -- --nocapture` prints the table.

use palisade_host::Format;
use palisade_host::lines::Kind;

use crate::lines::Shipped;

/// A format, how many records its lines are, what stands before them, and the lines; `@N` in them is a count.
struct Sample {
    format: &'static str,
    records: usize,
    head: &'static str,
    lines: &'static str,
}

const fn lines(format: &'static str, records: usize, lines: &'static str) -> Sample {
    Sample { format, records, head: "", lines }
}

const fn under(format: &'static str, head: &'static str, records: usize, lines: &'static str) -> Sample {
    Sample { format, records, head, lines }
}

/// What a mapping makes of a table that nobody knows.
const MAPPING: &str = "stream = \"webserver.access\"\n[columns]\ntime = \"When\"\n\"c-ip\" = \"Who\"\n\"cs-uri-stem\" = \"Path\"\n\"sc-status\" = \"Answer\"\n";

const SAMPLES: [Sample; 39] = [
    lines(
        "syslog RFC 3164",
        5,
        "<34>Oct 11 22:14:15 web1 su[77]: FAILED SU (to root) bob on /dev/pts/8\n\
         Oct 11 22:14:16 web1 sshd[1234]: Failed password for invalid user admin from 203.0.113.7 port 51022 ssh2\n\
         Oct  1 02:14:17 web1 CRON[88]: (root) CMD (/usr/bin/run-parts /etc/cron.hourly)\n\
         Oct 11 22:14:18 web1 kernel: [12345.678] [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.9 DST=192.0.2.1 PROTO=TCP SPT=4444 DPT=22 SYN\n\
         Oct 11 22:14:19 web1 message without a tag\n",
    ),
    lines(
        "syslog RFC 5424",
        3,
        "<165>1 2003-10-11T22:14:15.003Z host.example.com app 42 ID47 [x@32473 a=\"3\" b=\"c \\\"d\\]\\\"\"] An event\n\
         <34>1 2003-10-11T22:14:15.003000+02:00 host sshd 7 - - Invalid user guest from 203.0.113.77 port 22\n\
         <13>1 - - - - - -\n",
    ),
    lines(
        "auditd",
        3,
        "type=SYSCALL msg=audit(1604996384.965:1@N1): arch=c000003e syscall=59 success=yes exit=0 a0=55 items=1 ppid=1 pid=2 auid=1000 uid=0 comm=\"dd\" exe=\"/bin/dd\" key=(null)\n\
         type=EXECVE msg=audit(1604996384.965:1@N1): argc=2 a0=\"dd\" a1=62733D31203220\n\
         type=PROCTITLE msg=audit(1604996384.965:1@N1): proctitle=64640062733D31\n\
         type=USER_LOGIN msg=audit(1604996385.123:1@N2): pid=812 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.5 terminal=ssh res=failed'\n\
         type=SERVICE_START msg=audit(1604996386.123:1@N3): pid=1 uid=0 auid=4294967295 msg='unit=cron comm=\"systemd\" exe=\"/lib/systemd/systemd\" res=success'\n",
    ),
    lines(
        "journald export",
        2,
        "__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1700000000123456\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=sshd\n_PID=7\nMESSAGE=Accepted password for bob from 203.0.113.7 port 22 ssh2\n\n\
         __CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000001123456\n_HOSTNAME=web1\n_COMM=kworker\nMESSAGE=x\n\n",
    ),
    lines(
        "journald JSON",
        1,
        "{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"MESSAGE\":\"x\",\"_HOSTNAME\":\"web1\",\"SYSLOG_IDENTIFIER\":\"cron\",\"PRIORITY\":\"6\"}\n",
    ),
    lines(
        "macOS unified log",
        1,
        "{\"traceID\":1,\"eventMessage\":\"Sudo\",\"eventType\":\"logEvent\",\"source\":null,\"processImagePath\":\"/usr/bin/sudo\",\"subsystem\":\"\",\"machTimestamp\":123,\"timestamp\":\"2023-10-01 12:00:00.123456+0200\",\"messageType\":\"Default\",\"processID\":77}\n",
    ),
    lines(
        "macOS ESF",
        2,
        "{\"schema_version\":1,\"event_type\":9,\"time\":\"2023-10-01T12:00:00.1Z\",\"global_seq_num\":3,\"process\":{\"audit_token\":{\"pid\":9},\"executable\":{\"path\":\"/bin/sh\"}},\"event\":{\"exec\":{\"target\":{\"executable\":{\"path\":\"/bin/ls\"}},\"args\":[\"ls\",\"-l\"]}}}\n\
         {\"schema_version\":1,\"event_type\":10,\"time\":\"2023-10-01T12:00:00.2Z\",\"global_seq_num\":4,\"process\":{\"audit_token\":{\"pid\":9},\"executable\":{\"path\":\"/bin/sh\"}},\"event\":{\"write\":{\"target\":{\"path\":\"/tmp/x\"}}}}\n",
    ),
    lines(
        "CLF",
        2,
        "203.0.113.7 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326\n\
         2001:db8::1 - - [10/Oct/2000:13:55:37 -0700] \"-\" 408 -\n",
    ),
    lines(
        "combined",
        3,
        "203.0.113.7 - - [10/Oct/2000:13:55:37 -0700] \"GET /cgi-bin/t.cgi?a=1&b=%2e HTTP/1.1\" 404 - \"http://www.example.com/start.html\" \"Mozilla/4.08 [en] (Win98; I)\"\n\
         www.example.org:443 2001:db8::1 - - [10/Oct/2000:13:55:38 +0000] \"POST /login HTTP/2.0\" 302 0 \"-\" \"a \\\"quoted\\\" agent\"\n\
         203.0.113.9 - - [10/Oct/2000:13:55:40 +0000] \"\\x16\\x03\\x01\" 400 226 \"-\" \"-\"\n",
    ),
    under(
        "IIS W3C",
        "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2024-03-01 00:00:03\n\
         #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n",
        2,
        "2024-03-01 00:00:03 192.0.2.10 GET /owa/auth.owa x=1 443 EXAMPLE\\bob 203.0.113.5 Mozilla/5.0+(Windows+NT+10.0) - 200 0 0 15\n\
         2024-03-01 00:00:04 192.0.2.10 POST /ecp/y.js - 443 - 203.0.113.6 \"x \"y\" 500 0 0 3\n",
    ),
    under(
        "W3C of a proxy",
        "#Software: SGOS 6.7.4.1\n#Fields: date time time-taken c-ip cs-username sc-filter-result cs-categories cs(Referer) sc-status s-action cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs(User-Agent)\n",
        1,
        "2024-03-01 10:00:00 12 10.1.1.1 alice OBSERVED \"Technology/Internet;News\" - 200 TCP_MISS GET http news.example.com 80 /a/b.php ?id=1 \"Mozilla/5.0 (X11)\"\n",
    ),
    under(
        "Windows firewall",
        "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n\n",
        1,
        "2024-03-01 10:00:00 DROP TCP 203.0.113.9 192.0.2.4 50111 3389 52 S 123 0 8192 - - - RECEIVE\n",
    ),
    lines(
        "Apache error",
        2,
        "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 203.0.113.15:4711] AH00128: File does not exist: /srv/x\n\
         [Wed Oct 11 14:32:52 2000] [error] [client 198.51.100.1] client denied by server configuration: /export/home\n",
    ),
    lines(
        "nginx error",
        2,
        "2023/10/01 12:00:00 [error] 1234#5678: *90 open() \"/srv/x\" failed (2: No such file or directory), client: 203.0.113.4, server: www.example.org, request: \"GET /x?y=1 HTTP/1.1\", host: \"www.example.org\"\n\
         2023/10/01 12:00:01 [notice] 1#1: start worker processes\n",
    ),
    lines(
        "CEF",
        3,
        "CEF:0|Vendor|Wall|1|7|Blocked|5|src=203.0.113.2 spt=4 dst=192.0.2.1 dpt=22 proto=TCP act=blocked rt=1700000000000\n\
         CEF:0|Vendor|Gate|1|8|Request|5|src=192.0.2.2 request=http://a.example/ requestMethod=GET act=allow\n\
         CEF:0|Security|threat\\|manager|1.0|100|worm stopped|10|msg=a message with a \\= sign\\nand line cs1Label=Policy cs1=Block all\n",
    ),
    lines(
        "LEEF 1 and 2",
        2,
        "LEEF:1.0|Vendor|Mail|4.0|15345|src=192.0.2.0\tdst=192.0.2.9\tsev=5\tcat=anomaly\tusrName=joe\n\
         LEEF:2.0|Vendor|Flow|1.0|41|^|src=192.0.2.8^dst=192.0.2.5^sev=5^url=https://example.com/?a=b\n",
    ),
    lines(
        "key=value",
        2,
        "time=2024-03-01T10:00:00Z src=203.0.113.2 dst=192.0.2.1 dport=22 action=deny msg=\"not allowed\"\n\
         time=2024-03-01T10:00:01Z src=192.0.2.2 url=\"http://a.example/\" method=GET action=allow\n",
    ),
    lines(
        "FortiGate",
        2,
        "date=2019-05-10 time=11:37:47 logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" eventtime=1557513467369913239 srcip=10.1.100.11 srcport=58012 dstip=203.0.113.85 dstport=80 action=\"close\" devid=\"FGT60E1234567890\"\n\
         date=2019-05-10 time=11:37:48 logid=\"0316013056\" type=\"utm\" subtype=\"webfilter\" level=\"warning\" vd=\"root\" srcip=10.1.100.11 hostname=\"a.example\" url=\"/x\" action=\"blocked\" devid=\"FGT60E1234567890\"\n",
    ),
    lines(
        "Squid",
        2,
        "1286536308.779    180 192.0.2.224 TCP_MISS/200 411 GET http://api.example.com:8080/v1/x?k=v bob HIER_DIRECT/198.51.100.9 application/json\n\
         1286536309.000  1200 192.0.2.225 TCP_TUNNEL/200 9121 CONNECT mail.example.com:443 - HIER_DIRECT/198.51.100.7 -\n",
    ),
    lines(
        "PostgreSQL stderr",
        3,
        "2023-10-01 12:00:00.123 UTC [1234] alice@shop LOG:  statement: SELECT *\n\tFROM voters\n\
         2023-10-01 12:00:01.000 UTC [1234] alice@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.voters,\"select a, b from voters\",<none>\n\
         2023-10-01 12:00:03.000 UTC [99] postgres@postgres FATAL:  password authentication failed for user \"postgres\"\n",
    ),
    lines(
        "PostgreSQL csvlog",
        1,
        "2023-10-01 12:00:00.123 UTC,\"alice\",\"shop\",1234,\"203.0.113.4:53211\",65195f80.4d2,1,\"SELECT\",2023-10-01 11:59:44 UTC,3/12,0,LOG,00000,\"statement: select \"\"x\"\",\n 1\",,,,,,,,,\"psql\",\"client backend\",,0\n",
    ),
    lines(
        "PostgreSQL jsonlog",
        1,
        "{\"timestamp\":\"2023-10-01 12:00:00.123 UTC\",\"user\":\"alice\",\"dbname\":\"shop\",\"pid\":1234,\"remote_host\":\"203.0.113.4\",\"session_id\":\"65195f80.4d2\",\"line_num\":1,\"error_severity\":\"ERROR\",\"message\":\"relation does not exist\",\"backend_type\":\"client backend\"}\n",
    ),
    under(
        "MySQL general",
        "/usr/sbin/mysqld, Version: 8.0.34 (MySQL Community Server - GPL). started with:\nTcp port: 3306  Unix socket: /run/mysqld.sock\nTime                 Id Command    Argument\n",
        3,
        "2023-10-01T12:00:00.123456Z\t    8 Connect\troot@localhost on shop using Socket\n\
         2023-10-01T12:00:01.123456Z\t    8 Query\tselect *\nfrom users\n\
         2023-10-01T12:00:03.123456Z\t    8 Quit\t\n",
    ),
    under(
        "MySQL audit XML",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<AUDIT>\n",
        1,
        " <AUDIT_RECORD>\n  <TIMESTAMP>2019-10-03T14:06:33 UTC</TIMESTAMP>\n  <NAME>Query</NAME>\n  <CONNECTION_ID>5</CONNECTION_ID>\n  <USER>root</USER>\n  <IP>127.0.0.1</IP>\n  <SQLTEXT>DROP TABLE t1 -- &lt;x&gt;</SQLTEXT>\n </AUDIT_RECORD>\n",
    ),
    lines(
        "MySQL audit JSON",
        1,
        "{ \"timestamp\": \"2019-10-03 14:06:33\", \"id\": 0, \"class\": \"general\", \"event\": \"status\", \"connection_id\": 5, \"account\": { \"user\": \"root\", \"host\": \"localhost\" }, \"login\": { \"user\": \"root\", \"ip\": \"::1\" }, \"general_data\": { \"command\": \"Query\", \"query\": \"SHOW VARIABLES\", \"status\": 0 } }\n",
    ),
    lines(
        "CloudTrail",
        2,
        "{\"Records\":[{\"eventVersion\":\"1.08\",\"eventTime\":\"2024-03-01T10:00:00Z\",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\",\"sourceIPAddress\":\"203.0.113.7\",\"userIdentity\":{\"type\":\"Root\"}},\
         {\"eventVersion\":\"1.08\",\"eventTime\":\"2024-03-01T10:00:01Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"requestParameters\":{\"bucketName\":\"b\"}}]}\n",
    ),
    lines(
        "Azure",
        2,
        "{\"time\":\"2024-03-01T10:00:00Z\",\"category\":\"SignInLogs\",\"resultType\":\"0\",\"properties\":{\"userPrincipalName\":\"bob@example.org\",\"appDisplayName\":\"Portal\",\"ipAddress\":\"203.0.113.7\"}}\n\
         {\"time\":\"2024-03-01T10:00:01Z\",\"resourceId\":\"/SUBSCRIPTIONS/1\",\"operationName\":\"MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE\",\"category\":\"Administrative\",\"resultType\":\"Success\"}\n",
    ),
    lines(
        "GCP audit",
        1,
        "{\"insertId\":\"a\",\"logName\":\"projects/p/logs/cloudaudit.googleapis.com%2Factivity\",\"timestamp\":\"2024-03-01T10:00:00Z\",\"protoPayload\":{\"serviceName\":\"iam.googleapis.com\",\"methodName\":\"google.iam.admin.v1.CreateServiceAccountKey\",\"authenticationInfo\":{\"principalEmail\":\"bob@example.org\"}}}\n",
    ),
    lines(
        "Okta",
        1,
        "{\"uuid\":\"1\",\"published\":\"2024-03-01T10:00:00Z\",\"eventType\":\"user.session.start\",\"actor\":{\"alternateId\":\"bob@example.org\"},\"client\":{\"ipAddress\":\"203.0.113.7\"},\"outcome\":{\"result\":\"SUCCESS\"}}\n",
    ),
    lines(
        "Google Workspace",
        1,
        "{\"kind\":\"admin#reports#activity\",\"id\":{\"time\":\"2024-03-01T10:00:00Z\",\"applicationName\":\"login\"},\"actor\":{\"email\":\"bob@example.org\"},\"ipAddress\":\"203.0.113.7\",\"events\":[{\"type\":\"login\",\"name\":\"login_success\"}]}\n",
    ),
    under(
        "Microsoft 365 CSV",
        "\u{feff}RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits\n",
        1,
        "1,2024-03-01T10:00:00Z,1,New-InboxRule,bob@example.org,\"{\"\"CreationTime\"\":\"\"2024-03-01T10:00:00\"\",\"\"Operation\"\":\"\"New-InboxRule\"\",\"\"Workload\"\":\"\"Exchange\"\",\"\"Note\"\":\"\"say \\\"\"hi\\\"\",x\"\"}\",\n",
    ),
    under(
        "CSV with a mapping",
        "When;Who;Path;Answer\n",
        2,
        "2024-03-01T10:00:00Z;203.0.113.7;/admin.php?x=\"y\";200\n2024-03-01T10:00:01Z;203.0.113.8;\"/a;b\n\";404\n",
    ),
    under(
        "Hayabusa CSV",
        "\"Timestamp\",\"RuleTitle\",\"Level\",\"Computer\",\"Channel\",\"EventID\",\"RecordID\",\"Details\",\"ExtraFieldInfo\"\n",
        1,
        "\"2021-12-23 00:00:00.000 +09:00\",\"Logon (Network)\",\"info\",\"dc01.example.org\",\"Sec\",4624,17,\"Type: 3 ¦ TgtUser: bob\",\"-\"\n",
    ),
    under(
        "Chainsaw CSV",
        "timestamp,detections,path,count,Event.System.Provider,Event ID,Record ID,Computer,Event Data\n",
        1,
        "2022-02-01T10:00:00.123456+00:00,Suspicious Service,/x/System.evtx,1,Service Control Manager,7045,12,ws01,\"ServiceName: x\nImagePath: y\"\n",
    ),
    under(
        "plaso l2tcsv",
        "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,notes,format,extra\n",
        1,
        "03/01/2024,10:00:00,UTC,M...,FILE,NTFS,Modified,-,ws01,x,/tmp/x,2,TSK:/tmp/x,77,-,filestat,-\n",
    ),
    under(
        "plaso dynamic CSV",
        "datetime,timestamp_desc,source,source_long,message,parser,display_name,tag\n",
        1,
        "2024-03-01T10:00:00+00:00,Content Modification Time,FILE,File stat,OS:/x,filestat,OS:/x,-\n",
    ),
    lines(
        "Hayabusa JSON",
        1,
        "{\"Timestamp\":\"2021-12-23 00:00:00.000 +09:00\",\"RuleTitle\":\"Logon\",\"Level\":\"info\",\"Computer\":\"dc01\",\"Channel\":\"Sec\",\"EventID\":4624,\"RecordID\":17,\"Details\":{\"Type\":3}}\n",
    ),
    lines(
        "Velociraptor",
        1,
        "{\"System\":{\"Provider\":{\"Name\":\"Microsoft-Windows-Security-Auditing\"},\"EventID\":{\"Value\":4624},\"Version\":2,\"TimeCreated\":{\"SystemTime\":1600000000.5},\"EventRecordID\":7,\"Channel\":\"Security\",\"Computer\":\"ws01\"},\"EventData\":{\"TargetUserName\":\"bob\",\"LogonType\":3},\"Message\":\"An account\",\"ClientId\":\"C.1\",\"Fqdn\":\"ws01\"}\n",
    ),
    lines(
        "Sysmon in Log Analytics Syslog",
        1,
        "{\"TimeGenerated\":\"2023-11-14T22:13:20Z\",\"Facility\":\"user\",\"Computer\":\"web1\",\"ProcessName\":\"sysmon\",\"SyslogMessage\":\"<Event><System><Channel>Linux-Sysmon/Operational</Channel><EventID>1</EventID><Computer>web1</Computer></System><EventData><Data Name=\\\"Image\\\">/bin/ls</Data></EventData></Event>\"}\n",
    ),
];

#[test]
#[allow(clippy::print_stdout, reason = "the table is what the test measures")]
fn the_share_of_every_format_that_is_read() {
    let mut house = Shipped::with(&[], Some(MAPPING), true);
    house.zone = Some(jiff::tz::TimeZone::UTC);
    house.as_of = palisade_model::Time::parse("2024-04-01T00:00:00Z").ok();
    println!(
        "{:<32} {:>7} {:>7} {:>9} {:>6} {:>9}",
        "format", "records", "read", "share", "known", "problems"
    );
    for Sample { format, records, head, lines } in &SAMPLES {
        let rounds = 200usize.div_ceil(*records);
        let mut text = (*head).to_owned();
        let mut of = 0;
        for n in 0..rounds {
            text.push_str(&lines.replace("@N", &(1_000 + n).to_string()));
            of += records;
            // One line in the middle that is of nothing.
            if n == rounds / 2 {
                text.push_str("\u{1}}{ neither this \"nor that\n");
                of += 1;
            }
        }
        let seen = house.read(text.as_bytes());
        let (read, known) = (seen.rows.len(), seen.rows.iter().filter(|r| r.shape != "unrecognised").count());
        let lost: u64 = seen
            .problems
            .iter()
            .filter(|p| p.code != palisade_model::ProblemCode::NoZone)
            .map(|p| p.count)
            .sum();
        let share = 100.0 * read as f64 / of as f64;
        println!("{format:<32} {of:>7} {read:>7} {share:>7.2} % {known:>6} {lost:>9}");
        assert!(share >= 98.0, "{format}: {read} of {of}\n{}", seen.said());
        assert!(known * 100 >= read * 98, "{format}: {known} of {read} are of a known kind");
        // A statement goes on over lines, so that such a line is its; XML has text between elements.
        let goes_on = matches!(
            seen.format,
            Some(Format::Lines(Kind::Postgres | Kind::MysqlGeneral | Kind::MysqlAudit))
        );
        assert!(read >= of || lost > 0 || goes_on, "{format}: lost in silence");
        assert!(read <= of, "{format}: {read} of {of}");
    }
}
