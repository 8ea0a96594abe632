//! What `obtain` would do for a target, found by looking only: the same order and the same rules, with nothing fetched, built
//! or written. For `status`, `plan`, `why` and `--dry-run`.

use super::context::Context;
use super::obtain::{Attempt, Obtain};
use super::present::{recorded, stamped};
use larder_core::error::{Error, Kind, Result};
use larder_core::keys::Wanted;
use larder_core::keys::inputs::{Difference, difference};
use larder_core::model::{Artifact, AssetName, SourceKind, Tag, Target};
use larder_remote::origin;

/// What a target's state is and what `obtain` would do.
#[derive(Clone, Debug)]
pub struct Look {
    /// The keys wanted.
    pub wanted: Wanted,
    /// What is installed, by its stamp.
    pub found: Option<Artifact>,
    /// Why it has to be obtained; `None` when it is up to date.
    pub stale: Option<String>,
    /// The sources in the order they would be asked, and their answers, up to the one that has it.
    pub attempts: Vec<Attempt>,
    /// The source that would be used.
    pub choice: Option<SourceKind>,
    /// What a source's answer stops the search with, though others were left to ask.
    pub stopped: Option<Error>,
}

/// Looks at a target; changes nothing. Asks the hub unless `local`.
pub fn look(ctx: &Context, target: &Target, local: bool) -> Result<Look> {
    let wanted = ctx.wanted(target)?;
    let bin = ctx.bin(target);
    let found = stamped(&bin, &wanted)?;
    let mut look = Look {
        wanted,
        found: found.clone(),
        stale: None,
        attempts: Vec::new(),
        choice: None,
        stopped: None,
    };
    if recorded(ctx, target, &look.wanted)?.is_some() {
        return Ok(look);
    }
    look.stale = match found {
        None => Some("not installed".into()),
        Some(artifact) if !look.wanted.accepts(artifact.origin, &artifact.inputs) => {
            let version = &ctx.subsystem(target)?.version;
            Some(if artifact.version == *version {
                format!("`{}` changed but is still {version}", target.name)
            } else {
                format!("{} → {version}", artifact.version)
            })
        }
        Some(_) if ctx.options.reinstall || ctx.options.rebuild => Some("asked for again".into()),
        Some(artifact) => bin
            .damage(&artifact)?
            .map(|damage| format!("damaged: {damage}")),
    };
    if look.stale.is_none() || local {
        return Ok(look);
    }
    foresee(ctx, target, &mut look)?;
    Ok(look)
}

/// What the search through the sources would come to.
fn foresee(ctx: &Context, target: &Target, look: &mut Look) -> Result<()> {
    let Look {
        wanted,
        found: _,
        stale: _,
        attempts,
        choice,
        stopped,
    } = look;
    let obtain = Obtain {
        ctx,
        target,
        bin: ctx.bin(target),
        wanted,
        reason: String::new(),
    };
    let forced = if ctx.options.rebuild {
        Some(SourceKind::Build)
    } else {
        ctx.options.source
    };
    if forced.is_none_or(|via| via == SourceKind::Cache) {
        for origin in obtain.origins() {
            let Some(inputs) = wanted.of(origin) else {
                continue;
            };
            let entry = ctx
                .cache
                .lookup(origin, &inputs.digest)?
                .filter(|entry| obtain.trusted(entry));
            if entry.is_some_and(|entry| ctx.cache.holds(&entry.artifact).unwrap_or(false)) {
                attempts.push(Attempt {
                    via: SourceKind::Cache,
                    answer: format!("has it ({origin})"),
                });
                *choice = Some(SourceKind::Cache);
                return Ok(());
            }
        }
        attempts.push(Attempt {
            via: SourceKind::Cache,
            answer: "nothing for these inputs".into(),
        });
    }
    let sources = match forced {
        Some(SourceKind::Cache) => Vec::new(),
        Some(via) => vec![via],
        None => ctx.project.sources.clone(),
    };
    let mut silent: Option<Error> = None;
    for via in sources {
        if let Some(error) = &silent
            && let Err(why) = obtain.pinned(via)
        {
            attempts.push(Attempt {
                via,
                answer: format!("not asked: {why}"),
            });
            *stopped = Some(error.clone().hint(why));
            return Ok(());
        }
        let answer = match via {
            SourceKind::Cache => continue,
            SourceKind::Managed => match obtain.find_managed() {
                Ok(Ok((tag, asset, _))) => {
                    Ok(format!("{} has {tag}/{asset}", ctx.hub()?.describe()))
                }
                Err(error) if error.kind() == Kind::Unavailable => {
                    let answer = format!("silent: {error}");
                    silent.get_or_insert(error);
                    Err(answer)
                }
                // What the lock pins needs no sidecar.
                answer => match (obtain.pinned_asset(), answer) {
                    (Some(place), _) => Ok(format!(
                        "{} has {place}, which versions.lock pins",
                        ctx.hub()?.describe()
                    )),
                    (None, Err(error)) => {
                        attempts.push(Attempt {
                            via,
                            answer: error.to_string(),
                        });
                        *stopped = Some(error);
                        return Ok(());
                    }
                    (None, answer) => Err(answer?.err().unwrap_or_default()),
                },
            },
            SourceKind::Original => match ctx.subsystem(target)?.original(&target.platform)? {
                Some(original) => Ok(format!(
                    "{} (not asked)",
                    origin::describe(&original.coordinate)
                )),
                None => Err("the recipe has no upstream".into()),
            },
            SourceKind::Build => obtain
                .can_build()
                .map(|()| "this machine can build it".into()),
        };
        match answer {
            Ok(answer) => {
                attempts.push(Attempt { via, answer });
                *choice = Some(via);
                return Ok(());
            }
            Err(answer) => attempts.push(Attempt { via, answer }),
        }
    }
    *stopped = silent;
    Ok(())
}

/// An artifact of other inputs than those wanted, and what differs.
#[derive(Clone, Debug)]
pub struct Other {
    /// Where it is.
    pub place: String,
    /// The artifact.
    pub artifact: Artifact,
    /// What differs; `None` where it is not known what its inputs were made of.
    pub differences: Option<Vec<Difference>>,
}

/// An artifact of other inputs that stands where a wanted one was looked for: installed, else on the hub.
pub fn other(ctx: &Context, target: &Target, look: &Look) -> Result<Option<Other>> {
    let compare =
        |place: String, artifact: Artifact, explanation: Option<Vec<(String, String)>>| {
            // Compared with what is wanted of the same origin; else of the one that is wanted at all.
            let wanted = look
                .wanted
                .of(artifact.origin)
                .or(look.wanted.build.as_ref())
                .or(look.wanted.original.as_ref());
            let differences = explanation
                .zip(wanted)
                .map(|(found, wanted)| difference(&found, &wanted.fields));
            Some(Other {
                place,
                artifact,
                differences,
            })
        };
    let differs = |artifact: &Artifact| !look.wanted.accepts(artifact.origin, &artifact.inputs);
    if let Some(found) = look.found.clone().filter(differs) {
        let explanation = ctx.cache.explanation(&found.inputs);
        return Ok(compare("what is installed".into(), found, explanation));
    }
    let asked = look
        .attempts
        .iter()
        .any(|attempt| attempt.via == SourceKind::Managed);
    if !asked || look.choice == Some(SourceKind::Managed) || look.stopped.is_some() {
        return Ok(None);
    }
    let subsystem = ctx.subsystem(target)?;
    let tag = Tag::of(&subsystem.name, &subsystem.version);
    let extension = subsystem.format(&target.platform).extension();
    let asset = AssetName::of(&subsystem.package.name, &target.platform, extension, None);
    let hub = ctx.hub()?;
    // An answer that can't be had explains nothing; the search above has told why.
    let Ok(Some(sidecar)) = hub.sidecar(&tag, &asset) else {
        return Ok(None);
    };
    if !differs(&sidecar.content) || sidecar.content.name != target.name {
        return Ok(None);
    }
    let explanation = (!sidecar.explanation.is_empty()).then_some(sidecar.explanation);
    let explanation = explanation.or_else(|| ctx.cache.explanation(&sidecar.content.inputs));
    Ok(compare(
        format!("{}/{tag}/{asset}", hub.describe()),
        sidecar.content,
        explanation,
    ))
}
