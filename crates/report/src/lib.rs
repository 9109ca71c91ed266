//! Room: `report` — findings, exhibits, campaigns and assessments in words, for people and for machines.
//!
//! The caller prepares a [`Material`]; this room tells it. One builder (`sections`) says everything once, in a form
//! between content and writing (`doc`); the writers put it down:
//!
//! | form | for |
//! | --- | --- |
//! | [`html()`] | reading, searching, printing: one file that loads nothing |
//! | [`pdf()`] | handing over: marked on every page |
//! | [`markdown()`] | tickets and wikis |
//! | [`json()`] | programs: everything, versioned |
//! | [`stix()`] | exchange: a STIX 2.1 bundle of what was released |
//! | [`navigator()`] | the ATT&CK Navigator |
//!
//! What leaves the house goes through [`privacy()`]: only its [`Preview::release`] makes a [`Shareable`], and what is
//! for others takes nothing else.
//!
//! ```
//! use palisade_model::Tlp;
//! use palisade_report::{Edition, Material, Options, html, privacy, stix};
//!
//! let material = Material { case: "2026-031".into(), ..Material::default() };
//! let options = Options::new();
//! let page = html(&material, &options);
//!
//! let preview = privacy(&material, &options);
//! assert!(preview.leaving().is_empty()); // shown to whoever may decide, who then releases:
//! let shareable = preview.release(Tlp::Green).by("CERT Example");
//! let bundle = stix(&shareable, &options);
//! let warning = html(&material, &Options { edition: Edition::Constituent(&shareable), tlp: Tlp::Green, ..options });
//! # assert!(page.contains("TLP:RED") && warning.contains("TLP:GREEN") && bundle.contains("CERT Example"));
//! ```
//!
//! What this room never does: no I/O, no clock, no randomness, no judgement. Same material, same bytes. Text from
//! evidence is neutralised for where it is put.

mod actions;
mod attack;
mod braid;
mod catalogue;
mod defang;
mod doc;
mod html;
mod json;
mod locale;
mod markdown;
mod material;
mod navigator;
mod options;
mod pdf;
mod picture;
mod plot;
mod privacy;
mod redact;
mod sections;
mod stix;
mod story;
mod timeline;
mod verdicts;
mod write;

pub use catalogue::{Catalogue, CatalogueError};
pub use html::html;
pub use json::{SCHEMA, json};
pub use locale::{Locale, zone_name};
pub use markdown::markdown;
pub use material::{
    Attributed, Citation, Coverage, Evidence, Finding, Gravity, Hypothesis, Material, Organisation,
    Paragraph, Problem, ShapeSeen, Source,
};
pub use navigator::{Matrix, navigator, navigator_of};
pub use options::{Edition, Options};
pub use pdf::pdf;
pub use privacy::{Leaving, Preview, Private, Shareable, Withheld, privacy};
pub use stix::{NAMESPACE, stix};
