// Checks Teams app manifests offline, with Microsoft's own schemas: node lint/manifest.mjs FILE...
// FILE is a manifest.json or the app package (.zip) that holds one. Exits 1 where something is wrong, 2 without files.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

const require = createRequire(import.meta.url);
// The package's own check fetches the schema from the network, but its files are all there.
const schemas = path.join(path.dirname(require.resolve('@microsoft/app-manifest')), 'json-schemas/teams');
const Ajv = require('ajv-draft-04').default;
const addFormats = require('ajv-formats').default;

const compiled = new Map();

/** The check of one manifest version, or undefined where there is no schema for it. */
function checkOf(version) {
  if (compiled.has(version)) return compiled.get(version);
  const folder = version === 'devPreview' ? 'vDevPreview' : `v${version}`;
  const file = path.join(schemas, folder, 'MicrosoftTeams.schema.json');
  if (!/^v(\d+\.\d+|DevPreview)$/.test(folder) || !fs.existsSync(file)) return undefined;
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  const check = ajv.compile(JSON.parse(fs.readFileSync(file, 'utf8')));
  compiled.set(version, check);
  return check;
}

/** What is wrong with a manifest, as messages; none if nothing is. */
export function checkManifest(manifest) {
  const check = checkOf(manifest.manifestVersion);
  if (!check) return [`/manifestVersion: no schema for ${JSON.stringify(manifest.manifestVersion)}`];
  const problems = [];
  if (!check(manifest)) {
    for (const e of check.errors) problems.push(`${e.instancePath || '/'}: ${e.message} ${JSON.stringify(e.params)}`);
  }
  return problems.concat(beyondSchema(manifest));
}

/** What Teams refuses at upload although no schema says so. */
function beyondSchema(manifest) {
  const problems = [];
  const { bots = [], manifestVersion, authorization, webApplicationInfo } = manifest;
  const newer = Number(String(manifestVersion).split('.')[1]) >= 25;
  const inTeams = [].concat(bots).some((bot) => [].concat(bot?.scopes ?? []).includes('team'));
  if (newer && inTeams && !manifest.supportsChannelFeatures) {
    problems.push('/supportsChannelFeatures: missing; from 1.25 on the team scope needs it');
  }
  if (authorization?.permissions?.resourceSpecific?.length && !webApplicationInfo?.id) {
    problems.push('/webApplicationInfo: missing; resource-specific permissions need it');
  }
  if (!/^\d+\.\d+\.\d+$/.test(manifest.version)) problems.push(`/version: ${manifest.version} is not three numbers`);
  return problems;
}

/** The files of a zip as a Map of name to bytes; enough for packages without encryption or zip64. */
export function unzip(data) {
  const end = data.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) throw new Error('not a zip');
  const files = new Map();
  let at = data.readUInt32LE(end + 16);
  for (let i = data.readUInt16LE(end + 10); i > 0; i--) {
    const nameLength = data.readUInt16LE(at + 28);
    const name = data.toString('utf8', at + 46, at + 46 + nameLength);
    const local = data.readUInt32LE(at + 42);
    const start = local + 30 + data.readUInt16LE(local + 26) + data.readUInt16LE(local + 28);
    const packed = data.subarray(start, start + data.readUInt32LE(at + 20));
    files.set(name, data.readUInt16LE(at + 10) === 0 ? packed : zlib.inflateRawSync(packed));
    at += 46 + nameLength + data.readUInt16LE(at + 30) + data.readUInt16LE(at + 32);
  }
  return files;
}

/** What is wrong with an app package: its manifest, and icons that are missing or of the wrong size. */
export function checkPackage(data) {
  const files = unzip(data);
  if (!files.has('manifest.json')) return ['manifest.json: missing at the top of the zip'];
  const manifest = JSON.parse(files.get('manifest.json'));
  const problems = checkManifest(manifest);
  for (const [kind, size] of [['color', 192], ['outline', 32]]) {
    const name = manifest.icons?.[kind];
    const png = files.get(name);
    if (!png) { problems.push(`/icons/${kind}: ${name} is not in the zip`); continue; }
    if (png.toString('latin1', 1, 4) !== 'PNG') { problems.push(`${name}: not a PNG`); continue; }
    const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
    if (width !== size || height !== size) problems.push(`${name}: ${width}x${height}, want ${size}x${size}`);
  }
  return problems;
}

function main(files) {
  if (!files.length) {
    console.error('usage: node lint/manifest.mjs FILE...   (manifest.json or app package .zip)');
    return 2;
  }
  let bad = 0;
  for (const file of files) {
    let problems;
    try {
      const data = fs.readFileSync(file);
      problems = data.toString('latin1', 0, 2) === 'PK' ? checkPackage(data) : checkManifest(JSON.parse(data));
    } catch (err) {
      problems = [`cannot be read: ${err.message}`];
    }
    problems.forEach((problem) => console.log(`${file}: ${problem}`));
    if (problems.length) bad++;
  }
  console.log(`${files.length} checked, ${bad} with problems`);
  return bad ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
