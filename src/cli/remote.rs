//! The executor on other machines that the user configured: the headers that its requests carry, and
//! the client for it.

use std::sync::Arc;

use larder_core::error::{Error, Result};
use larder_core::project::executor::{ExecutorAddress, ExecutorConfig};
use larder_engine::context::Context;
use larder_engine::executor::remote::{ExecutorSettings, RemoteExecutor};
use larder_remote::http::Secret;

/// Gives a context the client for its executor, if one is configured. Nothing is connected.
pub fn add(ctx: &mut Context) -> Result<()> {
    let settings = &ctx.settings;
    if let Some(executor) = &settings.executor {
        ctx.remote = Some(client::new(executor, &settings.remote.http)?);
    }
    Ok(())
}

/// The executor with the headers of its requests, which `headers` has, the value of their variable.
pub fn executor(config: &ExecutorConfig, headers: &str) -> Result<ExecutorSettings> {
    let ExecutorConfig {
        address: ExecutorAddress { url, instance },
        cache,
        execute,
        jobs,
        headers_from,
    } = config.clone();
    Ok(ExecutorSettings {
        url,
        instance,
        cache,
        execute,
        jobs,
        headers: parse_headers(&headers_from, headers)?,
    })
}

/// The headers in a variable: one `name: value` on each line. An error does not repeat the text.
fn parse_headers(variable: &str, text: &str) -> Result<Vec<(String, Secret)>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut headers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let header = line.split_once(':').filter(|(name, value)| {
            !name.is_empty()
                && name.chars().all(is_name)
                && value.chars().all(|c| (' '..='~').contains(&c))
        });
        let Some((name, value)) = header else {
            return Err(
                Error::usage(format!("line {} of {variable} is not a header", number + 1))
                    .hint("one `name: value` on each line, such as `authorization: Bearer TOKEN`"),
            );
        };
        headers.push((name.to_ascii_lowercase(), Secret::new(value)));
    }
    Ok(headers)
}

#[cfg(feature = "remote")]
mod client {
    use super::{Arc, ExecutorSettings, RemoteExecutor, Result};
    use larder_remote::http;

    /// The client for an executor.
    pub(super) fn new(
        settings: &ExecutorSettings,
        http: &http::Settings,
    ) -> Result<Arc<dyn RemoteExecutor>> {
        let tuning = larder_reapi::Tuning::default();
        Ok(Arc::new(larder_reapi::Client::new(
            settings,
            http.clone(),
            tuning,
        )?))
    }
}

#[cfg(not(feature = "remote"))]
mod client {
    use super::{Arc, Error, ExecutorSettings, RemoteExecutor, Result};
    use larder_core::cancel::Cancel;
    use larder_engine::executor::remote::{ExecutorFacts, PreparedAction, RemoteAction};
    use larder_remote::http;

    /// Stands for an executor that this larder can't speak to.
    #[derive(Debug)]
    struct Absent {
        place: String,
    }

    /// The client for an executor.
    pub(super) fn new(
        settings: &ExecutorSettings,
        _: &http::Settings,
    ) -> Result<Arc<dyn RemoteExecutor>> {
        let place = settings.url.clone();
        Ok(Arc::new(Absent { place }))
    }

    impl Absent {
        fn error(&self) -> Error {
            Error::usage(format!(
                "this larder was built without remote execution, so it can't use {}",
                self.place
            ))
            .hint("unset LARDER_EXECUTOR, or use a larder with the feature `remote`")
        }
    }

    impl RemoteExecutor for Absent {
        fn place(&self) -> String {
            self.place.clone()
        }
        fn facts(&self, _: &Cancel) -> Result<ExecutorFacts> {
            Err(self.error())
        }
        fn prepare<'a>(
            &'a self,
            _: &RemoteAction<'a>,
            _: &Cancel,
        ) -> Result<Box<dyn PreparedAction + 'a>> {
            Err(self.error())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines() {
        let text = "authorization: Bearer abc\n\nX-Team:tools \n";
        let read = parse_headers("H", text).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(read, [("authorization", "Bearer abc"), ("x-team", "tools")]);
        assert!(parse_headers("H", "").unwrap().is_empty());
        for wrong in ["Bearer abc", ": abc", "a b: abc", "a: abc\u{1b}"] {
            let error = parse_headers("H", wrong).unwrap_err().to_string();
            assert!(
                error.contains("line 1 of H") && !error.contains("abc"),
                "{error}"
            );
        }
    }
}
