//! `--watch`: shows something again whenever it has changed, until a signal.

use std::process::ExitCode;
use std::time::Duration;

use super::client::Client;
use crate::cli::Global;
use larder_core::error::{Kind, Result};

/// How often the server is asked.
const PAUSE: Duration = Duration::from_secs(1);

/// What is shown next.
pub enum Shown {
    /// Go on watching.
    More,
    /// Nothing changes any more.
    End(ExitCode),
}

/// Asks the server and shows what it answers, again and again. A server that is away is waited for.
pub fn watch<T: PartialEq>(
    client: &mut Client,
    global: &Global,
    ask: impl Fn(&Client) -> Result<T>,
    mut show: impl FnMut(&T) -> Result<Shown>,
) -> Result<ExitCode> {
    let mut before = None;
    let mut is_away = false;
    loop {
        let asked = ask(client);
        if let Some(signal) = client.cancel().signal() {
            return Ok(ExitCode::from(Kind::Interrupted(signal).exit_code()));
        }
        match asked {
            Ok(now) => {
                if is_away {
                    is_away = false;
                    global.message("the server answers again");
                }
                if before.as_ref() != Some(&now) {
                    if let Shown::End(code) = show(&now)? {
                        return Ok(code);
                    }
                    before = Some(now);
                }
            }
            // What has never worked is wrong.
            Err(error) if error.kind() != Kind::Unavailable || before.is_none() => {
                return Err(error);
            }
            Err(error) => {
                if !is_away {
                    global.show_error(&error);
                    global.message("the server is tried again until it answers");
                }
                is_away = true;
                client.try_again();
            }
        }
        client.pause(PAUSE);
    }
}
