// Fills in the inputs of an Adaptive Card as the emulator's page draws them.
import { until } from './wait.mjs';

const quote = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The last input with this id in any of the cards: the page gives its inputs random ids, so they are found by label. */
function inputById(cards, id) {
  let found;
  const walk = (value) => {
    if (!value || typeof value !== 'object') return;
    if (typeof value.type === 'string' && value.type.startsWith('Input.') && value.id === id) found = value;
    Object.values(value).forEach(walk);
  };
  cards.forEach(walk);
  return found;
}

async function container(page, card, label) {
  // The page may draw the card anew at any moment, with new ids: look again then.
  for (let tries = 20; ; tries--) {
    const box = await find(page, card, label);
    try {
      await box.waitFor({ timeout: 3000 });
      await box.scrollIntoViewIfNeeded({ timeout: 3000 });
      return box;
    } catch (e) {
      if (tries === 0) throw e;
    }
  }
}

async function find(page, card, label) {
  const boxes = card.locator('.ac-input-container');
  const labels = card.locator('label.ac-richTextBlock').filter({ hasText: new RegExp(`^${quote(label)}( \\*)?$`) });
  let box = boxes.filter({ has: page.getByLabel(label) });
  if (await labels.count()) box = boxes.filter({ has: page.locator(`[id="${await labels.last().getAttribute('for')}"]`) });
  if (!(await box.count())) box = boxes.filter({ has: page.getByPlaceholder(label) });
  return box.last();
}

/** The box around an input that is named by its id or its label. */
function boxOf(page, card, cards, idOrLabel) {
  const input = inputById(cards, idOrLabel);
  const label = input ? input.label || input.title || input.placeholder : idOrLabel;
  if (!label) throw new Error(`input ${idOrLabel} has no label, title or placeholder to find it by`);
  return container(page, card, label);
}

/**
 * What stands in an input for text. One that is empty is looked at again for some seconds: the page may be drawing the card
 * anew, with what is to stand there.
 */
export async function valueOf(page, card, cards, idOrLabel) {
  for (let left = 30; ; left--) {
    try {
      const value = await (await boxOf(page, card, cards, idOrLabel)).locator('input, textarea').first().inputValue({ timeout: 3000 });
      if (value || left === 1) return value;
    } catch (err) {
      if (left === 1) throw err;
    }
    await new Promise((done) => { setTimeout(done, 1000); });
  }
}

/**
 * Fills in one input, named by its id or its label. value: a text or number; a date as 'YYYY-MM-DD', picked in the calendar;
 * a time as '9:30 AM', picked in the list; true or false for a toggle; a choice's title, or an array of them.
 */
export async function fill(page, card, cards, idOrLabel, value, timeout) {
  for (let left = 3; ; left--) {
    try {
      return await fillOnce(page, card, cards, idOrLabel, value, timeout);
    } catch (err) {
      if (left === 1) throw err; // else the page has drawn the card anew meanwhile, with other ids
    }
  }
}

async function fillOnce(page, card, cards, idOrLabel, value, timeout) {
  const box = await boxOf(page, card, cards, idOrLabel);
  if (await box.getByRole('radio').count()) {
    await box.getByRole('radio', { name: String(value), exact: true }).check({ force: true });
    return;
  }
  const checks = box.locator('input[type=checkbox]');
  if (await checks.count()) {
    if (typeof value === 'boolean') await checks.first().setChecked(value, { force: true });
    else for (const title of [].concat(value)) await box.getByRole('checkbox', { name: title }).check({ force: true });
    return;
  }
  const combo = box.getByRole('combobox');
  if (await combo.count()) {
    if ((await combo.getAttribute('aria-haspopup')) === 'dialog') await pickDate(page, combo, value, timeout);
    else await pickChoices(page, combo, value);
    return;
  }
  const field = box.locator('input, textarea').first();
  await field.fill(String(value), { timeout: timeout / 4 });
  await field.blur();
}

async function pickChoices(page, combo, value) {
  await combo.click();
  for (const name of [].concat(value)) {
    const option = page.getByRole('option', { name, exact: true }).or(page.getByRole('menuitemcheckbox', { name, exact: true })).first();
    await option.scrollIntoViewIfNeeded();
    await option.click();
  }
  if (Array.isArray(value)) await combo.press('Escape');
}

/** Walks the calendar to the month, then takes the day. */
async function pickDate(page, combo, value, timeout) {
  const want = new Date(`${value}T00:00:00Z`);
  const month = want.toLocaleString('en-US', { month: 'long', timeZone: 'UTC' });
  const name = new RegExp(`^${want.getUTCDate()}, ${month}, ${want.getUTCFullYear()}$`);
  const day = page.getByRole('button', { name }).or(page.getByRole('gridcell', { name }));
  await combo.click();
  await page.getByRole('grid').last().waitFor();
  for (let steps = 0; !(await day.count()); steps++) {
    if (steps > 240) throw new Error(`the calendar does not reach ${value}`);
    const shown = /([A-Z][a-z]+) (\d{4})/.exec(await page.getByRole('dialog').last().innerText());
    const back = shown ? new Date(`${shown[1]} 1, ${shown[2]} UTC`) > want : new Date() > want;
    await page.getByRole('button', { name: back ? /previous month/i : /next month/i }).first().click();
  }
  await day.first().click();
  await until(async () => (await combo.inputValue()) !== '', timeout, 'the date to be set');
}
