//! placeholder
/// Placeholder.
pub struct Mapping;
impl Mapping {
    /// Placeholder.
    pub fn parse(_: &str, _: &str) -> Option<()> {
        None
    }
}
