use palisade_pipeline::*;
use palisade_model::*;
struct O(u64,u64, std::collections::BTreeMap<ProblemCode,u64>);
impl Observer for O {
    fn finding(&mut self, f:&Finding, _s:&Sources)->Result<(),String>{ self.0+=1; self.1+=f.observables.len() as u64; Ok(()) }
    fn problem(&mut self,p:&Problem)->Result<(),String>{ *self.2.entry(p.code).or_default()+=p.count; if std::env::var("SHOW").is_ok() {eprintln!("{p}");} Ok(()) }
}
fn rss(w:&str){ let s=std::fs::read_to_string("/proc/self/status").unwrap(); for l in s.lines().filter(|l|l.starts_with("VmRSS")||l.starts_with("VmHWM")){eprint!("{w} {l}; ");} eprintln!(); }
fn main(){
    let mut a=std::env::args().skip(1);
    let jobs:usize=a.next().unwrap().parse().unwrap();
    let rules:Vec<std::path::PathBuf>=a.next().unwrap().split(',').filter(|s|!s.is_empty()).map(Into::into).collect();
    let t=std::time::Instant::now();
    let l=load_rules(&RuleSources{paths:rules,..Default::default()},jobs);
    let n=l.rules.len();
    let tl=t.elapsed();
    rss("rules");
    let k=Knowledge::new(l.rules,vec![],&[]).unwrap();
    eprintln!("load {n} rules {tl:?} + knowledge {:?}", t.elapsed()-tl);
    rss("knowledge");
    let mut o=O(0,0,Default::default());
    let s=investigate(&Settings{paths:a.map(Into::into).collect(),jobs,hash:false,..Default::default()},&k,None,&mut o).unwrap();
    rss("end");
    eprintln!("events {} bytes {} findings {} obs {} secs {:.3} ev/s {:.0} problems {:?}", s.events,s.bytes,s.findings,o.1,s.seconds,s.events as f64/s.seconds,o.2);
}
