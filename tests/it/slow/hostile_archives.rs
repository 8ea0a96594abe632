//! Malicious archives from publishers, on the command line.

use crate::originals::extract::published;

/// Made by hand and by archivers: nothing outside of the folder is touched, nothing is left behind.
#[test]
fn a_hostile_archive_is_refused_entirely() {
    let tar = |body: &str| {
        format!(
            "python3 - $out <<'E'\nimport io,sys,tarfile\nt=tarfile.open(sys.argv[1],'w:gz')\ndef add(name,**more):\n i=tarfile.TarInfo(name); i.mode=0o755\n data=b'#!/bin/sh\\n' if not more else b''\n i.size=len(data)\n for k,v in more.items(): setattr(i,k,v)\n t.addfile(i,io.BytesIO(data))\nadd('tool')\n{body}\nt.close()\nE"
        )
    };
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
        (
            "hard.tar.gz",
            tar("add('h',type=tarfile.LNKTYPE,linkname='../../../etc/passwd')"),
        ),
        (
            "device.tar.gz",
            tar("add('null',type=tarfile.CHRTYPE,devmajor=1,devminor=3)"),
        ),
        ("fifo.tar.gz", tar("add('pipe',type=tarfile.FIFOTYPE)")),
        ("twice.tar.gz", tar("add('tool')")),
        ("case.tar.gz", tar("add('d/x'); add('D/x')")),
        ("setuid.tar.gz", tar("add('s',mode=0o4755)")),
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
