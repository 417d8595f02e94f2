// What follows when a service is down: who is woken, how it stands, and the reminder to say so again.
import assert from 'node:assert/strict';
import { eventually } from './world.mjs';

const TITLE = 'Inventory is down for all shops';
const card = (inc, text) => new RegExp(`${inc.id}(?!\\d)[\\s\\S]*${TITLE}[\\s\\S]*${text}`);

/** Declares that a service is down, sees on the card who is woken, and says how it stands by the form of the card. */
export async function respond(day) {
  const { client, viewer, api, shoot, CHANNEL } = day;
  await viewer.openConversation(CHANNEL);
  await client.sendMessage(`declare ${TITLE} service:inventory`, CHANNEL);
  const inc = await eventually('the incident', () => api.list(), (all) => all.some((i) => i.title === TITLE))
    .then((all) => all.find((i) => i.title === TITLE));
  assert.equal(inc.level, 'service-down');
  await client.waitForCard(card(inc, 'Eko Pratama \\(devops\\): woken, no answer yet'));
  await viewer.waitForCard(card(inc, 'Dewi Putri \\(on call for fulfilment\\): woken, no answer yet'));
  await eventually('two people to be woken', () => api.timeline(inc.id), (all) => all.filter((e) => e.kind === 'paged').length === 2);
  await shoot('paged');
  const before = (await api.timeline(inc.id)).length;
  await client.clickAction('Status update');
  await client.waitForCard(`Status of ${inc.id}`);
  await day.quiet();
  await shoot('update');
  const invokes = client.invokes.length;
  await client.clickAction('Tell everybody', { expectRequest: false });
  await client.waitForText('Say what is being done.');
  assert.equal(client.invokes.length, invokes, 'an incomplete form was sent');
  assert.equal((await api.timeline(inc.id)).length, before, 'events after an incomplete form');
  // The reminder comes when the next update is due. Times are in whole minutes: there are two at least to fill the form in.
  const next = new Date(Date.now() + 180_000);
  await client.fillInput('customers', 'Nobody sees what is in stock.');
  await client.fillInput('text', 'Putting the last version back.');
  await client.fillInput('next_update', next.toISOString().slice(11, 16));
  await client.clickAction('Tell everybody');
  const told = card(inc, 'Status by Ani Wijaya[\\s\\S]*Nobody sees what is in stock\\.[\\s\\S]*Putting the last version back\\.[\\s\\S]*Next update');
  await viewer.waitForCard(told);
  await client.sendMessage(`show ${inc.id}`, CHANNEL);
  await client.waitForCard(told);
  await shoot('updated');
  const said = (await api.timeline(inc.id)).filter((e) => e.kind === 'update');
  assert.deepEqual(said.map((e) => [e.actor.id, e.text, e.data?.customers]), [['ani@example.com', 'Putting the last version back.', 'Nobody sees what is in stock.']]);
}

/** The reminder of the next update has come to the thread of the card, and is answered by its button. */
export async function reminded(day) {
  const { client, viewer, api, CHANNEL } = day;
  const inc = (await api.list()).find((i) => i.title === TITLE);
  await viewer.openConversation(CHANNEL); // where it has seen the card come, and the thread
  await eventually('the reminder', () => api.timeline(inc.id), (all) => all.some((e) => e.kind === 'nudged'), 600_000);
  const reminder = new RegExp(`${inc.id}(?!\\d)[\\s\\S]*Still working on it`);
  await viewer.waitForCard(reminder);
  await day.quiet();
  await viewer.waitForCard(reminder);
  await day.shoot('reminder', viewer);
  await viewer.clickAction('Still working on it');
  const answers = (all) => all.filter((e) => e.kind === 'reminder').map((e) => [e.actor.id, e.data?.op]);
  await eventually('the answer to the reminder', () => api.timeline(inc.id), (all) => answers(all).length > 0);
  assert.deepEqual(answers(await api.timeline(inc.id)), [['ani@example.com', 'working']]);
  await client.sendMessage(`resolve ${inc.id} the last version is back`, CHANNEL);
  await eventually('the end', () => api.get(inc.id), (i) => i.status === 'resolved');
}
