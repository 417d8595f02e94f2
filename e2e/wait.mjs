/** Milliseconds to wait for what comes at once on a machine that has nothing else to do: one may be ten times slower. */
export const PATIENCE = 120_000;

/** Calls fn until it returns something true, and returns that; after ms milliseconds throws, naming what was awaited. */
export async function until(fn, ms, what) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await fn();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((done) => { setTimeout(done, 50); });
  }
}
