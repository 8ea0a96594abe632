//! Tables for `status`, `list` and similar commands. Columns are aligned; on a terminal they are
//! cut to its width.

use super::paint::{Paint, Tone, pad, pad_left};
use super::redact::Redactor;

/// The smallest width that a column is cut to.
const MIN_WIDTH: usize = 8;
/// The separator between columns.
const GAP: &str = "  ";

/// A table under construction.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Tone)>>,
}

struct Column {
    title: &'static str,
    right: bool,
    flexible: bool,
}

impl Table {
    /// An empty table with these column titles.
    pub fn new(titles: impl IntoIterator<Item = &'static str>) -> Self {
        let columns = titles
            .into_iter()
            .map(|title| Column {
                title,
                right: false,
                flexible: false,
            })
            .collect();
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Aligns a column on the right, for numbers.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        self.columns[column].right = true;
        self
    }

    /// Marks a column that is cut first in a narrow terminal. Several are cut from left to right.
    /// Without one, the widest column is cut.
    #[must_use]
    pub fn flexible(mut self, column: usize) -> Self {
        self.columns[column].flexible = true;
        self
    }

    /// Adds a row, which must have as many cells as there are titles.
    pub fn row<'t>(&mut self, cells: impl IntoIterator<Item = (&'t str, Tone)>) {
        let redactor = Redactor::default();
        let mut cells: Vec<_> = cells
            .into_iter()
            .map(|(text, tone)| (redactor.clean_line(text), tone))
            .collect();
        cells.resize(self.columns.len(), (String::new(), Tone::Plain));
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Renders the table; each line ends with a newline. `width` is that of the terminal; `None`
    /// does not cut.
    pub fn render(&self, width: Option<usize>, paint: Paint) -> String {
        let widths = self.widths(width);
        let line = |cells: &mut dyn Iterator<Item = (&str, Tone)>| {
            let mut line = String::new();
            for (number, ((text, tone), column)) in cells.zip(&self.columns).enumerate() {
                if number > 0 {
                    line.push_str(GAP);
                }
                let text = paint.tone(tone, &paint.fit(text, widths[number]));
                let align = if column.right { pad_left } else { pad };
                line.push_str(&align(&text, widths[number]));
            }
            line.truncate(line.trim_end().len());
            line.push('\n');
            line
        };
        let mut text = line(&mut self.columns.iter().map(|column| (column.title, Tone::Dim)));
        for row in &self.rows {
            text.push_str(&line(
                &mut row.iter().map(|(text, tone)| (text.as_str(), *tone)),
            ));
        }
        text
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let seen = console::measure_text_width;
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(n, column)| {
                self.rows
                    .iter()
                    .map(|row| seen(&row[n].0))
                    .max()
                    .unwrap_or(0)
                    .max(seen(column.title))
            })
            .collect();
        let Some(width) = width else { return widths };
        loop {
            let total: usize =
                widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
            let excess = total.saturating_sub(width);
            if excess == 0 {
                return widths;
            }
            let cuttable = |n: &usize| widths[*n] > MIN_WIDTH;
            let flexible = (0..widths.len())
                .filter(|n| self.columns[*n].flexible)
                .find(cuttable);
            let Some(column) = flexible.or_else(|| {
                (0..widths.len())
                    .filter(cuttable)
                    .max_by_key(|n| widths[*n])
            }) else {
                return widths;
            };
            // A flexible column is cut by the whole excess. Others are cut by one column at a time,
            // so that it is always the widest that is cut.
            let give = if self.columns[column].flexible {
                excess
            } else {
                1
            };
            widths[column] = widths[column].saturating_sub(give).max(MIN_WIDTH);
        }
    }
}

/// The width of stdout in columns, if it is a terminal.
pub fn stdout_width() -> Option<usize> {
    let term = console::Term::stdout();
    term.is_term().then(|| usize::from(term.size().1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["name", "version", "size", "why"])
            .right(2)
            .flexible(3);
        table.row([
            ("nats", Tone::Strong),
            ("v2.10.24", Tone::Plain),
            ("12.3 MB", Tone::Plain),
            ("up to date", Tone::Good),
        ]);
        table.row([
            ("liftbridge", Tone::Strong),
            ("v1.10.0", Tone::Plain),
            ("456 kB", Tone::Plain),
            ("the installed binary differs from its stamp", Tone::Bad),
        ]);
        table
    }

    #[test]
    fn columns_are_aligned_and_whole_when_piped() {
        insta::assert_snapshot!(table().render(None, Paint::default()), @r"
        name        version      size  why
        nats        v2.10.24  12.3 MB  up to date
        liftbridge  v1.10.0    456 kB  the installed binary differs from its stamp
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_what_can_be_cut() {
        let text = table().render(
            Some(50),
            Paint {
                color: false,
                unicode: true,
            },
        );
        insta::assert_snapshot!(text, @r"
        name        version      size  why
        nats        v2.10.24  12.3 MB  up to date
        liftbridge  v1.10.0    456 kB  the installed bina…
        ");
        // Two may give way before the others.
        let text = table().flexible(0).render(
            Some(60),
            Paint {
                color: false,
                unicode: true,
            },
        );
        insta::assert_snapshot!(text, @r"
        name      version      size  why
        nats      v2.10.24  12.3 MB  up to date
        liftbri…  v1.10.0    456 kB  the installed binary differs f…
        ");
        for width in 1..100 {
            let text = table().render(
                Some(width),
                Paint {
                    color: true,
                    unicode: true,
                },
            );
            let widest = text
                .lines()
                .map(console::measure_text_width)
                .max()
                .unwrap_or(0);
            assert!(widest <= width.max(38), "{widest} > {width}");
        }
    }
}
