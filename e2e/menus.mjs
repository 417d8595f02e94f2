// The message extension from the emulator's own menus: "…" beside a message, and "+" below where one is written. The emulator
// knows no manifest, so that the ids of command and parameter are typed; and it gives messages no link.
import assert from 'node:assert/strict';
import { PATIENCE, until } from './wait.mjs';
import { eventually } from './world.mjs';

const quiet = () => new Promise((done) => { setTimeout(done, 3000); });

/** Opens the dialog of an action command for the message with this text: "…", "Action Command". */
async function actOn({ page, waitForCard }, text, command, title) {
  const post = page.getByRole('group').filter({ hasText: text }).last();
  await post.getByRole('button', { name: 'Show more information' }).first().click();
  await page.getByRole('menuitem', { name: 'Action Command' }).click();
  await page.getByPlaceholder('Input command id or leave blanks').fill(command);
  await page.getByRole('button', { name: 'Create' }).click();
  return waitForCard(title);
}

async function close({ page }) {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Close' }).first().click();
  await dialog.waitFor({ state: 'detached' });
}

/** Opens one of the entries of the "+" menu below the box for a new post. */
async function compose({ page }, entry) {
  await page.getByRole('button', { name: 'Trigger Message Extension App' }).first().click();
  await page.getByRole('menuitem', { name: entry }).click();
}

async function answerTo(client, act) {
  const before = client.invokes.length;
  await act();
  await until(() => client.invokes.length > before, PATIENCE, 'an answer of the message extension');
  return client.invokes.at(-1);
}

/** A message becomes an incident, another one goes onto its timeline, it is found by its words, and its link unfurls. */
export async function menus(day) {
  const { client, api, CHANNEL } = day;
  const { page } = client;
  const title = 'Vouchers are refused at the till';
  await client.sendMessage(title, CHANNEL, { mention: null });
  await client.waitForText(title);
  await actOn(client, title, 'declare', 'What the message says');
  assert.equal(await client.inputValue('title'), title);
  await day.shoot('extension-declare');
  await client.fillInput('title', '');
  await client.clickAction('Declare', { expectRequest: false });
  await client.waitForText('Say what is wrong.');
  await client.fillInput('title', title);
  await client.clickAction('Declare');
  await client.waitForCard('is declared');
  await close(client);
  const inc = await eventually('the incident of the message', () => api.list(), (all) => all.some((i) => i.title === title))
    .then((all) => all.find((i) => i.title === title));
  assert.match(inc.description, new RegExp(`${title}[\\s\\S]*— Ani Wijaya`));

  await client.sendMessage('the vouchers of last week work', CHANNEL, { mention: null });
  await client.waitForText('the vouchers of last week work');
  await actOn(client, 'the vouchers of last week work', 'timeline', 'the vouchers of last week work');
  await client.fillInput('incident_other', inc.id);
  await day.shoot('extension-timeline');
  await client.clickAction('Add to timeline');
  await page.getByRole('dialog').getByText(inc.id).waitFor();
  await close(client);
  await eventually('the message on the timeline', () => api.timeline(inc.id), (all) => all.some((e) => e.kind === 'note' && e.text === 'the vouchers of last week work' && e.data?.author === 'Ani Wijaya'));

  await compose(client, 'Search Command');
  await page.getByRole('button', { name: 'Specify Command ID or Parameter' }).click();
  await page.getByPlaceholder('Command ID').fill('find');
  await page.getByPlaceholder('Parameter name').fill('q');
  await answerTo(client, () => page.getByPlaceholder('Enter a search term').fill('nothing like it'));
  await page.getByText('No incident').waitFor();
  await answerTo(client, () => page.getByPlaceholder('Enter a search term').fill('vouchers refused'));
  await page.getByText(`${inc.id} ${title}`).last().click();
  await quiet();
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await client.waitForCard(new RegExp(`${inc.id}(?!\\d)[\\s\\S]*${title}[\\s\\S]*As of`));
  await day.shoot('extension-found');

  await compose(client, 'Link Unfurling');
  const link = `${new URL(inc.url).origin}/incidents/${inc.id}`;
  const unfurled = await answerTo(client, () => page.getByRole('textbox', { name: 'Enter an URL' }).fill(link));
  assert.equal(unfurled.response?.composeExtension?.attachments?.[0]?.content?.version, '1.3', JSON.stringify(unfurled));
  await page.getByRole('button', { name: 'Send to Conversation' }).click();
  await client.waitForCard(new RegExp(`^${inc.id}(?!\\d)[\\s\\S]*${title}`));
  await day.shoot('extension-link');
}
