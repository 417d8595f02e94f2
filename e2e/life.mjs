// The life of an incident from declare to closed, by forms, buttons and words, in one conversation of the emulator.
import assert from 'node:assert/strict';
import { conversationId } from './playground.mjs';
import { eventually } from './world.mjs';

/** Plays it in `where`: 'personal', 'group' or a channel's name. Pictures are taken in the channel. */
export async function life(day, where) {
  const shoot = where === day.CHANNEL ? day.shoot : async () => {};
  const stage = { ...day, where, shoot, name: where === day.CHANNEL ? 'channel' : where };
  await day.viewer.openConversation(where);
  await byText(stage);
  const inc = await byForm(stage);
  await acknowledge(stage, inc);
  await notes(stage, inc);
  await resolve(stage, inc);
  await review(stage, inc);
  await actions(stage, inc);
  await oneCard(stage, inc);
}

/** A pattern for the incident's card that also says this. */
const card = (inc, text) => new RegExp(`${inc.id}(?!\\d)[\\s\\S]*${inc.title}[\\s\\S]*${text}`);

async function declared({ api }, title) {
  const list = await eventually(`the incident “${title}”`, () => api.list(), (all) => all.some((i) => i.title === title));
  const found = list.filter((i) => i.title === title);
  assert.equal(found.length, 1, `incidents named “${title}”`);
  return found[0];
}

async function byText(stage) {
  const { client, where, name } = stage;
  const title = `Search is slow in the ${name}`;
  await client.sendMessage(`declare ${title} service:checkout`, where);
  const inc = await declared(stage, title);
  assert.deepEqual([inc.service, inc.level, inc.status], ['checkout', 'high-response-time', 'open'], title);
  await client.waitForText(`${inc.id} is declared`);
  await client.waitForCard(card(inc, 'Nobody has it yet'));
}

async function byForm(stage) {
  const { client, viewer, shoot, where, name } = stage;
  const title = `Checkout is down in the ${name}`;
  await client.sendMessage('declare', where);
  await client.waitForCard('Declare an incident');
  await stage.quiet();
  await shoot('declare');
  const before = client.invokes.length;
  await client.clickAction('Declare', { expectRequest: false });
  await client.waitForText('Say what is wrong.');
  assert.equal(client.invokes.length, before, 'an incomplete form was sent');
  await shoot('declare-incomplete');
  await client.fillInput('title', title);
  await client.fillInput('service', 'Payments DB');
  await client.clickAction('Declare');
  const inc = await declared(stage, title);
  assert.deepEqual([inc.service, inc.squad, inc.level, inc.status], ['payments-db', 'payments', 'service-down', 'open'], title);
  await client.waitForCard(`${inc.id} is declared`); // in the place of the form
  await client.waitForCard(card(inc, 'Nobody has it yet'));
  await viewer.waitForCard(card(inc, 'Nobody has it yet'));
  await shoot('declared');
  return inc;
}

async function acknowledge({ client, viewer, api }, inc) {
  await client.clickAction('Acknowledge');
  await client.waitForCard(card(inc, 'Ani Wijaya has it'));
  await viewer.waitForCard(card(inc, 'Ani Wijaya has it'));
  const now = await api.get(inc.id);
  assert.equal(now.acknowledged_by?.id, 'ani@example.com');
  assert.ok(now.acknowledged_at);
}

async function notes(stage, inc) {
  const { client, api, where, shoot } = stage;
  const noted = async () => (await api.timeline(inc.id)).filter((e) => e.kind === 'note').map((e) => [e.actor.id, e.text]);
  await client.clickAction('Note');
  await client.waitForCard(`Note for ${inc.id}`);
  await client.fillInput('text', 'The pool of connections is used up.');
  await shoot('note');
  await client.clickAction('Add note');
  await client.waitForCard(`Noted on ${inc.id}`);
  await client.sendMessage(`note ${inc.id} Restarted the pods`, where);
  await eventually('the notes', noted, (all) => all.length === 2);
  assert.deepEqual(await noted(), [
    ['ani@example.com', 'The pool of connections is used up.'], ['ani@example.com', 'Restarted the pods'],
  ]);
}

async function resolve({ client, viewer, api, where, shoot }, inc) {
  // In the 1:1 chat the bare number will do, as nothing else can be meant there.
  await client.sendMessage(where === 'personal' ? `resolve ${inc.id.slice(4)}` : `resolve ${inc.id} rolled back`, where);
  await client.waitForCard(card(inc, 'RCA missing'));
  await shoot('resolved');
  await viewer.waitForCard(card(inc, 'RCA missing'));
  assert.equal((await api.get(inc.id)).status, 'resolved');
}

const DUE = `${new Date().getUTCFullYear() + 1}-01-15`;

const RCA = {
  summary: 'Checkout answered nobody for some minutes.',
  impact: 'All customers: no order was taken.',
  five_whys: 'because the pool was empty\nbecause a query had no timeout',
  root_cause: 'A query without a timeout held all connections.',
  resolution_steps: 'Killed the query, restarted the pods.',
  lessons: 'Alert on the length of the queue.',
};

/** The RCA in three steps; what is missing is refused, and nothing that was typed is lost, not even with the page. */
async function review(stage, inc) {
  const { client, api, where, shoot } = stage;
  const step = (n) => client.waitForCard(new RegExp(`RCA of ${inc.id}(?!\\d)[\\s\\S]*Step ${n} of 3`));
  const typed = async (field) => assert.equal(await client.inputValue(field), RCA[field], `${field} in the form`);
  const fill = async (...fields) => {
    for (const f of fields) await client.fillInput(f, RCA[f]);
    for (const f of fields) await typed(f);
  };
  await client.clickAction('Write RCA');
  await step(1);
  await fill('summary', 'impact');
  await shoot('rca-1');
  await client.clickAction('Save & next');
  await step(2);
  await fill('five_whys');
  await shoot('rca-2');
  await client.clickAction('Save & next');
  await step(3);
  await fill('resolution_steps', 'lessons');
  await shoot('rca-3');
  await client.clickAction('Finish & close');
  await step(2);
  await client.waitForCard('Needed to finish.');
  await shoot('rca-refused');
  await typed('five_whys');
  assert.equal((await api.get(inc.id)).status, 'resolved');
  assert.deepEqual((await api.postmortem(inc.id)).missing, ['root_cause', 'category']);

  await client.reload();
  await client.sendMessage(`rca ${inc.id}`, where);
  await step(1);
  await typed('summary');
  await typed('impact');
  await client.clickAction('Save & next');
  await step(2);
  await typed('five_whys');
  await client.fillInput('category', 'Code');
  await fill('root_cause');
  await client.clickAction('Save & next');
  await step(3);
  await typed('resolution_steps');
  await typed('lessons');
  await client.clickAction('Finish & close');
  await client.waitForCard(`${inc.id} is closed`);
  const { rca, state } = await api.postmortem(inc.id);
  assert.equal(state, 'complete');
  assert.deepEqual({ ...rca, five_whys: rca.five_whys.join('\n') }, { ...RCA, category: 'code', detection: '', contributing_factors: '' });
  assert.equal((await api.get(inc.id)).status, 'closed');
}

async function actions(stage, inc) {
  const { client, viewer, api, where, shoot } = stage;
  await client.sendMessage(`show ${inc.id}`, where); // the page was loaded anew and has forgotten the card
  await client.waitForCard(card(inc, RCA.root_cause));
  await viewer.waitForCard(card(inc, RCA.root_cause)); // there the card itself has followed
  await shoot('closed');
  await client.clickAction('Add action');
  await client.waitForCard(`Action for ${inc.id}`);
  await client.fillInput('title', 'Give every query a timeout');
  await client.fillInput('owner', 'budi@example.com');
  await client.fillInput('due', DUE);
  await shoot('action');
  await client.clickAction('Add action');
  const [added] = await eventually('the action', () => api.actions(inc.id), (all) => all.length === 1);
  assert.deepEqual([added.title, added.owner.id, added.due, added.done], ['Give every query a timeout', 'budi@example.com', DUE, false]);
  await viewer.waitForCard(card(inc, 'Give every query a timeout'));
  await client.sendMessage(`show ${inc.id}`, where);
  await client.waitForCard(card(inc, 'Give every query a timeout'));
  await shoot('closed-with-action');
  await client.clickAction('Done');
  await eventually('the action to be done', () => api.actions(inc.id), ([a]) => a.done && a.done_by.id === 'ani@example.com');
}

/** All that happened has changed the one post in this conversation: there is no second one, and the others have followed. */
async function oneCard({ viewer, api, playground, where }, inc) {
  const here = conversationId(playground.config, where);
  const cards = (await api.get(inc.id)).refs.filter((ref) => ref.role === 'card').map((ref) => ref.id.split(';messageid='));
  const places = cards.map(([place]) => place);
  assert.deepEqual(places, [...new Set(places)], `conversations with a card of ${inc.id}`);
  const [, message] = cards.find(([place]) => place === here);
  const fresh = viewer.frames.filter((f) => f.action === 'createMessage' && f.actionConversationId.startsWith(here))
    .filter((f) => JSON.stringify(f.message).includes(inc.title) && JSON.stringify(f.message).includes('Nobody has it yet'));
  assert.deepEqual(fresh.map((f) => f.message.messageId), [message], `posts of the card of ${inc.id}`);
  const updates = viewer.frames.filter((f) => f.action === 'updateMessage' && f.message.messageId === message);
  assert.ok(updates.length >= 4, `updates of the card of ${inc.id}: ${updates.length}`);
}
