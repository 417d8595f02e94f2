// Checks Adaptive Cards offline and strictly: node lint/card.mjs [--version 1.5] FILE...
// FILE is JSON that is a card, or holds some anywhere (an activity, an invoke's answer). Exits 1 where something is wrong,
// 2 without files. It is a lint, not the official schema: it asks Microsoft's renderer what it knows of each element,
// and adds what keeps a card usable by everyone in every client.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rules } from './rules.mjs';

// The package's main file does not load in Node: its imports lack extensions.
const AC = createRequire(import.meta.url)('adaptivecards/dist/adaptivecards.js');

// Properties whose contents are the bot's own, or templates.
const OPAQUE = new Set(['data', 'msteams', 'metadata', '$data', '$when', 'dataSource']);
// Properties that the renderer reads but does not list.
const UNLISTED = new Set([
  'type', '$schema', 'fallback', 'requires', 'lang', 'rtl', 'inlineAction', 'choices.data', 'body', 'actions', 'items',
  'columns', 'rows', 'cells', 'images', 'facts', 'inlines', 'choices', 'card', 'sources', 'captionSources', 'refresh',
  'authentication', 'backgroundImage', 'selectAction', 'targetElements', 'firstRowAsHeader',
]);
// Objects without a type of their own, by the property that holds them.
const PARTS = {
  facts: ['title', 'value'],
  choices: ['title', 'value'],
  sources: ['url', 'mimeType'],
  captionSources: ['url', 'mimeType', 'label'],
  refresh: ['action', 'userIds', 'expires'],
  authentication: ['text', 'connectionName', 'tokenExchangeResource', 'buttons'],
  backgroundImage: ['url', 'fillMode', 'horizontalAlignment', 'verticalAlignment', 'type'],
  targetElements: ['elementId', 'isVisible', 'type'],
};
// Types that may be left out, by the property that holds the object.
const IMPLIED = { rows: 'TableRow', cells: 'TableCell', images: 'Image', inlines: 'TextRun', card: 'AdaptiveCard' };
const REQUIRED = {
  TextBlock: ['text'], TextRun: ['text'], Image: ['url'], 'Action.ShowCard': ['card'], 'Action.ToggleVisibility': ['targetElements'],
  'Action.OpenUrl': ['url'],
};

const newer = (a, b) => a.major > b.major || (a.major === b.major && a.minor > b.minor);

/** An empty element or action of the type, and the version it came with; undefined for an unknown one. */
function known(type) {
  if (type === 'AdaptiveCard') return { object: new AC.AdaptiveCard() };
  const more = { Column: AC.Column, TableRow: AC.TableRow, TableCell: AC.TableCell, TextRun: AC.TextRun }[type];
  if (more) return { object: new more() };
  for (const registry of [AC.GlobalRegistry.elements, AC.GlobalRegistry.actions]) {
    const entry = registry.findByName(type);
    if (entry) return { object: new entry.objectType(), since: entry.schemaVersion };
  }
  return undefined;
}

/** What the renderer itself objects to. */
function parse(json, version) {
  const context = new AC.SerializationContext(version);
  const card = new AC.AdaptiveCard();
  card.hostConfig = new AC.HostConfig({ actions: { maxActions: Infinity } }); // it counts the overflow menu too; rules.mjs does not
  card.parse(json, context);
  const events = [];
  for (let i = 0; i < context.eventCount; i++) events.push(context.getEventAt(i));
  events.push(...card.validateProperties().validationEvents);
  return events.map((event) => `${AC.ValidationEvent[event.event]}: ${event.message}`);
}

function checkProperties(object, properties, path, type, version) {
  const problems = [];
  const listed = new Map();
  for (let i = 0; i < properties.getCount(); i++) listed.set(properties.getItemAt(i).name, properties.getItemAt(i));
  for (const [key, value] of Object.entries(object)) {
    const property = listed.get(key);
    if (!property && !UNLISTED.has(key) && !OPAQUE.has(key)) problems.push(`${path}/${key}: unknown property of ${type}`);
    if (!property) continue;
    if (property.targetVersion && newer(property.targetVersion, version)) problems.push(`${path}/${key}: needs version ${property.targetVersion}`);
    for (const [kind, want] of [[AC.StringProperty, 'string'], [AC.BoolProperty, 'boolean'], [AC.NumProperty, 'number']]) {
      if (property instanceof kind && typeof value !== want) problems.push(`${path}/${key}: not a ${want}`);
    }
  }
  for (const key of REQUIRED[type] ?? []) if (object[key] === undefined || object[key] === '') problems.push(`${path}/${key}: missing`);
  return problems;
}

/** Checks one value and all below it. holder is the property it stands in, parent the type of what holds that. */
function walk(value, path, version, holder, parent) {
  if (Array.isArray(value)) return value.flatMap((item, i) => walk(item, `${path}/${i}`, version, holder, parent));
  if (!value || typeof value !== 'object') return [];
  const implied = holder === 'columns' && parent === 'ColumnSet' ? 'Column' : IMPLIED[holder];
  const type = value.type ?? implied;
  const found = type && known(type);
  if (!found) {
    const allowed = value.type ? undefined : PARTS[holder];
    const unknown = allowed ? Object.keys(value).filter((key) => !allowed.includes(key)) : [];
    return [
      ...(value.type && !PARTS[holder] ? [`${path}: unknown type ${value.type}`] : []),
      ...unknown.map((key) => `${path}/${key}: unknown`),
      ...Object.entries(value).flatMap(([key, inner]) => (OPAQUE.has(key) ? [] : walk(inner, `${path}/${key}`, version, key, ''))),
    ];
  }
  const problems = checkProperties(value, found.object.getSchema(), path, type, version);
  if (found.since && newer(found.since, version)) problems.push(`${path}: ${type} needs version ${found.since}`);
  problems.push(...rules(value, type, path, holder));
  for (const [key, inner] of Object.entries(value)) {
    if (!OPAQUE.has(key)) problems.push(...walk(inner, `${path}/${key}`, version, key, type));
  }
  return problems;
}

/** What is wrong with a card, as messages; none if nothing is. max is the newest version that clients render. */
export function checkCard(json, max = '1.5') {
  const problems = [];
  const read = (text) => AC.Version.parse(text, new AC.SerializationContext());
  const declared = /^1\.[0-9]+$/.test(json.version ?? '') ? read(json.version) : undefined;
  if (!declared) problems.push(`/version: ${json.version === undefined ? 'missing' : `${json.version} is none`}`);
  else if (newer(declared, read(max))) problems.push(`/version: ${json.version} is newer than ${max}`);
  const limit = declared && newer(read(max), declared) ? declared : read(max); // no more than the card declares
  const size = 2 * JSON.stringify(json).length;
  if (size > 80 * 1024) problems.push(`/: ${size} bytes as UTF-16, over 80 KB`); // Teams ends at 100 KB for all of a message
  return [...new Set([...problems, ...parse(json, limit), ...walk({ ...json, type: 'AdaptiveCard' }, '', limit)])];
}

/** The cards in a value, outermost only, each with its path. */
export function cardsIn(value, path = '') {
  if (!value || typeof value !== 'object') return [];
  if (value.type === 'AdaptiveCard') return [{ path, card: value }];
  return Object.entries(value).flatMap(([key, inner]) => cardsIn(inner, `${path}/${key}`));
}

function main(args) {
  let max;
  const files = [...args];
  if (files[0] === '--version') [, max] = files.splice(0, 2);
  if (!files.length) {
    console.error('usage: node lint/card.mjs [--version 1.5] FILE...');
    return 2;
  }
  let cards = 0;
  let bad = 0;
  for (const file of files) {
    const problems = [];
    try {
      const found = cardsIn(JSON.parse(fs.readFileSync(file, 'utf8')));
      if (!found.length) problems.push('no Adaptive Card in it');
      for (const { path, card } of found) problems.push(...checkCard(card, max).map((problem) => path + problem));
      cards += found.length;
    } catch (err) {
      problems.push(`cannot be read: ${err.message}`);
    }
    problems.forEach((problem) => console.log(`${file}: ${problem}`));
    if (problems.length) bad++;
  }
  console.log(`${files.length} files with ${cards} cards checked, ${bad} with problems`);
  return bad ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
