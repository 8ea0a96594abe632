//! What a person asks for: parsed and completed with the defaults, or refused.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Above this number of agents there are more canaries.
const SMALL_FLEET: usize = 20;

/// The body of `POST /api/rollouts`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RolloutRequest)]
pub struct Request {
    /// The name of what is rolled out.
    #[schema(example = "storage-server")]
    pub name: String,
    /// The channel.
    #[schema(example = "stable")]
    pub channel: String,
    /// The version, with or without a leading v.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// The number of members of the first step. Default: 1, and 5 above 20 agents.
    canary: Option<usize>,
    /// The percentages of the members up to which the steps after it reach; they grow.
    #[schema(example = json!([5, 25, 100]))]
    steps: Option<Vec<u8>>,
    /// How long a member must be healthy, such as `10m`.
    #[schema(example = "10m")]
    soak: Option<String>,
    /// How many members may be on their way at a time: a count or a percentage.
    #[schema(example = "20%")]
    max_in_flight: Option<RawInFlight>,
    /// How long a member may take until it is healthy, such as `5m`.
    #[schema(example = "5m")]
    deadline: Option<String>,
    /// When failures stop it: both limits must be reached.
    halt: Option<RawHalt>,
    /// Whether members return to the old version after that. Default: true.
    rollback: Option<bool>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = InFlight)]
enum RawInFlight {
    Count(usize),
    Text(String),
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HaltRequest)]
struct RawHalt {
    /// The number of failures. Default: 2.
    failures: Option<usize>,
    /// Their percentage of all members. Default: 5.
    percent: Option<u8>,
}

/// How a rollout proceeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The number of members of the first step.
    pub canary: usize,
    /// The percentages of the steps after it; they grow, and the last one is 100.
    pub steps: Vec<u8>,
    /// How long a member must be healthy.
    pub soak: Duration,
    /// How many members may be on their way at a time.
    pub max_in_flight: InFlight,
    /// How long a member may take until it is healthy, and how long it may be unheard.
    pub deadline: Duration,
    /// When failures stop the rollout.
    pub halt: Halt,
    /// Whether members return after that.
    pub rollback: bool,
}

/// How many members may be on their way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InFlight {
    /// This many.
    Count(usize),
    /// This percentage of the members.
    Percent(u8),
}

impl InFlight {
    /// The number for so many members; at least 1.
    pub fn of(self, members: usize) -> usize {
        match self {
            Self::Count(count) => count.max(1),
            Self::Percent(percent) => (members * usize::from(percent)).div_ceil(100).max(1),
        }
    }
}

/// When failures stop a rollout: both limits must be reached. A failed canary always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// The number of failures.
    pub failures: usize,
    /// Their percentage of all members.
    pub percent: u8,
}

impl Request {
    /// The values with the defaults for so many members. `Err` says which one is wrong.
    pub fn params(&self, members: usize) -> Result<Params, String> {
        let canary = self
            .canary
            .unwrap_or(if members > SMALL_FLEET { 5 } else { 1 });
        if canary == 0 {
            return Err(
                "`canary` is 0: without a canary the first failure would be on many machines"
                    .into(),
            );
        }
        let halt = self.halt.clone().unwrap_or(RawHalt {
            failures: None,
            percent: None,
        });
        let halt = Halt {
            failures: halt.failures.unwrap_or(2),
            percent: percent("halt.percent", halt.percent.unwrap_or(5))?,
        };
        if halt.failures == 0 {
            return Err("`halt.failures` is 0: the rollout would stop before it starts".into());
        }
        Ok(Params {
            canary,
            steps: steps(self.steps.as_deref().unwrap_or(&[5, 25, 100]))?,
            soak: duration("soak", self.soak.as_deref().unwrap_or("10m"))?,
            max_in_flight: in_flight(self.max_in_flight.as_ref())?,
            deadline: deadline(self.deadline.as_deref().unwrap_or("5m"))?,
            halt,
            rollback: self.rollback.unwrap_or(true),
        })
    }
}

fn steps(percentages: &[u8]) -> Result<Vec<u8>, String> {
    let mut steps = Vec::new();
    for one in percentages {
        let one = percent("steps", *one)?;
        if steps.last().is_some_and(|before| *before >= one) {
            return Err("`steps` must grow, such as [5, 25, 100]".into());
        }
        steps.push(one);
    }
    // The channel points at the version for everyone once the last step has passed.
    if steps.last() != Some(&100) {
        steps.push(100);
    }
    Ok(steps)
}

fn percent(key: &str, value: u8) -> Result<u8, String> {
    if (1..=100).contains(&value) {
        Ok(value)
    } else {
        Err(format!(
            "`{key}` must be a percentage from 1 to 100, and it is {value}"
        ))
    }
}

fn in_flight(raw: Option<&RawInFlight>) -> Result<InFlight, String> {
    let wrong =
        || "`max_in_flight` must be a count such as 10 or a percentage such as \"20%\"".to_owned();
    match raw {
        None => Ok(InFlight::Percent(20)),
        Some(RawInFlight::Count(0)) => Err(wrong()),
        Some(RawInFlight::Count(count)) => Ok(InFlight::Count(*count)),
        Some(RawInFlight::Text(text)) => {
            if let Some(number) = text.strip_suffix('%') {
                let value = number.trim().parse().map_err(|_| wrong())?;
                return percent("max_in_flight", value).map(InFlight::Percent);
            }
            match text.parse() {
                Ok(count) if count > 0 => Ok(InFlight::Count(count)),
                _ => Err(wrong()),
            }
        }
    }
}

fn deadline(text: &str) -> Result<Duration, String> {
    let time = duration("deadline", text)?;
    if time.is_zero() {
        return Err("`deadline` is 0: no member could be done in time".into());
    }
    Ok(time)
}

/// A time such as `200ms`, `30s`, `10m` or `2h`.
fn duration(key: &str, text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let millis = number
        .parse::<u64>()
        .ok()
        .filter(|_| factor > 0)
        .and_then(|number| number.checked_mul(factor));
    millis.map(Duration::from_millis).ok_or_else(|| {
        format!("`{key}` must be a time such as \"30s\" or \"10m\", and it is `{text}`")
    })
}
