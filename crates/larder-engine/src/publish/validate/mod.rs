//! `publish validate`: what must hold before anything is published. Nothing is written, and no
//! remote is asked.

mod go;

use larder_channels::render::{channel_version, facts};
use larder_core::error::Result;
use larder_core::formats::documents::{
    CheckResult, PublishCheck, PublishChecksDocument, PublishChecksEntry,
};
use larder_core::model::{Platform, Target};
use larder_core::project::publish::{Channel, RequiredPlatform};
use larder_core::project::{HubConfig, Subsystem};

use crate::acquire::freshness::stamped;
use crate::acquire::request::Request;
use crate::changelog::FETCH_HINT;
use crate::context::Context;
use crate::plan::Selection;
use crate::release::notes::{Changes, changes};

/// Checks some subsystems.
pub fn validate_all(ctx: &Context, selection: &Selection) -> Result<PublishChecksDocument> {
    let mut entries = Vec::new();
    for subsystem in selection.subsystems(&ctx.project) {
        ctx.cancel.check()?;
        entries.push(PublishChecksEntry {
            name: subsystem.name.to_string(),
            version: subsystem.version.to_string(),
            checks: validate(ctx, subsystem)?,
        });
    }
    Ok(PublishChecksDocument {
        ok: entries.iter().all(|entry| {
            entry
                .checks
                .iter()
                .all(|check| check.result != CheckResult::Failed)
        }),
        subsystems: entries,
    })
}

/// Checks one subsystem.
fn validate(ctx: &Context, subsystem: &Subsystem) -> Result<Vec<PublishCheck>> {
    if subsystem.publish.channels.is_empty() {
        let why = "no channel is on; `publish:` of the recipe names channels";
        return Ok(vec![PublishCheck::skipped("channels", why)]);
    }
    let mut checks = vec![
        version(subsystem),
        platforms(subsystem),
        packages(ctx, subsystem)?,
        license(subsystem),
        changelog(ctx, subsystem),
        texts(subsystem),
        urls(ctx, subsystem),
    ];
    for config in subsystem.publish.channels.values() {
        if let Channel::Gomodule(module) = &config.channel {
            checks.extend(go::check(ctx, subsystem, module)?);
        }
    }
    Ok(checks)
}

/// At least one channel must be able to write the version. Those that can't are named.
fn version(subsystem: &Subsystem) -> PublishCheck {
    let mut why_not = Vec::new();
    let mut able = 0;
    for kind in subsystem.publish.channels.keys() {
        match channel_version(*kind, &subsystem.version) {
            Ok(_) => able += 1,
            Err(why) => why_not.push(format!("{kind} can't express it: {why}")),
        }
    }
    let found = why_not.join("; ");
    if able == 0 {
        let hint = "a version such as v1.2.3 or v1.2.3-rc.1 works everywhere";
        return PublishCheck::failed("version", found, hint);
    }
    PublishCheck::ok("version", found)
}

/// The platforms that `validate.platforms` requires, and that each channel has at least one.
fn platforms(subsystem: &Subsystem) -> PublishCheck {
    let has = |required: &RequiredPlatform| match required {
        RequiredPlatform::Os(os) => subsystem.platforms.iter().any(|p| p.os == *os),
        RequiredPlatform::Platform(platform) => subsystem.platforms.contains(platform),
    };
    let missing: Vec<String> = subsystem
        .publish
        .validate
        .platforms
        .iter()
        .filter(|required| !has(required))
        .map(|required| match required {
            RequiredPlatform::Os(os) => os.as_str().to_owned(),
            RequiredPlatform::Platform(platform) => platform.to_string(),
        })
        .collect();
    if !missing.is_empty() {
        let found = format!("the recipe has none for {}", missing.join(", "));
        let hint = "add them to `platforms` of the recipe or versions.yml, or remove them from `validate.platforms`";
        return PublishCheck::failed("platforms", found, hint);
    }
    let without: Vec<&str> = subsystem
        .publish
        .channels
        .keys()
        .filter(|kind| !subsystem.platforms.iter().any(facts(**kind).takes))
        .map(|kind| kind.as_str())
        .collect();
    let found = if without.is_empty() {
        String::new()
    } else {
        format!(
            "no platform for {}, so nothing is rendered there",
            without.join(", ")
        )
    };
    PublishCheck::ok("platforms", found)
}

/// Every platform must be installed or packaged.
fn packages(ctx: &Context, subsystem: &Subsystem) -> Result<PublishCheck> {
    let dist = ctx.project.root.join(".dist");
    let mut missing: Vec<Platform> = Vec::new();
    for platform in &subsystem.platforms {
        let target = Target {
            name: subsystem.name.clone(),
            platform: *platform,
        };
        let request = Request::new(ctx, &target)?;
        let installed = stamped(&request, &ctx.bin(&target).pinned())?.is_some();
        if !installed && !larder_core::fs::exists(dist.join(subsystem.assets(platform).asset())) {
            missing.push(*platform);
        }
    }
    if missing.is_empty() {
        let found = match subsystem.platforms.len() {
            1 => "1 platform".to_owned(),
            count => format!("{count} platforms"),
        };
        return Ok(PublishCheck::ok("packages", found));
    }
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Ok(PublishCheck::failed(
        "packages",
        format!("neither installed nor packaged for {}", missing.join(", ")),
        format!("run `larder ensure {} --platform all`", subsystem.name),
    ))
}

/// The licence must be an SPDX expression, and must be there if `validate.license` says so.
fn license(subsystem: &Subsystem) -> PublishCheck {
    let Some(license) = &subsystem.license else {
        if subsystem.publish.validate.license {
            let hint = "add `license:` with an SPDX expression, such as `Apache-2.0 OR MIT`";
            return PublishCheck::failed("license", "the recipe names none", hint);
        }
        return PublishCheck::skipped("license", "the recipe names none");
    };
    match larder_channels::spdx::check(license) {
        Ok(()) => PublishCheck::ok("license", license.clone()),
        Err(why) => PublishCheck::failed(
            "license",
            format!("`{license}` is not an SPDX expression: {why}"),
            "write it with the identifiers of https://spdx.org/licenses, such as `Apache-2.0 OR MIT`",
        ),
    }
}

/// The changelog must have an entry if `validate.changelog` says so.
fn changelog(ctx: &Context, subsystem: &Subsystem) -> PublishCheck {
    const NAME: &str = "changelog";
    if !subsystem.publish.validate.changelog {
        return PublishCheck::skipped(NAME, "`validate.changelog` does not demand one");
    }
    let hint = format!(
        "`larder changelog {}` shows what is found; `publish.changelog` says where it comes from",
        subsystem.name
    );
    match changes(ctx, subsystem) {
        Ok(Changes::Text { title, text: _ }) => PublishCheck::ok(NAME, title),
        Ok(Changes::Nothing) => PublishCheck::failed(NAME, "it has no entry", hint),
        Ok(Changes::Incomplete) => PublishCheck::failed(NAME, "the clone is shallow", FETCH_HINT),
        Err(error) => PublishCheck::failed(NAME, error.to_string(), hint),
    }
}

/// The texts that people see must be one line each.
fn texts(subsystem: &Subsystem) -> PublishCheck {
    let mut wrong = Vec::new();
    if let Some(homepage) = &subsystem.homepage
        && !is_url(homepage)
    {
        wrong.push(format!("`homepage` is `{homepage}`, which is not a url"));
    }
    if let Some(description) = &subsystem.description
        && description.trim().is_empty()
    {
        wrong.push("`description` is empty".to_owned());
    }
    if wrong.is_empty() {
        PublishCheck::ok("texts", "")
    } else {
        PublishCheck::failed("texts", wrong.join("; "), "correct them in the recipe")
    }
}

/// Whether a text is a url of the web: RFC 3986 allows no other characters in one.
fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(allowed))
}

/// Channels whose files name urls need to know them.
fn urls(ctx: &Context, subsystem: &Subsystem) -> PublishCheck {
    let known = subsystem.publish.url.is_some()
        || !matches!(
            ctx.project.hub,
            HubConfig::Dir { .. } | HubConfig::S3 { .. } | HubConfig::Oci { .. }
        );
    let need: Vec<&str> = subsystem
        .publish
        .channels
        .keys()
        .filter(|kind| facts(**kind).needs_urls)
        .filter(|kind| subsystem.platforms.iter().any(facts(**kind).takes))
        .map(|kind| kind.as_str())
        .collect();
    if known || need.is_empty() {
        return PublishCheck::ok("urls", "");
    }
    PublishCheck::failed(
        "urls",
        format!(
            "the hub is a folder, and the files of {} name public urls",
            need.join(", ")
        ),
        "write `publish: {url: \"https://…/{{ tag }}/{{ asset }}\"}` in versions.yml or the recipe",
    )
}
