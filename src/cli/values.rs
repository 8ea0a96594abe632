//! Parsers for the values of flags. A wrong value is answered with the right ones.

use std::str::FromStr;

use larder_core::model::Invalid;

/// Parses a value of the domain. The error also has the hint, which says what is allowed.
pub fn word<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|Invalid { message, hint }| match hint {
            Some(hint) => format!("{message}; {hint}"),
            None => message,
        })
}

/// A switch that a variable can also set. The words are those that clap's own parser accepts.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err("write true or false".into()),
    }
}

/// The value of `--executor-fallback`: whether builds fall back to this machine.
pub fn fallback(text: &str) -> Result<bool, String> {
    match text {
        "local" => Ok(true),
        "" => Ok(false),
        _ => Err("write local".into()),
    }
}

/// The value of `--jobs`.
pub fn jobs(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) => Err("write a number from 1".into()),
        Ok(number) => Ok(number),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("write a number from 1 to {}", u16::MAX))
        }
        Err(_) => Err(format!("`{text}` is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_clap_reads_them() {
        use clap::builder::TypedValueParser as _;
        let command = clap::Command::new("larder");
        let theirs = clap::builder::BoolishValueParser::new();
        for text in [
            "true", "TRUE", "y", "yes", "t", "on", "1", "false", "No", "f", "off", "0", "n",
            "maybe", "2", "", " ", "-1",
        ] {
            let wanted = theirs.parse_ref(&command, None, text.as_ref());
            assert_eq!(switch(text).ok(), wanted.ok(), "{text:?}");
        }
    }

    #[test]
    fn a_wrong_number_of_jobs_is_explained() {
        assert_eq!(jobs("3"), Ok(3));
        for (text, wanted) in [
            ("0", "write a number from 1"),
            ("70000", "write a number from 1 to 65535"),
            ("-1", "`-1` is not a number"),
            ("lots", "`lots` is not a number"),
            ("", "`` is not a number"),
        ] {
            assert_eq!(jobs(text), Err(wanted.to_owned()));
        }
    }
}
