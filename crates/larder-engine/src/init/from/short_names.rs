//! Where the tools are that asdf and mise know by a short name.
//!
//! Each line was compared with the registry of mise, which names the package of aqua's registry for it. Names that are
//! toolchains, such as `node`, are known in order to say what to do with them.

use super::found::{Place, Tool, Wanted};

/// What a short name stands for.
pub(super) enum Known {
    /// A tool that publishers release.
    At(Entry),
    /// A toolchain of many files; what to do with it.
    Toolchain(&'static str),
}

/// A line of the table.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The package of aqua's registry, whose first two parts are a repository.
    package: &'static str,
}

impl Entry {
    /// The tool, in a version.
    pub(super) fn wanted(self, version: Wanted, place: Place) -> Tool {
        aqua_tool(self.package, version, place)
    }
}

/// The tool of a package of aqua's registry.
pub(super) fn aqua_tool(package: &str, version: Wanted, place: Place) -> Tool {
    let mut sources = vec![format!("aqua:{package}")];
    // Most packages are the releases of the repository with the package's name. Of a package with three parts, such as
    // kubernetes/kubernetes/kubectl, the repository's release has other files, too, or none.
    if package.matches('/').count() == 1 {
        sources.push(format!("github:{package}"));
    }
    Tool {
        name: name_of(package),
        version,
        sources,
        binaries: Vec::new(),
        recipe: None,
        asset: None,
        build: None,
        place,
    }
}

/// The name that most people know a package by.
pub(super) fn name_of(package: &str) -> String {
    let short = TOOLS
        .iter()
        .find(|(_, known)| *known == package)
        .map(|(names, _)| names[0]);
    super::found::subsystem_name(short.unwrap_or(package))
}

/// Looks up a short name.
pub(super) fn lookup(name: &str) -> Option<Known> {
    if let Some((_, advice)) = TOOLCHAINS.iter().find(|(names, _)| names.contains(&name)) {
        return Some(Known::Toolchain(advice));
    }
    TOOLS
        .iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, package)| Known::At(Entry { package }))
}

/// Toolchains. They have their own installers; builds name them under `tools:`.
const TOOLCHAINS: [(&[&str], &str); 10] = [
    (
        &["node", "nodejs"],
        "keep its installer; recipes that build with it say `build: {tools: {node: \"22\"}}`",
    ),
    (
        &["python"],
        "keep its installer; recipes that build with it say `build: {tools: {python3: \"3.12\"}}`",
    ),
    (
        &["go", "golang"],
        "keep its installer; recipes that build with it say `build: {tools: {go: \"1.23\"}}`",
    ),
    (
        &["rust"],
        "keep rustup and rust-toolchain.toml; recipes that build with it say `build: {tools: {cargo: \"1.80\"}}`",
    ),
    (
        &["java"],
        "keep its installer; recipes that build with it say `build: {tools: {java: \"\"}}`",
    ),
    (
        &["ruby"],
        "keep its installer; recipes that build with it say `build: {tools: {ruby: \"\"}}`",
    ),
    (
        &["erlang", "elixir"],
        "keep its installer; recipes that build with it name it under `build: {tools: …}`",
    ),
    (
        &["dotnet", "dotnet-core"],
        "keep its installer; recipes that build with it say `build: {tools: {dotnet: \"\"}}`",
    ),
    (
        &["php", "perl", "swift"],
        "keep its installer; recipes that build with it name it under `build: {tools: …}`",
    ),
    (
        &["awscli", "aws-cli", "gcloud"],
        "keep its installer: it is more than one program",
    ),
];

/// The short names of tools, and their packages in aqua's registry.
const TOOLS: &[(&[&str], &str)] = &[
    (&["act"], "nektos/act"),
    (&["actionlint"], "rhysd/actionlint"),
    (&["age"], "FiloSottile/age"),
    (&["air"], "air-verse/air"),
    (&["argocd"], "argoproj/argo-cd"),
    (&["bat"], "sharkdp/bat"),
    (&["biome"], "biomejs/biome"),
    (&["buf"], "bufbuild/buf"),
    (&["bun"], "oven-sh/bun"),
    (&["caddy"], "caddyserver/caddy"),
    (&["cargo-binstall"], "cargo-bins/cargo-binstall"),
    (&["cloudflared"], "cloudflare/cloudflared"),
    (&["conftest"], "open-policy-agent/conftest"),
    (&["consul"], "hashicorp/consul"),
    (&["cosign"], "sigstore/cosign"),
    (&["crane"], "google/go-containerregistry"),
    (&["cue"], "cue-lang/cue"),
    (&["dagger"], "dagger/dagger"),
    (&["delta"], "dandavison/delta"),
    (&["deno"], "denoland/deno"),
    (&["direnv"], "direnv/direnv"),
    (&["dprint"], "dprint/dprint"),
    (&["eza"], "eza-community/eza"),
    (&["fd"], "sharkdp/fd"),
    (&["flux2", "flux"], "fluxcd/flux2"),
    (&["fzf"], "junegunn/fzf"),
    (&["gh", "github-cli"], "cli/cli"),
    (&["glow"], "charmbracelet/glow"),
    (&["golangci-lint"], "golangci/golangci-lint"),
    (&["goreleaser"], "goreleaser/goreleaser"),
    (&["grype"], "anchore/grype"),
    (&["gum"], "charmbracelet/gum"),
    (&["hadolint"], "hadolint/hadolint"),
    (&["helm"], "helm/helm"),
    (&["hugo"], "gohugoio/hugo"),
    (&["hyperfine"], "sharkdp/hyperfine"),
    (&["istioctl"], "istio/istio/istioctl"),
    (&["jq"], "jqlang/jq"),
    (&["just"], "casey/just"),
    (&["k3d"], "k3d-io/k3d"),
    (&["k9s"], "derailed/k9s"),
    (&["kind"], "kubernetes-sigs/kind"),
    (&["ko"], "ko-build/ko"),
    (&["kubeconform"], "yannh/kubeconform"),
    (&["kubectl"], "kubernetes/kubernetes/kubectl"),
    (&["kubectx"], "ahmetb/kubectx"),
    (&["kubens"], "ahmetb/kubectx/kubens"),
    (&["kustomize"], "kubernetes-sigs/kustomize"),
    (&["lazygit"], "jesseduffield/lazygit"),
    (&["lefthook"], "evilmartians/lefthook"),
    (&["minikube"], "kubernetes/minikube"),
    (&["mkcert"], "FiloSottile/mkcert"),
    (&["nomad"], "hashicorp/nomad"),
    (&["opa"], "open-policy-agent/opa"),
    (&["opentofu"], "opentofu/opentofu"),
    (&["oras"], "oras-project/oras"),
    (&["packer"], "hashicorp/packer"),
    (&["pnpm"], "pnpm/pnpm"),
    (&["pre-commit"], "pre-commit/pre-commit"),
    (&["process-compose"], "F1bonacc1/process-compose"),
    (&["protoc", "protobuf"], "protocolbuffers/protobuf/protoc"),
    (&["pulumi"], "pulumi/pulumi"),
    (&["ripgrep", "rg"], "BurntSushi/ripgrep"),
    (&["ruff"], "astral-sh/ruff"),
    (&["shellcheck"], "koalaman/shellcheck"),
    (&["shfmt"], "mvdan/sh"),
    (&["skaffold"], "GoogleContainerTools/skaffold"),
    (&["sops"], "getsops/sops"),
    (&["sqlc"], "sqlc-dev/sqlc"),
    (&["starship"], "starship/starship"),
    (&["step"], "smallstep/cli"),
    (&["stern"], "stern/stern"),
    (&["syft"], "anchore/syft"),
    (&["taplo"], "tamasfe/taplo"),
    (&["task"], "go-task/task"),
    (&["terraform"], "hashicorp/terraform"),
    (&["terragrunt"], "gruntwork-io/terragrunt"),
    (&["tflint"], "terraform-linters/tflint"),
    (&["tilt"], "tilt-dev/tilt"),
    (&["tinygo"], "tinygo-org/tinygo"),
    (&["trivy"], "aquasecurity/trivy"),
    (&["typos"], "crate-ci/typos"),
    (&["uv"], "astral-sh/uv"),
    (&["vault"], "hashicorp/vault"),
    (&["vhs"], "charmbracelet/vhs"),
    (&["wasmtime"], "bytecodealliance/wasmtime"),
    (&["watchexec"], "watchexec/watchexec"),
    (&["yq"], "mikefarah/yq"),
    (&["zig"], "ziglang/zig"),
    (&["zoxide"], "ajeetdsouza/zoxide"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_each_name_once() {
        let first: Vec<&str> = TOOLS.iter().map(|(names, _)| names[0]).collect();
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(first, sorted);
        let mut all: Vec<&str> = TOOLS
            .iter()
            .flat_map(|(names, _)| names.iter())
            .chain(TOOLCHAINS.iter().flat_map(|(names, _)| names.iter()))
            .copied()
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
