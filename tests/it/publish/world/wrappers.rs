//! Wrappers of the programs that larder starts: they note each call, and kill larder before or after
//! one of them. A child gets few variables, so all paths are in the wrappers.

use super::World;
use crate::env::{TestEnv, remove};
use crate::publish::registries::pypi::TWINE;
use crate::servers::tripwire::Side;

/// The programs.
pub const PROGRAMS: [&str; 3] = ["git", "npm", "twine"];

/// Puts the wrappers first on PATH.
pub(super) fn add(env: &mut TestEnv) {
    let base = env.base().to_owned();
    env.write_executable("../tools/twine", TWINE);
    let path = format!("{base}/tools:{}", std::env::var("PATH").unwrap());
    for program in PROGRAMS {
        let real = std::env::split_paths(&path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file())
            .unwrap_or_else(|| panic!("no {program}"));
        // bash hands on variables whose names have other characters than letters, as npm has them.
        let script = format!(
            "#!/usr/bin/env bash\n\
             count=0; [ ! -f {base}/count ] || read -r count < {base}/count\n\
             count=$((count + 1)); echo $count > {base}/count\n\
             echo \"{program} $*\" >> {base}/calls\n\
             tr '\\0' '\\n' < /proc/$$/environ >> {base}/variables-{program}\n\
             [ ! -f {base}/hook ] || . {base}/hook\n\
             number=; [ ! -f {base}/kill ] || read -r number side < {base}/kill\n\
             if [ \"$number\" = $count ]; then\n  \
               [ \"$side\" = before ] || {real} \"$@\"\n  \
               kill -9 $PPID; exit 1\n\
             fi\n\
             exec {real} \"$@\"\n",
            real = real.display()
        );
        env.write_executable(&format!("../bin/{program}"), script);
    }
    env.set("PATH", format!("{base}/bin:{path}"));
}

impl World {
    /// Runs lines of sh in the wrapper before each call of a program.
    pub fn hook(&self, lines: &str) {
        std::fs::write(self.env.base().join("hook"), lines).unwrap();
    }

    /// Kills larder at the n-th call of a program from now on.
    pub fn kill_at_call(&self, n: usize, side: Side) {
        let side = match side {
            Side::Before => "before",
            Side::After => "after",
        };
        remove(&self.env.base().join("count"));
        std::fs::write(self.env.base().join("kill"), format!("{n} {side}\n")).unwrap();
    }

    /// The variables that a program was started with, in all calls so far.
    pub fn variables(&self, program: &str) -> String {
        let path = self.env.base().join(format!("variables-{program}"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Does not kill any more. Returns the calls so far with their arguments, and forgets them.
    pub fn take_calls(&self) -> Vec<String> {
        let path = self.env.base().join("calls");
        let calls = std::fs::read_to_string(&path).unwrap_or_default();
        for name in ["count", "hook", "kill", "calls"] {
            remove(&self.env.base().join(name));
        }
        calls.lines().map(str::to_owned).collect()
    }
}
