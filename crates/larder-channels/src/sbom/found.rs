//! The components for what programs say about the code in them, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use larder_core::executable::{CargoPackage, Dependencies, GoBuild, GoModule};

use super::bom::{Bom, Component, Edges, Property, Scope};

/// The components of a document by their references, and the references that each depends on.
#[derive(Default)]
pub(super) struct Graph {
    components: BTreeMap<String, Component>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Adds a component; returns its reference. One that is there already stays, and is needed at
    /// run time if one of the two is.
    pub(super) fn add(&mut self, component: Component) -> String {
        let reference = component.bom_ref.clone();
        self.edges.entry(reference.clone()).or_default();
        let is_needed = component.scope.is_none();
        let kept = self
            .components
            .entry(reference.clone())
            .or_insert(component);
        if is_needed {
            kept.scope = None;
        }
        reference
    }

    /// Notes that a component depends on another.
    pub(super) fn edge(&mut self, from: &str, to: impl Into<String>) {
        let edges = self.edges.entry(from.to_owned()).or_default();
        let to = to.into();
        if to != from {
            edges.insert(to);
        }
    }

    /// Adds what the document of an asset found in it. Edges of anything else are left out.
    pub(super) fn merge(&mut self, asset: &Component, bom: &Bom) {
        let own = bom.components.iter().chain(&asset.components);
        let known: BTreeSet<&str> = own
            .chain([asset])
            .map(|component| component.bom_ref.as_str())
            .collect();
        for component in &bom.components {
            self.add(component.clone());
        }
        for Edges { from, to } in &bom.dependencies {
            for to in to {
                if known.contains(from.as_str()) && known.contains(to.as_str()) {
                    self.edge(from, to);
                }
            }
        }
    }

    /// The components and the edges, sorted.
    pub(super) fn finish(self) -> (Vec<Component>, Vec<Edges>) {
        let edges = self.edges.into_iter().map(|(from, to)| Edges {
            from,
            to: to.into_iter().collect(),
        });
        (self.components.into_values().collect(), edges.collect())
    }

    /// Adds what the program `from` says about the code in it.
    pub(super) fn program(&mut self, from: &str, found: &Dependencies) {
        let Dependencies { go, cargo } = found;
        if let Some(go) = go {
            self.go(from, go);
        }
        if let Some(cargo) = cargo {
            self.cargo(from, cargo);
        }
    }

    fn go(&mut self, program: &str, build: &GoBuild) {
        let GoBuild {
            go,
            path: _,
            main,
            dependencies,
        } = build;
        let from = match main {
            Some(module) => {
                let main = self.add(go_component(module, None));
                self.edge(program, &*main);
                main
            }
            None => program.to_owned(),
        };
        // Scanners know the standard library by this name, with the version of Go.
        let std = GoModule {
            path: "stdlib".into(),
            version: Some(go.strip_prefix("go").unwrap_or(go).to_owned()),
            sum: None,
        };
        let std = self.add(go_component(&std, None));
        self.edge(&from, std);
        for dependency in dependencies {
            let required = &dependency.required;
            let used = dependency.replaced_by.as_ref();
            let replaced = used.map(|_| required);
            // A folder has a path of that machine; its module has the path that is required.
            let component = match used {
                Some(used) if used.version.is_none() => {
                    let folder = GoModule {
                        path: required.path.clone(),
                        version: None,
                        sum: None,
                    };
                    go_component(&folder, replaced)
                }
                used => go_component(used.unwrap_or(required), replaced),
            };
            let to = self.add(component);
            self.edge(&from, to);
        }
    }

    fn cargo(&mut self, program: &str, packages: &[CargoPackage]) {
        let references: Vec<String> = packages
            .iter()
            .map(|package| self.add(cargo_component(package)))
            .collect();
        let has_root = packages.iter().any(|package| package.root);
        for (package, from) in packages.iter().zip(&references) {
            if package.root || !has_root {
                self.edge(program, from);
            }
            for to in package
                .dependencies
                .iter()
                .filter_map(|n| references.get(*n))
            {
                self.edge(from, to);
            }
        }
    }
}

fn go_component(module: &GoModule, replaces: Option<&GoModule>) -> Component {
    let GoModule { path, version, sum } = module;
    let purl = purl("golang", path, version.as_deref());
    let mut properties = Vec::new();
    // The sum is of a list of files, and no digest of any file.
    if let Some(sum) = sum {
        properties.push(Property::new("go:sum", sum));
    }
    if let Some(replaced) = replaces {
        let version = replaced.version.as_deref().unwrap_or_default();
        let text = format!("{} {version}", replaced.path);
        properties.push(Property::new("go:replaces", text.trim_end()));
    }
    Component {
        bom_ref: purl.clone(),
        name: path.clone(),
        version: version.clone(),
        purl: Some(purl),
        properties,
        ..Component::default()
    }
}

fn cargo_component(package: &CargoPackage) -> Component {
    let CargoPackage {
        name,
        version,
        source,
        build,
        root: _,
        dependencies: _,
    } = package;
    let purl = purl("cargo", name, Some(version));
    // The name says nothing about crates that are not of the public registry.
    let (bom_ref, purl) = if package.is_public() {
        (purl.clone(), Some(purl))
    } else {
        (format!("{source}:{purl}"), None)
    };
    Component {
        bom_ref,
        name: name.clone(),
        version: Some(version.clone()),
        scope: build.then_some(Scope::Excluded),
        purl,
        properties: vec![Property::new("cargo:source", source)],
        ..Component::default()
    }
}

/// A package url. The case of names is kept, because Go's modules and their advisories tell names
/// apart by it.
pub(crate) fn purl(kind: &str, name: &str, version: Option<&str>) -> String {
    let mut text = format!("pkg:{kind}/");
    escape(&mut text, name, "/");
    if let Some(version) = version {
        text.push('@');
        escape(&mut text, version, "");
    }
    text
}

/// Appends a text in which all but unreserved bytes, colons and `kept` ones are percent-encoded.
fn escape(out: &mut String, text: &str, kept: &str) {
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~:".contains(c) || kept.contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
