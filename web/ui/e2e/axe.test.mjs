// Accessibility: every screen is clean under axe, with the enhanced contrast of AAA for text, in both themes and languages.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { AISHA, chat, id, MEI, stage, TOM } from "./helper.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const s = stage();

const SCREENS = {
  "sign-in": ["?session=none"],
  "sign-up": ["?session=none#/invite/x"],
  chats: ["?quiet#/"],
  contacts: ["?quiet#/contacts"],
  "a chat": [chat(MEI)],
  "files in a chat": [chat(TOM)],
  "the path panel": [`${chat(AISHA)}/path`],
  "the info panel": [`${chat(MEI)}/info`],
  "no connection": ["?quiet&offline#/"],
  "nobody": ["?world=empty#/"],
  "an answer": [chat(MEI), async (p) => { await id(p, "message").last().focus(); await p.keyboard.press("r"); }],
  "a menu": [chat(MEI), async (p) => { await id(p, "message").last().focus(); await p.keyboard.press("Enter"); }],
  emoji: [chat(MEI), async (p) => id(p, "emoji").click()],
  "the switcher": ["?quiet#/", async (p) => p.keyboard.press("Control+k")],
  shortcuts: ["?quiet#/", async (p) => p.locator("body").press("?")],
  status: ["?quiet#/", async (p) => id(p, "me").click()],
  "adding a contact": ["?quiet#/", async (p) => id(p, "add-contact").click()],
  "what was found": ["?quiet#/", async (p) => { await id(p, "side-search").fill("直连"); await p.locator(".found-row").first().waitFor(); }],
};
for (const section of ["look", "notices", "writing", "privacy", "devices", "account", "blocked", "invite", "about"]) SCREENS[`settings: ${section}`] = [`?quiet#/settings/${section}`];

for (const [theme, locale, viewport] of [["light", "en-GB", { width: 1280, height: 800 }], ["dark", "zh-CN", { width: 360, height: 740 }]])
  test(`axe, ${theme}, ${locale}, ${viewport.width} px`, async () => {
    const failures = [];
    for (const [name, [path, act]] of Object.entries(SCREENS)) {
      const p = await s.open(path, { colorScheme: theme, locale, viewport, bypassCSP: true });
      await p.waitForTimeout(150);
      if (act) await Promise.resolve(act(p)).catch((e) => failures.push(`${name}: ${e.message}`));
      await p.waitForTimeout(100);
      await p.evaluate(axe);
      const result = await p.evaluate(() =>
        globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], rules: { "color-contrast-enhanced": { enabled: true }, region: { enabled: false } } }),
      );
      for (const v of result.violations) for (const n of v.nodes.slice(0, 4)) failures.push(`${name}: ${v.id}: ${n.target.join(" ")}: ${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? ""}`);
      await p.context().close();
    }
    assert.deepEqual(failures, []);
  });
