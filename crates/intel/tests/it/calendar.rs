//! Calendars: own CSV, iCalendar, hostile ones.

use palisade_intel::calendar::{fuzz, read};
use palisade_model::{Day, Occasion, Origin, Problem};

use crate::incidents::{Random, mutate};

const ROUNDS: usize = 4_000;

fn of(text: &str) -> (Vec<String>, Vec<Problem>) {
    let until = Day::new(2030, 12, 31).unwrap();
    let (all, problems) = read(text.as_bytes(), &Origin::file("t"), "event", until);
    let line =
        |o: &Occasion| format!("{}..{} {} [{}] {}", o.days.first, o.days.last, o.kind, o.state, o.title);
    (all.iter().map(line).collect(), problems)
}

#[test]
fn own_form() {
    let (all, problems) = of(concat!(
        "date,end,kind,state,title,more\n",
        "2024-04-10,,Election,South Korea,National Assembly,x\n",
        "2024-03,,exercise,,\"Freedom, Shield\"\n",
        "2024,2025,sanctions,KP\n",
        "1984-13-01,,,\n",
        "2024-05-05,2024-04-05,,\n",
    ));
    assert_eq!(
        all,
        [
            "2024-01-01..2025-12-31 sanctions [KP] ",
            "2024-03-01..2024-03-31 exercise [] Freedom, Shield",
            "2024-04-10..2024-04-10 election [KR] National Assembly",
            "2024-05-05..2024-05-05 event [] ",
        ]
    );
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(of("a,b\n1,2\n").1[0].message.contains("docs/formats/calendar.md"));
}

/// Line breaks alone cost nothing, and what follows them is read; a line that goes on for megabytes is cut and told once.
#[test]
fn lines_that_are_none() {
    let event = "BEGIN:VEVENT\r\nDTSTART:20240410\r\nSUMMARY:a\r\n\tb\r\nEND:VEVENT\r\n";
    let empty = "\n".repeat(4 << 20);
    let (all, problems) = of(&format!("BEGIN:VCALENDAR\n{empty}{event}{empty}END:VCALENDAR"));
    assert_eq!(all, ["2024-04-10..2024-04-10 event [] ab"]);
    assert!(problems.is_empty(), "{problems:#?}");
    let long = "\n x".repeat(1 << 20);
    let (all, problems) = of(&format!("BEGIN:VCALENDAR\nX-A:{long}\n{event}"));
    assert_eq!(all, ["2024-04-10..2024-04-10 event [] ab"]);
    assert_eq!((problems.len(), problems[0].count, problems[0].offset), (1, 1, Some(16)));
    // An empty line that is continued is the line that continues it.
    let (all, _) = of("BEGIN:VCALENDAR\nBEGIN:VEVENT\n\n DTSTART:20240410\nEND:VEVENT");
    assert_eq!(all.len(), 1);
}

#[test]
fn icalendar() {
    let (all, problems) = of(&[
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        // Folded, escaped, an alarm inside, an exclusive end.
        "BEGIN:VEVENT",
        "DTSTART;VALUE=DATE:20240410",
        "DTEND;VALUE=DATE:20240411",
        "SUMMARY:National As",
        " sembly\\, election",
        "CATEGORIES:Election,Other",
        "X-PALISADE-STATE:KR",
        "BEGIN:VALARM",
        "SUMMARY:wrong",
        "END:VALARM",
        "END:VEVENT",
        // Yearly, bounded by COUNT; 29 February only where there is one.
        "BEGIN:VEVENT",
        "DTSTART;TZID=\"Asia/Seoul:x\":20200229T090000",
        "RRULE:FREQ=YEARLY;COUNT=2;BYMONTH=2",
        "SUMMARY:leap",
        "END:VEVENT",
        // Yearly without an end: to the horizon.
        "BEGIN:VEVENT",
        "DTSTART:20280915T000000Z",
        "RRULE:FREQ=YEARLY",
        "SUMMARY:founding day",
        "END:VEVENT",
        // Not followed, told.
        "BEGIN:VEVENT",
        "DTSTART:20240101T000000Z",
        "RRULE:FREQ=WEEKLY;BYDAY=MO",
        "SUMMARY:weekly",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "SUMMARY:no start",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "DTSTART:20240101",
        "STATUS:CANCELLED",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "DTSTART:20250101",
    ]
    .join("\r\n"));
    assert_eq!(
        all,
        [
            "2020-02-29..2020-02-29 event [] leap",
            "2024-01-01..2024-01-01 event [] weekly",
            "2024-02-29..2024-02-29 event [] leap",
            "2024-04-10..2024-04-10 election [KR] National Assembly, election",
            "2028-09-15..2028-09-15 event [] founding day",
            "2029-09-15..2029-09-15 event [] founding day",
            "2030-09-15..2030-09-15 event [] founding day",
        ]
    );
    let told: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    for wanted in ["FREQ=WEEKLY", "no start", "cancelled", "ends inside an event"] {
        assert!(told.iter().any(|t| t.contains(wanted)), "no {wanted} in {told:#?}");
    }
}

#[test]
fn no_calendar_breaks_the_reader() {
    let seeds: [&[u8]; 3] = [
        b"date,end,kind,state,title\n2024-04-10,2024-05,x,KP,t\n1999,,,,\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20240229\r\nDTEND:20240301T000000Z\r\nRRULE:FREQ=YEARLY;INTERVAL=2;COUNT=9;UNTIL=20400101\r\nSUMMARY:a\\nb\r\n c\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:99991231T235959\nDTEND:00010101\nRRULE:FREQ=YEARLY\nEND:VEVENT\n",
    ];
    let mut random = Random(12);
    for _ in 0..ROUNDS {
        fuzz(&mutate(&mut random, &seeds));
    }
}
