// node --test lint: each rule of the lints must speak up where it should, and only there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { cardsIn, checkCard } from './card.mjs';
import { checkManifest } from './manifest.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const text = { type: 'TextBlock', text: 'checkout is down', wrap: true };
const input = { type: 'Input.Text', id: 'a', label: 'A' };
const execute = (title, more = {}) => ({ type: 'Action.Execute', title, verb: 'ack', fallback: { type: 'Action.Submit', title, data: {} }, ...more });
const buttons = (n) => Array.from({ length: n }, (_, i) => execute(`b${i}`));
const card = (body, actions = [], more = {}) => ({ type: 'AdaptiveCard', version: '1.5', body, actions, ...more });

const full = card(
  [
    text,
    { type: 'FactSet', facts: [{ title: 'Service', value: 'checkout' }] },
    { type: 'ColumnSet', columns: [{ type: 'Column', width: 'auto', items: [text] }, { width: 'stretch', items: [text] }] },
    { type: 'Image', url: 'https://imbot.example.com/a.png', altText: 'Trend of errors' },
    { ...input, isRequired: true, errorMessage: 'Say what is broken' },
    { type: 'Input.Toggle', id: 't', title: 'Private', value: 'false' },
    { type: 'Table', columns: [{ width: 1 }, { width: 1 }], rows: [{ type: 'TableRow', cells: [{ type: 'TableCell', items: [text] }, { items: [text] }] }] },
    { type: 'RichTextBlock', inlines: ['plain', { type: 'TextRun', text: 'run' }] },
    { type: 'ActionSet', actions: [execute('Ack'), execute('More', { mode: 'secondary' })] },
  ],
  [...buttons(6), execute('more', { mode: 'secondary' })],
  { msteams: { width: 'Full' }, refresh: { action: { type: 'Action.Execute', verb: 'refresh' }, userIds: ['29:a'] } },
);

test('a card with everything right passes', () => assert.deepEqual(checkCard(full), []));

const wrong = {
  'no version': [{ type: 'AdaptiveCard', body: [text] }, '/version: missing'],
  'newer version': [card([text], [], { version: '1.6' }), '/version: 1.6 is newer than 1.5'],
  'more than it declares': [card([text], buttons(1), { version: '1.2' }), 'needs version 1.4'],
  'unknown property': [card([{ ...text, colour: 'red' }]), '/body/0/colour: unknown property'],
  'unknown property of a column': [card([{ type: 'ColumnSet', columns: [{ itmes: [] }] }]), '/body/0/columns/0/itmes'],
  'unknown part': [card([{ type: 'FactSet', facts: [{ name: 'a', value: 'b' }] }]), '/body/0/facts/0/name: unknown'],
  'unknown type': [card([{ type: 'TextBlok', text: 'x' }]), 'unknown type TextBlok'],
  'bad value': [card([{ ...text, size: 'Huge' }]), 'Invalid value "Huge"'],
  'wrong kind': [card([{ ...text, wrap: 'yes' }]), '/body/0/wrap: not a boolean'],
  'no text': [card([{ type: 'TextBlock' }]), '/body/0/text: missing'],
  'no altText': [card([{ type: 'Container', items: [{ type: 'Image', url: 'https://a.example/b.png' }] }]), '/body/0/items/0/altText: missing'],
  'image by http': [card([{ type: 'Image', url: 'http://a.example/b.png', altText: 'b' }]), 'neither https nor data'],
  'input without label': [card([{ type: 'Input.Text', id: 'a', placeholder: 'p' }]), '/body/0/label: missing'],
  'label missing in a shown card': [card([text], [{ type: 'Action.ShowCard', title: 's', card: card([{ type: 'Input.Text', id: 'q' }]) }]), '/actions/0/card/body/0/label'],
  'input without id': [card([{ type: 'Input.Text', label: 'A' }]), '/body/0/id: missing'],
  'ids twice': [card([input, input]), 'Duplicate Id "a"'],
  'required without errorMessage': [card([{ ...input, isRequired: true }]), '/body/0/errorMessage: missing'],
  'required toggle without label': [card([{ type: 'Input.Toggle', id: 't', title: 'T', isRequired: true, errorMessage: 'e' }]), '/body/0/label: missing'],
  'min over max': [card([{ type: 'Input.Number', id: 'n', label: 'N', min: 5, max: 1 }]), 'min is over max'],
  'four columns': [card([{ type: 'Table', rows: [{ type: 'TableRow', cells: [text, text, text, text].map((t) => ({ type: 'TableCell', items: [t] })) }] }]), '4 columns'],
  'seven buttons': [card([text], buttons(7)), '7 buttons'],
  'seven buttons in a set': [card([{ type: 'ActionSet', actions: buttons(7) }]), '/body/0/actions: 7 buttons'],
  'only overflow': [card([text], [execute('x', { mode: 'secondary' })]), 'keep one as a button'],
  'show card in overflow': [card([text], [execute('x'), { type: 'Action.ShowCard', title: 's', mode: 'secondary', card: card([text]) }]), '/actions/1: Action.ShowCard'],
  'execute without fallback': [card([text], [{ type: 'Action.Execute', title: 'x', verb: 'v' }]), '/actions/0/fallback'],
  'execute that is dropped': [card([text], [execute('x', { fallback: 'drop' })]), '/actions/0/fallback'],
  'execute without verb': [card([text], [execute('x', { verb: undefined })]), '/actions/0/verb: missing'],
  'button without title': [card([text], [{ type: 'Action.Submit', data: {} }]), '/actions/0/title: missing'],
  'link by http': [card([text], [{ type: 'Action.OpenUrl', title: 'x', url: 'http://a.example' }]), '/actions/0/url: not https'],
  'too many to refresh': [card([text], [], { refresh: { action: execute('r'), userIds: Array(61).fill('29:a') } }), 'more than 60'],
  'too big in UTF-16': [card([{ ...text, text: 'x'.repeat(41000) }]), 'over 80 KB'],
};
for (const [name, [json, want]] of Object.entries(wrong)) {
  test(`card: ${name}`, () => {
    const problems = checkCard(json);
    assert.ok(problems.some((problem) => problem.includes(want)), `${JSON.stringify(problems)} lacks ${want}`);
  });
}

test('cards are found inside of activities', () => {
  const activity = { type: 'message', attachments: [{ content: full }, { content: card([text]) }] };
  assert.deepEqual(cardsIn(activity).map((found) => found.path), ['/attachments/0/content', '/attachments/1/content']);
});

const guid = '8a6c8a1e-0f3b-4c55-9a6b-2f1f4d6a7c10';
const manifest = (more = {}) => ({
  $schema: 'https://developer.microsoft.com/json-schemas/teams/v1.22/MicrosoftTeams.schema.json',
  manifestVersion: '1.22', version: '1.0.0', id: guid, accentColor: '#B3261E',
  developer: { name: 'x', websiteUrl: 'https://a.example', privacyUrl: 'https://a.example', termsOfUseUrl: 'https://a.example' },
  name: { short: 'imbot' }, description: { short: 's', full: 'f' }, icons: { color: 'color.png', outline: 'outline.png' },
  bots: [{ botId: guid, scopes: ['personal', 'team', 'groupChat'] }], ...more,
});
const rsc = { permissions: { resourceSpecific: [{ name: 'ChatMember.Read.Chat', type: 'Application' }] } };
for (const [name, json, want] of [
  ['right', manifest(), undefined],
  ['old scope name', manifest({ bots: [{ botId: guid, scopes: ['groupchat'] }] }), '/bots/0/scopes/0'],
  ['long name', manifest({ name: { short: 'x'.repeat(31) } }), '/name/short'],
  ['no version known', manifest({ manifestVersion: '9.9' }), 'no schema for "9.9"'],
  ['path as version', manifest({ manifestVersion: '../v1.22' }), 'no schema for'],
  ['1.25 without channel features', manifest({ manifestVersion: '1.25' }), '/supportsChannelFeatures: missing'],
  ['permissions without app', manifest({ authorization: rsc }), '/webApplicationInfo: missing'],
  ['version', manifest({ version: '1.0' }), 'not three numbers'],
]) {
  test(`manifest: ${name}`, () => {
    const problems = checkManifest(json);
    if (!want) assert.deepEqual(problems, []);
    else assert.ok(problems.some((problem) => problem.includes(want)), `${JSON.stringify(problems)} lacks ${want}`);
  });
}

test('the commands exit with 0, 1 or 2', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'lint-'));
  try {
    const write = (name, value) => { fs.writeFileSync(path.join(dir, name), JSON.stringify(value)); return path.join(dir, name); };
    const [good, bad, none] = [write('good.json', full), write('bad.json', wrong['no version'][0]), write('none.json', {})];
    const run = (tool, ...args) => spawnSync(process.execPath, [path.join(here, tool), ...args], { encoding: 'utf8' });
    assert.equal(run('card.mjs', good, good).status, 0);
    const both = run('card.mjs', good, bad);
    assert.equal(both.status, 1);
    assert.match(both.stdout, /bad\.json: \/version: missing/);
    assert.equal(run('card.mjs', none).status, 1);
    assert.equal(run('card.mjs', '--version', '1.4', good).status, 1);
    assert.equal(run('card.mjs').status, 2);
    assert.equal(run('manifest.mjs', write('m.json', manifest())).status, 0);
    assert.equal(run('manifest.mjs', good).status, 1);
    assert.equal(run('manifest.mjs').status, 2);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});
