// A person at the emulator's web page: a headless browser that opens conversations, writes, fills in forms and clicks.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { fill, valueOf } from './inputs.mjs';
import { conversationId } from './playground.mjs';
import { PATIENCE, until } from './wait.mjs';

const FLAGS = [
  '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  '--no-sandbox', // it does not work for root nor in most containers, and only local pages are loaded
];

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
  if (!found) throw new Error('no browser: run scripts/deps, or name one in CHROMIUM');
  return found;
}

/**
 * Opens the page of a playground (from attachPlayground) in a browser of its own.
 *   width, height  of the page in pixels
 *   timeout        milliseconds that each wait may take
 *   pushDelay      milliseconds by which what the server pushes is held back, and after the answer to what was sent: the page
 *                  loses a bot's reply to a new channel post that comes before that answer, which real bots are too slow for
 *   showLog        keep the page's log panel open
 * Returns what `person` returns, and { pid, viewer, stop }: viewer(options) opens the same conversations in a second page,
 * as another person would see them.
 */
export async function openClient(playground, { width = 1400, height = 1000, timeout = PATIENCE, pushDelay = 200, showLog = false } = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'browser-'));
  let server;
  let browser;
  const stop = async () => {
    const patience = () => new Promise((done) => { setTimeout(done, 3000).unref(); });
    await Promise.race([browser?.close().catch(() => {}), patience()]);
    await Promise.race([server?.close().catch(() => {}), patience()]);
    const child = server?.process();
    if (child && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    // A launched server tells the browser's process id, so that a hung one can be ended.
    server = await chromium.launchServer({ executablePath: browserPath(), args: FLAGS, env: { ...process.env, HOME: home } });
    browser = await chromium.connect(server.wsEndpoint());
    const open = async (options) => {
      const context = await browser.newContext({ viewport: { width: options.width, height: options.height } });
      return person(playground, await context.newPage(), options);
    };
    const options = { width, height, timeout, pushDelay, showLog };
    const first = await open(options);
    return { ...first, pid: server.process().pid, viewer: (change = {}) => open({ ...options, ...change }), stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

const SENDS = /\/_conversation\/v1\/conversations\/.*\/messages$/;

/** Records what the page hears and says: pushed frames, the log, invokes with their answers, page errors. */
async function record(page, pushDelay) {
  const seen = { frames: [], log: [], invokes: [], errors: [], external: new Set(), installed: new Set(), shown: new Set(), held: null };
  Object.assign(seen, { sending: new Set(), answered: 0, pushed: Promise.resolve() });
  // The page asks a CDN for fonts; nothing but this machine is to be needed.
  await page.route((url) => !['127.0.0.1', 'localhost'].includes(url.hostname), (route) => {
    seen.external.add(route.request().url());
    return route.abort();
  });
  page.on('pageerror', (err) => seen.errors.push(String(err)));
  // The page breaks down over updates of, and replies to, messages that were posted before it was loaded, or in another page.
  const fits = ({ action, actionConversationId, message }) => {
    const post = /;messageid=(.*)/.exec(actionConversationId)?.[1];
    return (action !== 'updateMessage' || seen.shown.has(message.messageId)) && (!post || seen.shown.has(post));
  };
  const answered = (request) => { if (seen.sending.delete(request)) seen.answered = Date.now(); };
  page.on('request', (request) => { if (request.method() === 'POST' && SENDS.test(request.url())) seen.sending.add(request); });
  page.on('requestfailed', answered);
  const turn = async (came) => {
    for (;;) {
      const left = Math.max(came, seen.answered) + pushDelay - Date.now();
      if (seen.sending.size === 0 && left <= 0) return;
      await new Promise((done) => { setTimeout(done, Math.max(left, 20)); });
    }
  };
  await page.routeWebSocket(/\/_ws/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(message));
    server.onMessage((message) => {
      let frame;
      try { frame = JSON.parse(message); } catch { /* a heartbeat */ }
      if (frame) (frame.logAction ? seen.log : seen.frames).push(frame);
      if (frame?.action === 'createMessage') seen.shown.add(frame.message.messageId);
      const push = () => { if (!frame?.action || fits(frame)) try { socket.send(message); } catch { /* the page is closed */ } };
      const came = Date.now();
      if (frame) seen.pushed = seen.pushed.then(() => turn(came)).then(() => (seen.held ? seen.held.push(push) : push()));
      else push();
    });
  });
  page.on('response', async (answer) => {
    const installation = /\/_debug\/conversation\/([^/]+)\/installation/.exec(answer.url());
    if (installation) seen.installed.add(decodeURIComponent(installation[1]));
    const said = /\/_conversation\/v1\/.*(messages|invoke|submit)$/.exec(answer.url());
    if (!said || answer.request().method() !== 'POST') return;
    const response = await answer.json().catch(() => null);
    if (said[1] === 'messages') {
      if (response) seen.shown.add(response.messageId);
      answered(answer.request());
      return;
    }
    seen.invokes.push({ url: answer.url(), status: answer.status(), request: answer.request().postDataJSON(), response });
  });
  return seen;
}

/** Every Adaptive Card in messages, updates and invoke answers, oldest first. */
function cardsIn(seen) {
  const cards = [];
  const walk = (value) => {
    if (!value || typeof value !== 'object') return;
    if (value.type === 'AdaptiveCard') cards.push(value);
    else Object.values(value).forEach(walk);
  };
  walk(seen.frames);
  seen.invokes.forEach((invoke) => walk(invoke.response));
  return cards;
}

/** Drives one page. The functions it returns are documented where they stand. */
async function person(playground, page, { timeout, pushDelay, showLog }) {
  const { config } = playground;
  const seen = await record(page, pushDelay);
  page.setDefaultTimeout(timeout);
  let current = 'personal';
  let card = null;

  const isChat = (where) => where === 'personal' || where === 'group';
  /** On the first visit the page has the bot installed; a team's channels share one installation. */
  function installed(where) {
    const ids = isChat(where) ? [conversationId(config, where)] : config.teams[0].channels.map((channel) => channel.id);
    return until(() => ids.some((id) => seen.installed.has(id)), timeout, `the bot to be installed in ${where}`);
  }
  await load();

  async function load() {
    await page.goto(`${playground.url}/`, { waitUntil: 'load' });
    await page.getByRole('treeitem', { name: config.personalChat.name }).waitFor();
    await installed('personal');
    await list(false);
    if (!showLog) await page.getByRole('button', { name: 'Hide log panel' }).click();
  }

  /** Loads the page anew, as if the person came back: it has forgotten all messages, and starts with the personal chat. */
  async function reload() {
    seen.installed.clear();
    seen.shown.clear();
    seen.held = null;
    current = 'personal';
    card = null;
    await load();
  }

  /** Opens or closes the list of conversations, which a page of less than some 1200 pixels keeps in a drawer that slides. */
  async function list(open) {
    const drawer = page.getByRole('button', { name: /^Toggle app bar/ });
    if (!(await drawer.isVisible())) return;
    const left = async () => (await page.getByRole('treeitem').first().boundingBox()).x;
    const rest = async () => until(async () => {
      const x = await left();
      await new Promise((done) => { setTimeout(done, 200); });
      return x === (await left());
    }, timeout, 'the list of conversations to be still');
    await rest();
    if (((await left()) >= 0) === open) return;
    if (open) await drawer.click();
    else await page.mouse.click(page.viewportSize().width - 5, page.viewportSize().height / 2);
    await until(async () => ((await left()) >= 0) === open, timeout, `the list of conversations to ${open ? 'open' : 'close'}`);
    await rest();
  }

  const label = (where) => {
    if (where === 'personal') return config.personalChat.name;
    if (where === 'group') return config.groupChats[0].name;
    return `${config.teams[0].name} - ${where === 'channel' ? 'General' : where}`;
  };

  /** Opens 'personal', 'group', 'channel' (General) or a channel by name. The first time, the bot is told it was installed. */
  async function openConversation(where) {
    if (where === current) return;
    await list(true);
    await page.getByRole('treeitem', { name: label(where), exact: true }).click();
    await installed(where);
    await list(false);
    await page.getByText(isChat(where) ? 'Type a message...' : 'Start a new post').last().waitFor();
    current = where;
    card = null;
  }

  async function write(editor, text, mention) {
    await editor.click();
    if (mention) {
      await page.keyboard.type('@');
      await page.getByRole('listbox', { name: 'Typeahead menu' }).getByRole('menuitem').filter({ hasText: mention }).first().click();
      await until(async () => (await editor.innerText()).includes(mention), timeout, 'the mention to stand in the editor');
      if (!/\s$/.test(await editor.evaluate((node) => node.textContent))) await page.keyboard.type(' ');
    }
    const lines = text.split('\n');
    for (const [i, line] of lines.entries()) {
      if (i > 0) await page.keyboard.press('Shift+Enter');
      await page.keyboard.insertText(line);
    }
    await until(async () => (await editor.innerText()).includes(lines.at(-1)), timeout, 'the text to stand in the editor');
  }

  /**
   * Sends a message. In a channel it is a new post; replyTo, a text of a post, answers in its thread. Outside the personal
   * chat it mentions the bot, as a bot hears nothing else there; mention names somebody else, null nobody.
   */
  async function sendMessage(text, where = current, { mention = where === 'personal' ? null : config.bot.name, replyTo } = {}) {
    release();
    await openConversation(where);
    const box = '[data-lexical-editor="true"]';
    let editor = page.locator(box).first();
    let button = page.getByRole('button', { name: 'Post', exact: true });
    if (isChat(where)) {
      editor = page.locator(box).last();
      button = page.getByRole('button', { name: 'Send Message' }).last();
    } else if (replyTo) {
      const send = page.getByRole('button', { name: 'Send Message' });
      const post = page.getByRole('group').filter({ hasText: replyTo }).filter({ has: send }).last();
      editor = post.locator(box);
      button = post.getByRole('button', { name: 'Send Message' });
    }
    await write(editor, text, mention);
    const sent = page.waitForResponse((r) => SENDS.test(r.url()) && r.request().method() === 'POST');
    await button.click();
    const answer = await sent;
    if (!answer.ok()) throw new Error(`send ${JSON.stringify(text)}: ${answer.status()} ${await answer.text()}`);
    return answer.json().catch(() => null);
  }

  /** Waits until text (a string or pattern) is on the page, and returns its last place. */
  async function waitForText(text, wait = timeout) {
    const place = page.getByText(text).last();
    await place.waitFor({ timeout: wait });
    return place;
  }

  /** Waits for an Adaptive Card with this text. It becomes the card that fillInput and clickAction mean. */
  async function waitForCard(text, wait = timeout) {
    const found = page.locator('.ac-adaptiveCard').filter({ hasText: text }).last();
    for (let left = 3; ; left--) {
      await found.waitFor({ timeout: wait });
      try {
        await found.scrollIntoViewIfNeeded();
        break;
      } catch (err) { // the page has drawn it anew meanwhile
        if (left === 1 || err.name === 'TimeoutError') throw err;
      }
    }
    card = found;
    return found;
  }

  function theCard() {
    if (!card) throw new Error('no card yet: call waitForCard first');
    return card;
  }

  /** Waits until what the server has pushed by now is drawn. */
  async function pause() {
    await seen.pushed;
    await page.evaluate(() => new Promise((done) => { setTimeout(done, 0); })); // the page's turn comes after what it does now
    await new Promise((done) => { setTimeout(done, 2 * pushDelay); });
  }

  /**
   * Fills in an input of the card, by id or label. See fill in inputs.mjs for the values. The page draws a conversation anew
   * for whatever the server pushes, and what was typed is gone, which Teams does not do: so nothing more is pushed, from the
   * first input to the click on a button or until a message is sent.
   */
  async function fillInput(idOrLabel, value) {
    if (!seen.held) {
      seen.held = [];
      await pause();
    }
    await fill(page, theCard(), cardsIn(seen), idOrLabel, value, timeout);
  }

  function release() {
    const held = seen.held ?? [];
    seen.held = null;
    held.forEach((push) => push());
  }

  /** What stands in a text input of the card, by id or label. */
  const inputValue = (idOrLabel) => valueOf(page, theCard(), cardsIn(seen), idOrLabel);

  /**
   * Clicks a button of the card, and resolves to { request, response, status } when the bot's answer has reached the page.
   * Where the click stays in the page (open a link, show a part, a form that is not complete), say expectRequest: false.
   */
  async function clickAction(title, { expectRequest = true } = {}) {
    const button = theCard().getByRole('button', { name: title, exact: true }).last();
    await button.scrollIntoViewIfNeeded();
    const before = seen.invokes.length;
    await button.click();
    release();
    if (!expectRequest) return null;
    await until(() => seen.invokes.length > before, timeout, `an answer after a click on ${title}`);
    return seen.invokes.at(-1);
  }

  /**
   * Writes a PNG of the page, at another size of the page if width or height are given. A page that crosses some 1200 pixels
   * is drawn anew, and what was typed into a card is gone: for that, open the client or a viewer at the size, or shoot the card.
   */
  async function screenshot(file, { width, height, ...options } = {}) {
    const size = page.viewportSize();
    if (!width && !height) return page.screenshot({ path: file, ...options });
    await page.setViewportSize({ width: width ?? size.width, height: height ?? size.height });
    await list(false);
    const image = await page.screenshot({ path: file, ...options });
    await page.setViewportSize(size);
    return image;
  }

  /** Writes a PNG of the card alone, as wide as given: 320 is what a phone has for it. What was typed stays. */
  async function screenshotCard(file, { width } = {}) {
    const shown = theCard();
    const before = await shown.evaluate((node, px) => {
      const { width: w, minWidth, maxWidth } = node.style;
      if (px) Object.assign(node.style, { width: `${px}px`, minWidth: `${px}px`, maxWidth: `${px}px` });
      return { width: w, minWidth, maxWidth };
    }, width);
    const image = await shown.screenshot({ path: file });
    await shown.evaluate((node, style) => Object.assign(node.style, style), before);
    return image;
  }

  return {
    page, reload, openConversation, sendMessage, waitForText, waitForCard, fillInput, inputValue, pause, clickAction, screenshot, screenshotCard,
    cardsSeen: () => cardsIn(seen), invokes: seen.invokes, frames: seen.frames, log: seen.log, errors: seen.errors, external: seen.external,
  };
}
