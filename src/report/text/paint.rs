//! Colours and symbols, selected by meaning. The choice is passed as a value; there is no
//! process-wide switch.

use std::str::FromStr;

use console::Style;

use larder_core::environment::Environment;
use larder_core::model::Invalid;

/// The value of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// If the terminal shows colours and the environment does not disable them.
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

/// Whether output may have colours, and whether it may have symbols outside ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Colours and weights.
    pub color: bool,
    /// Symbols outside ASCII.
    pub unicode: bool,
}

/// The meaning of a text, which selects its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary.
    #[default]
    Plain,
    /// Success.
    Good,
    /// A warning.
    Warn,
    /// A failure.
    Bad,
    /// A hint.
    Help,
    /// Less important.
    Dim,
    /// More important.
    Strong,
}

impl Paint {
    /// `--color` has priority over the environment: `NO_COLOR` (not empty), then `CLICOLOR_FORCE`
    /// (not 0), then whether the output is a terminal.
    pub fn choose(color: ColorChoice, environment: &Environment, is_tty: bool) -> Self {
        let set = |name: &str| environment.value(name);
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR").is_some() => false,
            ColorChoice::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorChoice::Auto => is_tty && set("TERM").is_none_or(|term| term != "dumb"),
        };
        // On Linux the locale variables decide. Terminals on macOS and Windows support UTF-8
        // without them.
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

    /// The text in the colour of its tone.
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

    /// One of two texts, depending on whether symbols outside ASCII are allowed.
    pub(in crate::report) fn either(
        self,
        unicode: &'static str,
        ascii: &'static str,
    ) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// The separator between the items of a list on one line.
    pub(in crate::report) fn dot(self) -> &'static str {
        self.either(" · ", ", ")
    }

    /// The mark for text that was cut.
    pub(in crate::report) fn ellipsis(self) -> &'static str {
        self.either("…", "...")
    }

    /// Cuts the text to a width in columns.
    pub fn fit(self, text: &str, width: usize) -> String {
        console::truncate_str(text, width, self.ellipsis()).into_owned()
    }
}

/// Pads the text on the right to a width in visible columns.
pub(in crate::report) fn pad(text: &str, width: usize) -> String {
    let seen = console::measure_text_width(text);
    format!("{text}{}", " ".repeat(width.saturating_sub(seen)))
}

/// Pads the text on the left to a width in visible columns.
pub(in crate::report) fn pad_left(text: &str, width: usize) -> String {
    let seen = console::measure_text_width(text);
    format!("{}{text}", " ".repeat(width.saturating_sub(seen)))
}
