//! Who is behind it: drafts stay in the house, what was adopted leaves it, what is stale does not.

use palisade_model::{Likelihood, Tlp};
use palisade_report::*;
use serde_json::Value;

use crate::sample;

/// The sample with three statements on its first campaign: a draft, one that holds, one that is stale.
fn spoken() -> Material {
    let mut m = sample::rich();
    let subject = m.campaigns[0].id.to_string();
    let other = m.campaigns[1].id.to_string();
    let said = |subject: &str, name: &str, probability: f64| Hypothesis {
        subject: subject.into(),
        name: name.into(),
        probability,
        confidence: "moderate".into(),
        ..Hypothesis::default()
    };
    m.hypotheses = vec![
        said(&other, "Draft Dormouse", 0.9),
        Hypothesis {
            adopted_by: Some("Marit Sørensen".into()),
            because: "hours and method fit".into(),
            attributed: Some(Attributed::Group {
                name: "Adopted Adder".into(),
                attack: Some("G0999".into()),
            }),
            ..said(&subject, "Adopted Adder", 0.86)
        },
        Hypothesis {
            adopted_by: Some("Marit Sørensen".into()),
            ..said(&subject, "somebody who is not known", 0.14)
        },
        Hypothesis {
            adopted_by: Some("Marit Sørensen".into()),
            stale: vec!["the campaign had 3 findings and has 5".into()],
            attributed: Some(Attributed::Group { name: "Stale Stoat".into(), attack: None }),
            ..said(&other, "Stale Stoat", 0.8)
        },
    ];
    m
}

#[test]
fn drafts_and_stale_words_stay_in_the_house() {
    let m = spoken();
    let preview = privacy(&m, &Options::new());
    for expected in [("drafts of attribution", 1), ("stale attributions", 1)] {
        assert!(preview.dropped().contains(&expected), "{:?}", preview.dropped());
    }
    let shareable = preview.release(Tlp::Green);
    let editions = [
        ("technical", Edition::Technical, true),
        ("decision-maker", Edition::DecisionMaker, false),
        ("constituent", Edition::Constituent(&shareable), false),
    ];
    for (name, edition, inside) in editions {
        let options = Options { edition, ..Options::new() };
        let forms = [html(&m, &options), markdown(&m, &options), json(&m, &options)];
        for text in &forms {
            assert_eq!(text.contains("Draft Dormouse"), inside, "{name}");
            assert_eq!(text.contains("Stale Stoat"), inside, "{name}");
            assert_eq!(
                text.contains("has 5"),
                inside,
                "what changed is told to those who work on it: {name}"
            );
        }
        let pages = &forms[..2];
        assert_eq!(pages.iter().any(|t| t.contains("no analyst has adopted")), inside, "{name}");
    }
    let constituent = Options { edition: Edition::Constituent(&shareable), ..Options::new() };
    for text in [json(&m, &constituent), html(&m, &constituent), stix(&shareable, &Options::new())] {
        assert!(
            !text.contains("Marit") && !text.contains("hours and method"),
            "the analyst stays in the house"
        );
    }
    let technical = html(&m, &Options::new());
    assert!(technical.contains("Marit Sørensen") && technical.contains("hours and method fit"));
    // Only drafts: then those who decide read that nobody stands for an answer.
    let mut drafts = m.clone();
    drafts.hypotheses.truncate(1);
    let page = html(&drafts, &Options { edition: Edition::DecisionMaker, ..Options::new() });
    assert!(page.contains("no analyst stands for an answer"), "{page}");
}

#[test]
fn adopted_attributions_are_in_the_bundle() {
    let bundle = |m: &Material| -> Vec<Value> {
        let shareable = privacy(m, &Options::new()).release(Tlp::Green);
        let text = stix(&shareable, &Options::new());
        let all: Value = serde_json::from_str(&text).unwrap();
        all["objects"].as_array().unwrap().clone()
    };
    let m = spoken();
    let of = |all: &[Value], kind: &str| -> Vec<Value> {
        all.iter().filter(|o| o["relationship_type"] == kind || o["type"] == kind).cloned().collect()
    };
    // The ends of the ranges have the word they have on the command line.
    for (p, word) in [(0.55, "likely"), (0.8, "very likely"), (0.95, "almost certain")] {
        let mut at = m.clone();
        at.hypotheses[1].probability = p;
        let attributed = of(&bundle(&at), "attributed-to");
        assert_eq!(attributed[0]["description"], word);
        assert_eq!(Likelihood::of(p).map(Likelihood::words), Some(word));
    }
    let objects = bundle(&m);
    let attributed = of(&objects, "attributed-to");
    assert_eq!(attributed.len(), 1, "{attributed:#?}");
    let sets = of(&objects, "intrusion-set");
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["name"], "Adopted Adder");
    assert_eq!(sets[0]["external_references"][0]["external_id"], "G0999");
    assert_eq!(attributed[0]["target_ref"], sets[0]["id"]);
    // Likelihood in words, confidence as a number of its own.
    assert_eq!(attributed[0]["confidence"], 50);
    assert_eq!(attributed[0]["description"], "very likely");
    let name = m.campaigns[0].id.to_string();
    let campaign = objects.iter().find(|o| o["type"] == "campaign" && o["name"] == name.as_str()).unwrap();
    assert_eq!(attributed[0]["source_ref"], campaign["id"]);
    assert!(bundle(&sample::rich()).iter().all(|o| o["relationship_type"] != "attributed-to"));
    // A state: an actor without a name. An undecided assessment attributes to nobody.
    let mut state = m.clone();
    state.hypotheses[1].attributed = Some(Attributed::State("KP".into()));
    let objects = bundle(&state);
    assert_eq!(of(&objects, "threat-actor").len(), 1);
    assert_eq!(of(&objects, "attributed-to").len(), 1);
    state.hypotheses[1].attributed = None;
    assert!(of(&bundle(&state), "attributed-to").is_empty());
}
