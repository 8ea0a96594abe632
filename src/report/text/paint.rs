//! Colours and symbols, chosen by meaning. Passed along, never a process-wide switch.

use std::str::FromStr;

use console::Style;

use larder_core::environment::Environment;
use larder_core::model::Invalid;

/// What `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// Where it can be seen and nobody objects.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl FromStr for ColorChoice {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(Invalid::new(format!("unknown colour choice `{text}`"))
                .hint("known: auto, always, never")),
        }
    }
}

/// Whether there are colours, and whether there is more than ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Colours and weights.
    pub color: bool,
    /// Symbols outside ASCII.
    pub unicode: bool,
}

/// What a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary.
    #[default]
    Plain,
    /// It is well.
    Good,
    /// Worth a style.
    Warn,
    /// It is not well.
    Bad,
    /// An advice.
    Help,
    /// Less important.
    Dim,
    /// More important.
    Strong,
}

impl Paint {
    /// `--color` beats the environment: `NO_COLOR` (not empty), then `CLICOLOR_FORCE` (not 0), then
    /// the terminal.
    pub fn choose(color: ColorChoice, environment: &Environment, is_tty: bool) -> Self {
        let set = |name: &str| environment.value(name);
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR").is_some() => false,
            ColorChoice::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorChoice::Auto => is_tty && set("TERM").is_none_or(|term| term != "dumb"),
        };
        // Where locales are named in the environment they decide; macOS and Windows terminals speak
        // UTF-8 without them.
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let utf8 = |locale: &str| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        let unicode = cfg!(not(target_os = "linux")) || locale.is_some_and(utf8);
        Self { color, unicode }
    }

    /// The text in its tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if !self.color || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = Style::new().force_styling(true);
        let style = match tone {
            Tone::Plain => style,
            Tone::Good => style.green(),
            Tone::Warn => style.yellow().bold(),
            Tone::Bad => style.red().bold(),
            Tone::Help => style.cyan(),
            Tone::Dim => style.dim(),
            Tone::Strong => style.bold(),
        };
        style.apply_to(text).to_string()
    }

    /// One of two texts, by what the terminal can show.
    pub(in crate::report) fn either(
        self,
        unicode: &'static str,
        ascii: &'static str,
    ) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// Between the items of a list on one line.
    pub(in crate::report) fn dot(self) -> &'static str {
        self.either(" · ", ", ")
    }

    /// What stands for a cut end.
    pub(in crate::report) fn ellipsis(self) -> &'static str {
        self.either("…", "...")
    }

    /// Cut to a width.
    pub fn fit(self, text: &str, width: usize) -> String {
        console::truncate_str(text, width, self.ellipsis()).into_owned()
    }
}

/// Padded on the right to a width, by what is seen.
pub(in crate::report) fn pad(text: &str, width: usize) -> String {
    let seen = console::measure_text_width(text);
    format!("{text}{}", " ".repeat(width.saturating_sub(seen)))
}

/// Padded on the left to a width, by what is seen.
pub(in crate::report) fn pad_left(text: &str, width: usize) -> String {
    let seen = console::measure_text_width(text);
    format!("{}{text}", " ".repeat(width.saturating_sub(seen)))
}
