// What the tests of the face share: the face with the scripted core in Chromium, one page a test.

import { after, before } from "node:test";
import { launch } from "../tools/browser.mjs";
import { serve } from "../tools/serve.mjs";

/** Pages of one test file. Anything the page complains about is kept and must be empty at the end. */
export function stage() {
  const s = { browser: undefined, server: undefined, url: "", complaints: [] };
  before(async () => {
    const { server, url } = await serve();
    s.server = server;
    s.url = url;
    s.browser = await launch();
  });
  after(async () => {
    await s.browser?.close();
    s.server?.close();
  });
  s.open = async (path, options = {}) => {
    const context = await s.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.on("pageerror", (e) => s.complaints.push(`${path}: ${e.message}`));
    page.on("console", (m) => m.type() === "error" && s.complaints.push(`${path}: ${m.text()}`));
    page.on("request", (r) => {
      if (!r.url().startsWith(s.url) && !/^(data|blob):/.test(r.url())) s.complaints.push(`${path}: asked a stranger: ${r.url()}`);
    });
    await page.goto(`${s.url}/${path}`);
    await page.locator(".shell, .welcome").first().waitFor();
    return page;
  };
  return s;
}

export const MEI = "mei@godwit.example";
export const AISHA = "aisha@godwit.example";
export const TOM = "tom@godwit.example";

export const chat = (jid, query = "quiet") => `?${query}#/chat/${encodeURIComponent(jid)}`;
export const id = (page, name) => page.locator(`[data-testid="${name}"]`);
/** The commands that the face has given so far. */
export const commands = (page, cmd) => page.evaluate((c) => globalThis.mock.commands.filter((x) => x.cmd === c), cmd);
