// What the scripts beside it share: where the packages of scripts/setup.sh are, and how to end.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const packages = path.join(root, '.cache/tools/node/node_modules');

/** Ends with one line on stderr; the exit codes are those of sysexits.h. */
export function fail(code, text) {
  console.error(`error: ${text}`);
  process.exit(code);
}

/** Loads a package that scripts/setup.sh has installed. */
export function load(name) {
  return createRequire(path.join(file(name, 'package.json')))(name);
}

/** The path of a file inside such a package. */
export function file(name, inside) {
  const found = path.join(packages, name, inside);
  if (!existsSync(found)) fail(69, `the npm package ${name} is missing; run scripts/setup.sh`);
  return found;
}

/** The browser: `$CHROMIUM`, or the first of its names in the PATH. */
export function chromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const found = names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(existsSync);
  return found ?? fail(69, 'no Chromium in the PATH; run scripts/setup.sh, or name one in CHROMIUM');
}
