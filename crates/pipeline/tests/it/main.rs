//! Integration tests of the pipeline.

mod knowledge;
