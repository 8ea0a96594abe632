//! A `git` that comes first on PATH: it records how it is called, and can do something before or
//! after a command of the real git.

use camino::Utf8PathBuf;

use crate::env::TestEnv;

/// The recording git.
pub struct Recorder {
    folder: Utf8PathBuf,
}

impl Recorder {
    /// Puts it on the PATH of an environment. It copies every repository that git works in.
    pub fn new(env: &mut TestEnv) -> Self {
        let recorder = Self::with(env, "", "");
        recorder.set("copies", "");
        recorder
    }

    /// The same with lines of shell that run before and after each command. `$real` is the real git.
    pub fn with(env: &mut TestEnv, before: &str, after: &str) -> Self {
        let folder = env.base().join("recorded");
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let real = env.sh("command -v git");
        let script = format!(
            "#!/bin/sh\nreal='{}'\nfolder='{folder}'\n\
             printf '%s ' \"$@\" >> \"$folder/commands\"; echo >> \"$folder/commands\"\n\
             {before}\n\"$real\" \"$@\"; status=$?\n\
             if [ -e \"$folder/copies\" ] && [ -n \"$GIT_DIR\" ] && [ -d \"$GIT_DIR\" ]; then cp -r \"$GIT_DIR\" \"$folder/copy-$$\"; fi\n\
             {after}\nexit $status\n",
            real.trim()
        );
        let program = bin.join("git");
        std::fs::write(&program, script).unwrap();
        crate::env::set_mode(&program, 0o755);
        let path = env.sh("printf %s \"$PATH\"");
        env.set("PATH", format!("{bin}:{path}"));
        Self { folder }
    }

    /// The command lines so far.
    pub fn commands(&self) -> String {
        std::fs::read_to_string(self.folder.join("commands")).unwrap_or_default()
    }

    /// Writes a file that the lines of shell read.
    pub fn set(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    /// Checks that a text is in no argument and in no file of any repository that git worked in.
    pub fn assert_absent(&self, secret: &str) {
        let mut stack = vec![self.folder.clone()];
        let mut files = 0;
        while let Some(folder) = stack.pop() {
            for entry in folder.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                if path.is_dir() {
                    stack.push(path);
                    continue;
                }
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "{path}");
            }
        }
        assert!(files > 10, "too little was recorded");
    }
}
