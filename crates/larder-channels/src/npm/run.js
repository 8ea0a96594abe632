'use strict';
// Starts a program of the package that npm installed for this platform.

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const PACKAGE = @@PACKAGE@@;
// Platform → its packages, each with the C library that it needs, if any.
const PLATFORMS = @@PLATFORMS@@;

function isMusl() {
  try {
    return fs.readFileSync('/usr/bin/ldd', 'latin1').includes('musl');
  } catch {
    // No ldd: ask node itself.
  }
  try {
    process.report.excludeNetwork = true;
    return !process.report.getReport().header.glibcVersionRuntime;
  } catch {
    return false;
  }
}

// The packages that can run here, the best first.
function candidates(packages) {
  if (packages.length === 1) return packages;
  const order = isMusl() ? ['musl', null] : [null, 'glibc', 'musl'];
  return order.flatMap((libc) => packages.filter((entry) => entry.libc === libc));
}

function find(program) {
  const platform = `${process.platform}-${process.arch}`;
  const packages = PLATFORMS[platform];
  if (!packages) {
    const known = Object.keys(PLATFORMS).join(', ');
    fail(`${PACKAGE} has no package for ${platform}`, `it has packages for ${known}`);
  }
  for (const entry of candidates(packages)) {
    let folder;
    try {
      folder = path.dirname(require.resolve(`${entry.name}/package.json`));
    } catch {
      continue;
    }
    for (const name of entry.files[program] || []) {
      const file = path.join(folder, 'bin', name);
      if (fs.existsSync(file)) return file;
    }
  }
  const names = packages.map((entry) => entry.name).join(' or ');
  fail(
    `${names} is not installed, which has ${program} for ${platform}`,
    `install ${PACKAGE} on this machine, with its optional dependencies: npm install --include=optional ${PACKAGE}`,
  );
}

function fail(message, hint) {
  process.stderr.write(`error: ${message}\n  hint: ${hint}\n`);
  process.exit(1);
}

module.exports = function run(program) {
  const file = find(program);
  const child = spawn(file, process.argv.slice(2), { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'];
  const pass = (signal) => {
    // A terminal sends the signals of its keys to the program itself, too.
    const isKey = signal === 'SIGINT' || signal === 'SIGQUIT' || signal === 'SIGWINCH';
    if (isKey && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const set = signals.filter((signal) => {
    try {
      process.on(signal, pass);
      return true;
    } catch {
      return false; // This system does not have it.
    }
  });
  child.on('error', (error) => {
    fail(`${file} can't be started: ${error.message}`, `install ${PACKAGE} again`);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exit(code);
    }
    // End as the program did.
    for (const name of set) process.removeListener(name, pass);
    process.kill(process.pid, signal);
    // A signal that node ignores does not end it.
    setTimeout(() => process.exit(1), 1000);
  });
};
