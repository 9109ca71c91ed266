//! A layer for the ATT&CK Navigator (layer format 4.5).
//!
//! A layer belongs to one matrix, so techniques of the other one are not in it; the description says how many.
//! What this module never does: name victims. Scores are counts of findings, comments are titles of rules.

use serde_json::{Value, json};

use crate::doc::cut;
use crate::story::Story;
use crate::{Material, Options, attack, json as writer};

/// Version of ATT&CK that techniques are named by.
const ATTACK_VERSION: &str = "19";

/// A matrix of ATT&CK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matrix {
    /// Enterprise.
    Enterprise,
    /// Industrial control systems.
    Ics,
}

impl Matrix {
    fn holds(self, id: &str) -> bool {
        // Before version 19 every technique of the matrix for plants had a number below 1000; the first ones above it
        // are T1691 to T1695.
        let main = id.get(1..5).and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
        let ics = main < 1_000 || (1_691..=1_695).contains(&main);
        attack::is_technique(id) && ics == (self == Matrix::Ics)
    }
}

/// The layer of the matrix that more techniques belong to; Enterprise if they are as many.
pub fn navigator(material: &Material, options: &Options<'_>) -> String {
    let story = Story::new(material, options);
    let count = |m: Matrix| story.techniques.keys().filter(|id| m.holds(id)).count();
    let matrix =
        if count(Matrix::Ics) > count(Matrix::Enterprise) { Matrix::Ics } else { Matrix::Enterprise };
    writer::written(&layer(&story, matrix))
}

/// The layer of one matrix.
pub fn navigator_of(material: &Material, options: &Options<'_>, matrix: Matrix) -> String {
    writer::written(&layer(&Story::new(material, options), matrix))
}

fn layer(story: &Story<'_>, matrix: Matrix) -> Value {
    let inside: Vec<_> = story.techniques.iter().filter(|(id, _)| matrix.holds(id)).collect();
    let most = inside.iter().map(|(_, found)| found.len()).max().unwrap_or(1);
    let techniques: Vec<Value> = inside
        .iter()
        .map(|(id, found)| {
            let mut titles: Vec<String> =
                found.iter().map(|i| cut(story.m.findings[*i].title.trim(), 120)).collect();
            titles.sort();
            titles.dedup();
            titles.truncate(8);
            json!({
                "techniqueID": id,
                "score": found.len(),
                "comment": titles.join("; "),
                "enabled": true,
                "showSubtechniques": id.contains('.'),
            })
        })
        .collect();
    let outside = story.techniques.len() - inside.len();
    let mut description = format!("{}; {}", story.tlp, story.n("count.findings", story.live.len()));
    if outside > 0 {
        description.push_str("; ");
        description.push_str(&story.n("navigator.outside", outside));
    }
    json!({
        "name": cut(format!("Palisade {}", story.m.case).trim(), 120),
        "versions": {"attack": ATTACK_VERSION, "navigator": "5.1.0", "layer": "4.5"},
        "domain": if matrix == Matrix::Ics { "ics-attack" } else { "enterprise-attack" },
        "description": description,
        "sorting": 3,
        "layout": {"layout": "side", "showID": true, "showName": true},
        "hideDisabled": false,
        "techniques": techniques,
        "gradient": {"colors": ["#fff3bf", "#f08c00", "#8f1239"], "minValue": 0, "maxValue": most},
        "metadata": [{"name": "tlp", "value": story.tlp.to_string()}],
        "showTacticRowBackground": false,
        "selectTechniquesAcrossTactics": true,
        "selectSubtechniquesWithParent": false,
    })
}
