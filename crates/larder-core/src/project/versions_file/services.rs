//! `services:`: converts the services. What they need is checked with the tasks.

use camino::{Utf8Path, Utf8PathBuf};

use crate::project::domain::{Ready, Service};
use crate::project::paths::join_expanded;
use crate::project::syntax::decode::{At, Pairs, Reader};
use crate::project::typed::services::{Address, RawReady, RawService, ServiceName};
use crate::project::user::{UserConfig, url_fault};

/// Converts a service; `None` if it can't be run because of a problem, which is reported.
pub(super) fn service(
    name: &At<ServiceName>,
    raw: RawService,
    root: &Utf8Path,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Option<Service> {
    let ready_span = raw.span("ready").cloned();
    let RawService {
        desc,
        command,
        needs,
        services,
        ready,
        timeout,
        env,
        dir,
        spans: _,
    } = raw;
    // Each problem is reported; any of them makes the service unusable.
    let ready = match (ready, ready_span) {
        (Some(raw), Some(span)) => ready_of(&name.value.0, raw, &span, user, reader).map(Some),
        (None, Some(_)) => None,
        _ => Some(None),
    };
    let dir = match dir {
        Some(dir) => folder(&dir, root, user, reader),
        None => Some(root.to_owned()),
    };
    let command = command?;
    if command.value.trim().is_empty() {
        reader.problem(
            &command.span,
            format!("the command of the service `{}` is empty", name.value.0),
            "write the command line that runs it, such as `nats-server -p 4222`",
        );
        return None;
    }
    let env = env.map(|Pairs(pairs)| pairs).unwrap_or_default();
    let texts = |list: Vec<At<String>>| list.into_iter().map(|at| at.value).collect();
    Some(Service {
        description: desc.map(|at| at.value),
        command: command.value,
        needs: needs.map(texts).unwrap_or_default(),
        services: services
            .unwrap_or_default()
            .into_iter()
            .map(|at| at.value.0)
            .collect(),
        ready: ready?,
        timeout: timeout.map_or(Service::USUAL_TIMEOUT, |at| at.value.0),
        env: env
            .into_iter()
            .filter_map(|(name, value)| Some((name.value.0, value?.value.0)))
            .collect(),
        dir: dir?,
    })
}

fn folder(
    dir: &At<String>,
    root: &Utf8Path,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Option<Utf8PathBuf> {
    let At { value, span } = dir;
    if value.is_empty() || value.contains('\0') {
        reader.problem(
            span,
            format!("`{value}` can't be the folder of a service"),
            "a path, relative to versions.yml or absolute",
        );
        return None;
    }
    join_expanded(root, value, user.home())
        .map_err(|(message, hint)| reader.problem(span, message, hint))
        .ok()
}

type Span = std::ops::Range<usize>;

/// The problem of a `ready` that has no key or several.
fn exactly_one(name: &str, raw: &RawReady, span: &Span) -> Option<(Span, String)> {
    match (raw.spans.first(), raw.spans.get(1)) {
        (None, _) => Some((
            span.clone(),
            format!("`ready` of the service `{name}` does not say how to find out"),
        )),
        (Some((first, _)), Some((second, span))) => Some((
            span.clone(),
            format!("`ready` has both `{first}` and `{second}`"),
        )),
        _ => None,
    }
}

fn ready_of(
    name: &str,
    raw: RawReady,
    span: &Span,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Option<Ready> {
    if let Some((span, message)) = exactly_one(name, &raw, span) {
        let hint = "one of {tcp: PORT}, {http: URL}, {command: LINE}";
        reader.problem(&span, message, hint);
        return None;
    }
    let RawReady {
        tcp,
        http,
        command,
        spans: _,
    } = raw;
    if let Some(At {
        value: Address { host, port },
        ..
    }) = tcp
    {
        return Some(Ready::Tcp { host, port });
    }
    if let Some(At { value, span }) = http {
        if let Some((message, hint)) = url_fault(&value, Some(user)) {
            reader.problem(&span, message, hint);
            return None;
        }
        return Some(Ready::Http(value));
    }
    let At { value, span } = command?;
    if value.trim().is_empty() {
        reader.problem(
            &span,
            "an empty command in `ready`",
            "write a command that exits with 0 when the service can be used",
        );
        return None;
    }
    Some(Ready::Command(value))
}
