//! Reads event logs and prints rows, problems and CPU time.
use palisade_host::{Context, Format, Scratch, json};
use palisade_model::*;
use std::ops::ControlFlow;
fn main() {
    let mut fields = FieldsBuilder::new();
    let mut set = FieldSet::new();
    for f in [
        "Image",
        "CommandLine",
        "ParentImage",
        "EventID",
        "Channel",
        "Provider_Name",
        "User",
        "TargetObject",
        "Details",
        "Hashes",
        "OriginalFileName",
        "Data",
        "ScriptBlockText",
        "TargetFilename",
        "LogonType",
        "SubjectUserName",
        "IpAddress",
        "ServiceName",
        "Computer",
        "ImageLoaded",
        "GrantedAccess",
        "SourceImage",
        "TargetImage",
    ] {
        set.insert(fields.intern(f).unwrap());
    }
    let mut catalogue = Catalogue::default();
    catalogue.add("t", "product=\"windows\"", &mut fields).unwrap();
    let mut projection = Projection::new(&catalogue);
    let ids: Vec<_> = catalogue.shapes().map(|s| s.0).collect();
    for s in ids {
        projection.want(s, &set);
        projection.want_text(s);
    }
    let fields = fields.close();
    let dialects = json::Dialects::default();
    let context = Context {
        fields: &fields,
        catalogue: &catalogue,
        projection: &projection,
        dialects: &dialects,
        zone: None,
    };
    let mut scratch = Scratch::default();
    let quiet = std::env::var("QUIET").is_ok();
    let dump: Option<u64> = std::env::var("DUMP").ok().and_then(|s| s.parse().ok());
    let n: usize = std::env::var("N").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let files: Vec<_> = std::env::args().skip(1).map(|f| (std::fs::read(&f).unwrap(), f)).collect();
    let (mut rows, mut rec, mut bytes, mut arena) = (0, 0, 0, 0);
    let start = std::time::Instant::now();
    let mut spare = Buffers::default();
    for _ in 0..n {
        for (data, name) in &files {
            let origin = Origin::file(name.rsplit('/').next().unwrap());
            bytes += data.len();
            let mut problems = Vec::new();
            let mut stream = &data[..];
            let mut r0 = (0, 0);
            let p = palisade_host::split(Format::Evtx, &origin, &mut stream, &mut |piece| {
                problems.extend(palisade_host::read(
                    piece,
                    context,
                    SourceId(0),
                    &origin,
                    &mut scratch,
                    &mut |b: RowBatch| {
                        for i in 0..b.len() {
                            if b.header(i).recovered {
                                r0.1 += 1
                            } else {
                                r0.0 += 1
                            };
                            arena += b.text(i).text.len();
                            if dump == Some(b.header(i).record) {
                                println!("{:?}\n{}", b.header(i), b.text(i).text);
                            }
                        }
                        std::mem::replace(&mut spare, Buffers::default());
                        b.into_buffers()
                    },
                ));
                ControlFlow::Continue(())
            });
            problems.extend(p);
            rows += r0.0;
            rec += r0.1;
            if !quiet {
                for p in problems {
                    println!("{:6}+{:4} {p}", r0.0, r0.1);
                }
            }
        }
    }
    let t = start.elapsed().as_secs_f64();
    println!(
        "{rows} rows {rec} recovered, {bytes} bytes, text {arena}, {t:.3} s, {:.0} ev/s, {:.0} MB/s",
        (rows + rec) as f64 / t,
        bytes as f64 / 1e6 / t
    );
}
