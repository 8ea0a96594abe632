"""Drives the fake GitHub with PyGithub and with the real `gh`, and what larder publishes with `gh` again:
clients.py FAKE GH LARDER, programs all three
"""

import hashlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import github

REPO = "acme/tools"


class Fake:
    """The fake as a program: runs until its standard input ends."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, REPO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.urls = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        # It fails if a token was sent to an origin that must not get one.
        assert self.process.wait(20) == 0, "the fake complains"


def expect(what, found, wanted):
    assert found == wanted, f"{what}: {found!r} is not {wanted!r}"
    print("ok", what)


def by_pygithub(fake):
    os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = fake.urls["proxy"]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ""
    token = github.Auth.Token(fake.urls["token"])
    client = github.Github(auth=token, base_url="http://api.github.localhost", retry=None, seconds_between_writes=0)
    repo = client.get_repo(REPO)
    release = repo.create_git_release("py-v1", "py", "notes", draft=True)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.txt")
        path.write_text("from python")
        asset = release.upload_asset(str(path))
        expect("PyGithub: state", asset.state, "uploaded")
        expect("PyGithub: digest", asset.digest, "sha256:" + hashlib.sha256(b"from python").hexdigest())
        try:
            release.upload_asset(str(path))
            raise AssertionError("the same name twice")
        except github.GithubException as error:
            expect("PyGithub: the same name twice", (error.status, error.data["errors"][0]["code"]), (422, "already_exists"))
        try:
            repo.get_release("py-v1")
            raise AssertionError("a draft found by its tag")
        except github.UnknownObjectException:
            print("ok PyGithub: a draft is not found by its tag")
        release.update_release("py", "notes", draft=False)
        expect("PyGithub: published", repo.get_release("py-v1").draft, False)
        asset.download_asset(str(path))
        expect("PyGithub: downloaded", path.read_text(), "from python")
    for n in range(31):
        repo.create_git_release(f"page-v{n}", "page", "", draft=True)
    expect("PyGithub: pages", len(list(repo.get_releases())), 32)
    for release in list(repo.get_releases()):
        release.delete_release()
    expect("PyGithub: deleted", list(repo.get_releases()), [])


def files_by_pygithub(fake):
    token = github.Auth.Token(fake.urls["token"])
    client = github.Github(auth=token, base_url="http://api.github.localhost", retry=None, seconds_between_writes=0)
    repo = client.get_repo(REPO)
    expect("PyGithub: a file", repo.get_contents("README.md").decoded_content, b"A repository.\n")
    main = repo.get_git_ref("heads/main").object.sha
    base = repo.get_git_commit(main)
    element = github.InputGitTreeElement("a/b.txt", "100644", "blob", content="from python\n")
    tree = repo.create_git_tree([element], base.tree)
    commit = repo.create_git_commit("add b.txt", tree, [base])
    repo.create_git_ref("refs/heads/py", commit.sha)
    expect("PyGithub: a folder", [item.path for item in repo.get_contents("a", ref="py")], ["a/b.txt"])
    try:
        repo.create_git_ref("refs/heads/py", commit.sha)
        raise AssertionError("the same branch twice")
    except github.GithubException as error:
        expect("PyGithub: the same branch twice", (error.status, error.data["message"]), (422, "Reference already exists"))
    pull = repo.create_pull(base="main", head="py", title="add", body="")
    expect("PyGithub: a pull request", (pull.number, pull.state, pull.head.sha, pull.head.label), (1, "open", commit.sha, "acme:py"))
    try:
        repo.create_pull(base="main", head="acme:py", title="add", body="")
        raise AssertionError("the same pull request twice")
    except github.GithubException as error:
        message = "A pull request already exists for acme:py."
        expect("PyGithub: the same pull request twice", (error.status, error.data["errors"][0]["message"]), (422, message))
    expect("PyGithub: pull requests of a branch", [found.number for found in repo.get_pulls(state="all", head="acme:py")], [1])
    expect("PyGithub: pull requests of no branch", list(repo.get_pulls(state="all", head="acme:none")), [])
    pull.edit(state="closed")
    expect("PyGithub: closed", repo.get_pulls(state="closed")[0].number, 1)
    repo.get_git_ref("heads/py").delete()
    with tempfile.TemporaryDirectory() as folder:
        url = fake.urls["web"].replace("http://", "http://x:" + fake.urls["token"] + "@") + f"/{REPO}.git"
        who, env = ["-c", "user.name=x", "-c", "user.email=x@y.example"], {"PATH": os.environ["PATH"], "HOME": folder}
        git = lambda *arguments: subprocess.run(["git", *who, *arguments], cwd=folder, check=True, env=env)
        git("clone", "-q", url, "here")
        pathlib.Path(folder, "here", "c.txt").write_text("by git\n")
        git("-C", "here", "add", "c.txt")
        git("-C", "here", "commit", "-qm", "add c.txt")
        git("-C", "here", "push", "-q")
    expect("git: pushed", repo.get_contents("c.txt").decoded_content, b"by git\n")


class Gh:
    """The real `gh`, which reaches the fake as `*.github.localhost` through its proxy variable."""

    def __init__(self, program, fake, folder):
        self.program, self.folder = program, folder
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": f"{folder}/state", "XDG_CACHE_HOME": f"{folder}/cache",
            "GH_HOST": "github.localhost", "GH_TOKEN": fake.urls["token"], "HTTP_PROXY": fake.urls["proxy"],
            "GH_NO_UPDATE_NOTIFIER": "1", "GH_PROMPT_DISABLED": "1",
        }

    def __call__(self, *arguments, ok=True):
        done = subprocess.run([self.program, *arguments, "-R", REPO], env=self.env, cwd=self.folder, capture_output=True, text=True)
        assert (done.returncode == 0) == ok, f"gh {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def by_gh(fake, gh):
    folder = gh.folder
    (folder / "a.txt").write_text("one")
    (folder / "b.txt").write_text("two")
    gh("release", "create", "gh-v1", "a.txt", "--draft", "-n", "notes", "-t", "gh")
    expect("gh: a draft is listed", json.loads(gh("release", "list", "--json", "tagName,isDraft")), [{"tagName": "gh-v1", "isDraft": True}])
    gh("release", "edit", "gh-v1", "--draft=false")
    gh("release", "upload", "gh-v1", "a.txt", "b.txt", ok=False)
    (folder / "a.txt").write_text("three")
    gh("release", "upload", "gh-v1", "a.txt", "b.txt", "--clobber")
    view = json.loads(gh("release", "view", "gh-v1", "--json", "assets,isDraft,isImmutable"))
    expect("gh: view", sorted((a["name"], a["size"], a["state"]) for a in view["assets"]), [("a.txt", 5, "uploaded"), ("b.txt", 3, "uploaded")])
    gh("release", "download", "gh-v1", "-D", "down")
    expect("gh: downloaded", [(folder / "down" / n).read_text() for n in ("a.txt", "b.txt")], ["three", "two"])
    gh("release", "delete-asset", "gh-v1", "a.txt", "-y")
    gh("release", "delete", "gh-v1", "-y")
    expect("gh: deleted", gh("release", "list"), "")


class Machine:
    """A machine of its own with a project of one subsystem, and larder on it."""

    def __init__(self, larder, fake, folder, version):
        self.larder, self.project = larder, folder / "project"
        recipe = self.project / "subsystems" / "tool"
        recipe.mkdir(parents=True)
        (self.project / "versions.yml").write_text(f"versions: {{tool: {version}}}\nhub: {{github: {REPO}}}\n")
        command = "printf '#!/bin/sh\\\\necho {{ version }}\\\\n' > {{ out }}/tool"
        (recipe / "recipe.yml").write_text(f'binaries: [tool]\nbuild:\n  source: {{dir: .}}\n  commands: ["{command}"]\n')
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "LARDER_CACHE_DIR": str(folder / "larder-cache"),
            "GITHUB_API_URL": fake.urls["api"], "GITHUB_SERVER_URL": fake.urls["web"], "LARDER_GITHUB_PACE": "0s",
        }

    def __call__(self, *arguments):
        done = subprocess.run([self.larder, *arguments], env=self.env, cwd=self.project, capture_output=True, text=True)
        assert done.returncode == 0, f"larder {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def larder_and_gh(fake, gh, larder):
    """What larder publishes is downloaded by `gh` and verified by sha256sum."""
    run = Machine(larder, fake, gh.folder / "publisher", "v1.2.3")
    run.env["GH_TOKEN"] = fake.urls["token"]
    run("ensure", "all")
    run("release", "all")
    gh("release", "download", "tool-v1.2.3", "-D", "published")
    published = gh.folder / "published"
    checked = subprocess.run(["sha256sum", "-c", "checksums.txt"], cwd=published, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    expect("larder's release, checked by sha256sum", len(checked.stdout.splitlines()), 1)
    view = json.loads(gh("release", "view", "tool-v1.2.3", "--json", "assets,isDraft"))
    expect("larder's release, seen by gh", (view["isDraft"], len(view["assets"]), {a["state"] for a in view["assets"]}), (False, 4, {"uploaded"}))
    latest = subprocess.run([gh.program, "api", f"repos/{REPO}/releases/latest"], env=gh.env, capture_output=True, text=True)
    expect("a cache release is not the latest", latest.returncode, 1)


def gh_and_larder(fake, gh, larder):
    """What `gh release create` publishes, a tarball and nothing else, is usable once the lock adopts it."""
    made = gh.folder / "made" / "tool-v2.0.0"
    made.mkdir(parents=True)
    (made / "tool").write_text("#!/bin/sh\necho v2.0.0 by hand\n")
    (made / "tool").chmod(0o755)
    here = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    asset = f"tool-linux-{here}.tar.gz"
    subprocess.run(["tar", "-czf", gh.folder / asset, "-C", made.parent, made.name], check=True)
    gh("release", "create", "tool-v2.0.0", asset, "-n", "by hand", "-t", "tool")

    first = Machine(larder, fake, gh.folder / "first", "v2.0.0")
    states = lambda run: [entry["state"] for entry in json.loads(run("release", "status", "--json"))["subsystems"]]
    expect("gh's release, before it is adopted", states(first), ["missing"])
    first("lock", "--adopt", "tool")
    expect("gh's release, adopted", states(first), ["released"])
    second = Machine(larder, fake, gh.folder / "second", "v2.0.0")
    (second.project / "versions.lock").write_text((first.project / "versions.lock").read_text())
    for run in first, second:
        ensured = json.loads(run("ensure", "tool", "--locked", "--json").splitlines()[0])
        expect("gh's release, ensured", (ensured["outcome"], ensured["source"]), ("downloaded", "managed"))
        said = subprocess.run([run.project / "subsystems/tool/.bin/tool"], capture_output=True, text=True).stdout
        expect("gh's release, run", said, "v2.0.0 by hand\n")


def main(fake_program, gh_program, larder):
    with Fake(fake_program) as fake, tempfile.TemporaryDirectory() as folder:
        by_pygithub(fake)
        files_by_pygithub(fake)
        gh = Gh(gh_program, fake, pathlib.Path(folder))
        by_gh(fake, gh)
        larder_and_gh(fake, gh, larder)
        gh_and_larder(fake, gh, larder)


main(*(str(pathlib.Path(argument).absolute()) for argument in sys.argv[1:]))
