#!/usr/bin/env bash
# Makes the seeds that are no texts, with the programs that make such files in the world: archives with tar, zip, dpkg-deb
# and the compressors, executables with a C compiler for several platforms (`CC='zig cc'`, as of the Python package ziglang).
# The results are committed; run it only to add one.
set -euo pipefail
seeds=$(cd "$(dirname "$0")" && pwd)/seeds
CC=${CC:-zig cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p "$seeds"/{archive,package,executable}

mkdir -p d/e
printf 0123456789 > d/tool
chmod 755 d/tool
ln -s ../tool d/e/l
ln d/tool d/e/h
printf x > "d/$(printf %0120d 1)"
tar=(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -b 1)
"${tar[@]}" --format=gnu -cf gnu.tar d
"${tar[@]}" --format=posix --pax-option=delete=atime,delete=ctime -cf pax.tar d
"${tar[@]}" --format=ustar -cf ustar.tar d/tool d/e
cp -r d sparse
truncate -s 64K sparse/hole
"${tar[@]}" --format=gnu -S -cf sparse-gnu.tar sparse
"${tar[@]}" --format=posix -S --sparse-version=1.0 -cf sparse-pax.tar sparse
zip -qrXy links.zip d
zip -qrX plain.zip d/tool d/e/h
zip -qrX - d/tool > streamed.zip < /dev/null
for pair in gzip:gz xz:xz zstd:zst bzip2:bz2 lz4:lz4; do
    "${pair%%:*}" -c < ustar.tar > "ustar.tar.${pair##*:}"
    "${pair%%:*}" -c < d/tool > "tool.${pair##*:}"
done
xz --format=lzma -c < ustar.tar > ustar.tar.lzma
mkdir -p p/DEBIAN && cp -r d p
printf 'Package: t\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: x\n' > p/DEBIAN/control
SOURCE_DATE_EPOCH=0 dpkg-deb -Znone --root-owner-group -b p none.deb > /dev/null
SOURCE_DATE_EPOCH=0 dpkg-deb -Zxz --root-owner-group -b p xz.deb > /dev/null
cp ./*.tar ./*.zip ./*.tar.* ./tool.* ./*.deb "$seeds/archive/"

# A package as larder makes it: names without folders, and a stamp.
cp "$seeds/stamp/plain" d/.version
"${tar[@]}" --format=ustar -cf flat.tar -C d .version tool
gzip -nc < flat.tar > flat.tar.gz
zstd -qc < flat.tar > flat.tar.zst
(cd d && zip -qX ../flat.zip .version tool)
# In pieces that larder unpacks on several threads: marked blocks of deflate in one member, and frames that say their size.
python3 - << 'PYTHON'
import zlib
tar = open("flat.tar", "rb").read()
deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
for start in range(0, len(tar), 700):
    packed += deflate.compress(tar[start:start + 700]) + deflate.flush(zlib.Z_FULL_FLUSH) + b"\0\0\0\xff\xff"
packed += deflate.flush() + zlib.crc32(tar).to_bytes(4, "little") + len(tar).to_bytes(4, "little")
open("blocks.tar.gz", "wb").write(packed)
PYTHON
split -b 700 flat.tar part.
for part in part.*; do zstd -q --rm "$part"; done
cat part.*.zst > frames.tar.zst
cp flat.* blocks.tar.gz frames.tar.zst "$seeds/package/"

# The text that Go writes into its programs, and the list of crates of cargo auditable.
cat > program.c << 'C'
#ifdef __APPLE__
#define GO "__DATA,__go_buildinfo"
#define CRATES "__DATA,.dep-v0"
#elif defined(_WIN32)
#define GO ".data"
#define CRATES ".dep-v0"
#else
#define GO ".go.buildinfo"
#define CRATES ".dep-v0"
#endif
__attribute__((section(GO), used, aligned(16))) char go[] = "\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\x08" "go1.22.3" "\x66" "0123456789abcdef"
    "path\texample.com/tool\nmod\texample.com/tool\tv1\th1:a=\ndep\texample.com/x\tv2\n" "0123456789abcdef";
__attribute__((section(CRATES), used)) unsigned char crates[] = {
#include "crates.h"
};
void _start(void) { for (;;) { } }
int main(void) { return go[0] + crates[0]; }
void __main(void) { }
int mainCRTStartup(void) { return main(); }
C
python3 - << 'PY' > crates.h
import zlib
text = b'{"packages":[{"name":"a","version":"1.0.2","source":"crates.io"},{"name":"t","version":"0.1.0","source":"local","dependencies":[0],"root":true}]}'
print(",".join(map(str, zlib.compress(text))))
PY
for target in x86_64-linux-musl aarch64-linux-musl x86-linux-musl; do
    $CC -target "$target" -Os -s -nostdlib -static -Wl,-z,max-page-size=512 program.c -o "$seeds/executable/$target"
done
for target in x86_64-linux-gnu; do
    $CC -target "$target" -Os -s program.c -Dmain=entry -nostdlib -shared -o "$seeds/executable/$target.so"
done
$CC -target x86_64-windows-gnu -Os -s -nostdlib -Wl,-e,mainCRTStartup program.c -o "$seeds/executable/windows.exe" -Wl,--subsystem,console
rm -f "$seeds"/executable/*.pdb
$CC -target aarch64-macos -Os -D_start=other -c program.c -o "$seeds/executable/macos.o"
printf '#!/bin/sh\necho tool\n' > "$seeds/executable/script"
