//! Malicious archives from publishers, on the command line.

use crate::originals::extract::published;

/// A command that makes a tar with the program `tool`, and what the lines of Python add.
fn tar(body: &str) -> String {
    format!(
        "python3 - $out <<'E'\nimport io,sys,tarfile\nt=tarfile.open(sys.argv[1],'w:gz')\ndef add(name,**more):\n i=tarfile.TarInfo(name); i.mode=0o755\n data=b'#!/bin/sh\\n' if not more else b''\n i.size=len(data)\n for k,v in more.items(): setattr(i,k,v)\n t.addfile(i,io.BytesIO(data))\nadd('tool')\n{body}\nt.close()\nE"
    )
}

/// Made by hand and by archivers: nothing outside of the folder is touched, nothing is left behind.
#[test]
fn a_hostile_archive_is_refused_entirely() {
    let zip = |name: &str| {
        format!(
            "python3 -c 'import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],\"w\"); z.writestr(\"tool\",\"#!/bin/sh\"); z.writestr(\"{name}\",\"x\"); z.close()' $out"
        )
    };
    let cases = [
        ("up.tar.gz", tar("add('../../evil')")),
        ("absolute.tar.gz", tar("add('/tmp/larder-evil')")),
        (
            "through.tar.gz",
            tar("add('d',type=tarfile.SYMTYPE,linkname='/tmp'); add('d/larder-evil')"),
        ),
        ("twice.tar.gz", tar("add('tool',size=0)")),
        ("up.zip", zip("../../evil")),
        ("drive.zip", zip("C:/evil")),
        (
            "bomb.tar.gz",
            "head -c 300000000 /dev/zero > tool && tar czf $out tool && rm tool".to_owned(),
        ),
    ];
    for (archive, lines) in cases {
        let (env, _server) = published(archive, &lines);
        let before = env.sh("cd .. && find . -path ./cache -prune -o -path ./project/.larder -prune -o -type f -print | sort");
        let out = env.larder(["ensure", "all"]).exits(4);
        assert!(
            out.stderr.contains("the archive is refused"),
            "{archive}: {}",
            out.stderr
        );
        let after = env.sh("cd .. && find . -path ./cache -prune -o -path ./project/.larder -prune -o -type f -print | sort");
        assert_eq!(after, before, "{archive}");
        assert_eq!(
            env.sh(
                "find ../cache ../tmp -name '*evil*' -o -name tool -o -path '*staging*' -type f"
            ),
            "",
            "{archive}"
        );
        assert!(
            !std::path::Path::new("/tmp/larder-evil").exists(),
            "{archive}"
        );
    }
}

/// Entries that nobody asks for are skipped, and leave no trace.
#[test]
fn odd_entries_of_an_archive_are_never_created() {
    for (archive, body, told) in [
        (
            "hard.tar.gz",
            "add('h',type=tarfile.LNKTYPE,linkname='../../../etc/passwd')",
            "`h`: it is a link",
        ),
        (
            "link.tar.gz",
            "add('l',type=tarfile.SYMTYPE,linkname='/etc/passwd')",
            "`l`: it is a link",
        ),
        (
            "device.tar.gz",
            "add('null',type=tarfile.CHRTYPE,devmajor=1,devminor=3)",
            "`null`: it is a device",
        ),
        (
            "fifo.tar.gz",
            "add('pipe',type=tarfile.FIFOTYPE)",
            "`pipe`: it is a FIFO",
        ),
        ("twice.tar.gz", "add('tool')", "`tool`: it occurs twice"),
        ("case.tar.gz", "add('d/x'); add('D/x')", "only in case"),
        ("setuid.tar.gz", "add('s',mode=0o4755)", "setuid"),
    ] {
        let (env, _server) = published(archive, &tar(body));
        let out = env.larder(["ensure", "all", "-v"]).success();
        assert!(out.stderr.contains(told), "{archive}: {}", out.stderr);
        assert_eq!(env.read("subsystems/tool/.bin/tool"), "#!/bin/sh\n");
        let odd = "find .. ! -type f ! -type d ! -path '*/.bin/*' ! -path '*/subsystems/*'; find .. -perm /6000";
        assert_eq!(env.sh(odd), "", "{archive}");
    }
}
