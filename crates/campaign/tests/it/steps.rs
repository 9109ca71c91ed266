//! Steps: bursts and what begins with them, lonely alerts inside them, and changes of the mix.

use palisade_campaign::{Prepared, Seen, Sensitivity, steps};

use crate::{Random, SECOND};

const SENSITIVITIES: [f64; 9] = [0.0, 0.001, 0.01, 0.25, 1.0, 2.0, 2.5, 8.0, 100.0];

fn seen(time: f64, kind: u32, family: u32) -> Seen {
    Seen { time: (time * SECOND as f64) as i64, kind, asset: 0, family, site: 0, org: 0, count: 1 }
}

/// Ten alerts a second of one kind.
fn burst(from: f64, seconds: u32, kind: u32, family: u32) -> Vec<Seen> {
    (0..seconds * 10).map(|n| seen(from + f64::from(n) / 10.0, kind, family)).collect()
}

/// A long case around it, so that a second is little.
fn around(mut rows: Vec<Seen>) -> Vec<Seen> {
    rows.extend([seen(-400_000.0, 90, 90), seen(400_000.0, 91, 91)]);
    rows.sort();
    rows
}

/// Whether two rows are one step, at a sensitivity.
fn together(rows: &[Seen], a: Seen, b: Seen, sensitivity: f64) -> bool {
    let groups = steps(rows, Sensitivity(sensitivity));
    let group = |row: Seen| groups[rows.iter().position(|r| *r == row).unwrap()];
    group(a) == group(b)
}

#[test]
fn a_lonely_alert_inside_a_burst_stays_out() {
    let scan = burst(0.0, 60, 1, 1);
    let lonely = seen(30.02, 2, 2);
    let rows = around([scan.clone(), vec![lonely]].concat());
    for s in [0.01, 0.25, 1.0, 2.0] {
        assert!(together(&rows, scan[0], scan[599], s), "{s}");
        assert!(!together(&rows, scan[0], lonely, s), "{s}");
    }
    // Far above, bursts join what they meet.
    assert!(together(&rows, scan[0], lonely, 100.0));
}

#[test]
fn what_begins_with_bursts_more_often_than_not_joins_them() {
    let (mut rows, mut with) = (Vec::new(), Vec::new());
    for n in 0..8 {
        let at = f64::from(n) * 5_000.0;
        rows.extend(burst(at, 20, 1, 1));
        with.push((seen(at, 1, 1), seen(at + 0.05, 2, 2)));
        // Another kind begins at another time of the burst, each time.
        rows.push(seen(at + 4.0 + 1.7 * f64::from(n), 3, 3));
    }
    rows.extend(with.iter().map(|w| w.1));
    let rows = around(rows);
    for s in [0.01, 0.25, 1.0] {
        assert!(with.iter().all(|(scan, alert)| together(&rows, *scan, *alert, s)), "{s}");
        let third = rows.iter().find(|r| r.kind == 3).copied().unwrap();
        assert!(!together(&rows, with[0].0, third, s), "{s}");
    }
    // Once is no habit.
    let once = around([burst(0.0, 20, 1, 1), vec![seen(0.05, 2, 2)]].concat());
    assert!(!together(&once, seen(0.0, 1, 1), seen(0.05, 2, 2), 0.25));
}

#[test]
fn kinds_of_its_family_that_fill_a_burst_join_it() {
    let scan = burst(0.0, 60, 1, 1);
    let spread =
        |kind, family| (0..8).map(|n| seen(5.03 + 6.0 * f64::from(n), kind, family)).collect::<Vec<_>>();
    let rows = around([scan.clone(), spread(2, 1), spread(3, 3)].concat());
    assert!(together(&rows, scan[0], spread(2, 1)[4], 0.01));
    assert!(!together(&rows, scan[0], spread(3, 3)[4], 0.01));
}

#[test]
fn a_burst_whose_mix_changes_is_cut() {
    // Two tools that share most of their noise, one after the other without a pause.
    let mut rows = Vec::new();
    for n in 0..1_200 {
        let kind = match (n < 600, n % 3) {
            (_, 0) => 1,
            (true, _) => 2,
            (false, _) => 3,
        };
        rows.push(seen(f64::from(n) / 10.0, kind, 1));
    }
    let (first, last) = (rows[0], rows[1_197]);
    let changed = around(rows.clone());
    assert_eq!((first.kind, last.kind), (1, 1));
    assert!(!together(&changed, first, last, 0.25));
    assert!(together(&changed, first, rows[597], 0.25));
    assert!(together(&changed, rows[600], last, 0.25));
    // The same mix all along is one.
    let even = around((0..1_200).map(|n| seen(f64::from(n) / 10.0, 1 + (n % 3), 1)).collect());
    assert!(together(&even, seen(0.0, 1, 1), seen(119.7, 1, 1), 0.25));
}

#[test]
fn more_sensitive_joins_no_less_up_to_one() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let rows = some_rows(&mut random, 400);
        let prepared = Prepared::new(&rows);
        let mut before: Option<Vec<u32>> = None;
        for s in [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0] {
            let now = prepared.steps(Sensitivity(s));
            if let Some(before) = before {
                for (a, was) in before.iter().enumerate() {
                    // The first of its group then is with it now.
                    let first = before.iter().position(|g| g == was).unwrap();
                    assert_eq!(now[a], now[first], "seed {seed}, {s}");
                }
            }
            before = Some(now);
        }
    }
}

fn some_rows(random: &mut Random, count: usize) -> Vec<Seen> {
    let mut rows = Vec::new();
    let mut time = 0;
    while rows.len() < count {
        time += [0, 1, SECOND / 3, 3 * SECOND, 4_000 * SECOND][random.below(5)];
        let (kind, asset) = (random.below(6) as u32, random.below(3) as u32);
        let many = if random.below(10) == 0 { 80 } else { 1 };
        for k in 0..many {
            let count = 1 + random.below(3) as u32;
            let time = time + k * SECOND / 20;
            rows.push(Seen { time, kind, asset, family: kind / 2, site: asset / 2, org: 0, count });
        }
    }
    rows.sort();
    rows
}

#[test]
fn any_numbers_and_times_are_fine() {
    let extreme = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let mut rows = Vec::new();
    for (n, time) in extreme.into_iter().enumerate() {
        for kind in [0, 7, u32::MAX] {
            let count = if n % 2 == 0 { u32::MAX } else { 1 };
            rows.push(Seen { time, kind, asset: kind, family: kind, site: kind, org: 0, count });
            rows.push(Seen { time, kind, asset: 1, family: 1, site: 1, org: 0, count });
        }
    }
    rows.sort();
    // Backwards they are no use, but no harm either.
    let backwards: Vec<Seen> = rows.iter().rev().copied().collect();
    let mut mixed = some_rows(&mut Random(4), 500);
    Random(9).shuffle(&mut mixed);
    for rows in [rows, backwards, mixed, Vec::new()] {
        for s in SENSITIVITIES.into_iter().chain([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0]) {
            assert_eq!(steps(&rows, Sensitivity(s)).len(), rows.len());
        }
    }
}
