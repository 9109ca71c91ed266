//! placeholder
use super::*;
pub struct Html;
impl Html {
    pub fn new(_: Style) -> Html {
        Html
    }
}
impl Form for Html {
    fn finding(&mut self, _: &Finding, _: &Sources, _: Out<'_>) -> io::Result<()> {
        Ok(())
    }
    fn problem(&mut self, _: &Problem, _: Out<'_>) -> io::Result<()> {
        Ok(())
    }
    fn finish(&mut self, _: &Summary, _: Out<'_>) -> io::Result<()> {
        Ok(())
    }
}
