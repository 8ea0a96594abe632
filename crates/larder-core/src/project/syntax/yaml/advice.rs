//! Messages for syntax errors: the parser's message and a hint about the most likely mistake.

use std::sync::Arc;

use saphyr_parser::ScanError;

use super::{Builder, Frame, Stop, TEMPLATE_HINT};

impl Builder<'_> {
    /// Reports a syntax error at its place.
    pub(super) fn syntax(&mut self, error: &ScanError) -> Stop {
        let text = Arc::clone(&self.source.text);
        let at = self.offsets.byte(error.marker().index());
        let end = text[at..]
            .chars()
            .next()
            .filter(|c| *c != '\n')
            .map_or(at, |c| at + c.len_utf8());
        let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line = text[line_start..].lines().next().unwrap_or("");
        let indent = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indent].find('\t') {
            let tab = line_start + tab;
            self.report(
                tab..tab + 1,
                "a tab in the indentation",
                "indent with spaces",
            );
            return Stop;
        }
        let info = error.info();
        if info.contains("recursion limit") {
            return self.too_deep(&(at..end));
        }
        let colon = "a text that contains `: ` needs quotes";
        let start = "a text that starts with one of { [ & * ! | > % @ needs quotes";
        let hint = if line.contains("{{") || line.contains("{%") {
            TEMPLATE_HINT.to_owned()
        } else if let Some(open) = self.open_bracket() {
            format!(
                "look at the `{}` in line {}: is it closed?",
                &text[open..=open],
                self.source.line(open)
            )
        } else if info.contains("quoted scalar") {
            "close the quote".to_owned()
        } else if info.contains("mapping values") || info.contains("':'") {
            colon.to_owned()
        } else if info.contains("anchor")
            || info.contains("start any token")
            || info.contains("directive")
        {
            start.to_owned()
        } else if info.contains("unprintable") || info.contains("control") {
            "remove that character".to_owned()
        } else {
            "look at the indentation: keys of one mapping start in the same column".to_owned()
        };
        self.report(at..end, format!("not valid YAML: {info}"), hint);
        Stop
    }

    /// The innermost `[` or `{` that is still open.
    fn open_bracket(&self) -> Option<usize> {
        let starts = self.stack.iter().rev().map(|frame| match frame {
            Frame::List { start, .. } | Frame::Map { start, .. } => *start,
        });
        starts
            .into_iter()
            .find(|start| self.source.text[*start..].starts_with(['[', '{']))
    }
}
