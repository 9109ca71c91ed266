use palisade_host::{json::Dialects, *};
use palisade_model::*;
use std::ops::ControlFlow;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let text = args[1] == "text";
    let dialects = std::fs::read_to_string(&args[2]).unwrap();
    let names = std::fs::read_to_string(&args[3]).unwrap();
    let mut fb = FieldsBuilder::new();
    let mut cat = Catalogue::default();
    cat.add("w", "product='windows'\n[defaults]\nhost=['Computer']\n[[stream]]\nnames=['Security']\nservices=['security']\n[[stream]]\nnames=['Microsoft-Windows-Sysmon/Operational']\nservices=['sysmon']\n[[stream]]\nnames=['aws.cloudtrail']\nproduct='aws'\nservices=['cloudtrail']", &mut fb).unwrap();
    let mut set = FieldSet::new();
    for n in names.lines() {
        set.insert(fb.intern(n).unwrap());
    }
    let fields = fb.close();
    let mut proj = Projection::new(&cat);
    for (id, _) in cat.shapes() {
        proj.want(id, &set);
        if text {
            proj.want_text(id);
        }
    }
    let t = std::time::Instant::now();
    let d = Dialects::parse("d", &dialects).unwrap().close(&fields).unwrap();
    eprintln!("dialects {:?}", t.elapsed());
    let ctx = Context { fields: &fields, catalogue: &cat, projection: &proj, dialects: &d, zone: None };
    let mut scratch = Scratch::default();
    let (mut rows, mut bytes, mut tr, mut ts, mut untimed, mut unrec, mut nbytes) =
        (0usize, 0usize, 0f64, 0f64, 0usize, 0usize, 0usize);
    let (mut np, mut pc) = (0, 0u64);
    for f in &args[4..] {
        let data = std::fs::read(f).unwrap();
        bytes += data.len();
        let o = Origin::file(f);
        let mut ps = Vec::new();
        let t = std::time::Instant::now();
        let mut probs = split(Format::Json, &o, &mut &data[..], &mut |p| {
            ps.push(p);
            ControlFlow::Continue(())
        });
        ts += t.elapsed().as_secs_f64();
        let lines =
            memchr::memchr_iter(b'\n', &data).count() + usize::from(data.last().is_some_and(|b| *b != b'\n'));
        let mut frows = 0;
        let mut fun = 0;
        let mut ft = 0;
        let t = std::time::Instant::now();
        for p in ps {
            let pr = read(p, ctx, SourceId(0), &o, &mut scratch, &mut |b| {
                frows += b.len();
                nbytes += b.bytes();
                for r in 0..b.len() {
                    let h = b.header(r);
                    if h.time.is_none() {
                        ft += 1;
                    }
                    if h.shape == ShapeId::UNRECOGNISED {
                        fun += 1;
                    }
                }
                Buffers::default()
            });
            probs.extend(pr);
        }
        tr += t.elapsed().as_secs_f64();
        rows += frows;
        untimed += ft;
        unrec += fun;
        for p in &probs {
            np += 1;
            pc += p.count;
            if np < 30 {
                eprintln!("{p}");
            }
        }
        if frows != lines && probs.is_empty() {
            eprintln!("{f}: {lines} lines {frows} rows");
        }
        if ft > 0 {
            eprintln!("{f}: {ft} of {frows} untimed");
        }
    }
    println!(
        "rows {rows} bytes {bytes} split {ts:.3}s read {tr:.3}s = {:.0} ev/s {:.0} MB/s; untimed {untimed} unrecognised {unrec} problems {np}/{pc} batch bytes {nbytes}",
        rows as f64 / tr,
        bytes as f64 / tr / 1e6
    );
}
