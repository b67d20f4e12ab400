// Pictures of every screen at three widths, in both themes and languages, with the scripted core.
//
//   node tools/shots.mjs DIR [FILTER]     FILTER is a regular expression over names like "chat-360-dark-zh"

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { serve } from "./serve.mjs";

const dir = process.argv[2] ?? "shots";
const filter = new RegExp(process.argv[3] ?? ".");
const SIZES = [
  [360, 740],
  [768, 1024],
  [1440, 900],
];
const MEI = encodeURIComponent("mei@godwit.example");
const TOM = encodeURIComponent("tom@godwit.example");
const AISHA = encodeURIComponent("aisha@godwit.example");

const id = (page, name) => page.locator(`[data-testid="${name}"]`);

/** name → address and what to do before the picture. */
const SCREENS = {
  signin: ["?session=none"],
  signup: ["?session=none#/invite/Jd2kP0aYx4"],
  signinerror: ["?session=none", async (p) => { await id(p, "signin-account").fill("lin"); await id(p, "signin-password").fill("wrong"); await id(p, "signin-submit").click(); await p.locator(".field-error").waitFor(); }],
  chats: ["?quiet#/"],
  contacts: ["?quiet#/contacts"],
  empty: ["?world=empty#/"],
  chat: [`?quiet#/chat/${MEI}`],
  files: [`?quiet#/chat/${TOM}`],
  unread: [`?quiet#/chat/${AISHA}`],
  path: [`?quiet#/chat/${AISHA}/path`],
  pathdirect: [`?quiet#/chat/${MEI}/path`],
  info: [`?quiet#/chat/${MEI}/info`],
  stranger: [`?quiet#/chat/${encodeURIComponent("marco@birds.example")}`],
  menu: [`?quiet#/chat/${MEI}`, async (p) => { await id(p, "message").last().focus(); await p.keyboard.press("Enter"); }],
  emoji: [`?quiet#/chat/${MEI}`, async (p) => { await id(p, "emoji").click(); }],
  reply: [`?quiet#/chat/${MEI}`, async (p) => { await id(p, "message").last().focus(); await p.keyboard.press("r"); await id(p, "composer").fill("On my way"); }],
  search: [`?quiet#/`, async (p) => { await id(p, "side-search").fill("直连"); await p.locator(".found-row").first().waitFor(); }],
  switcher: ["?quiet#/", async (p) => { await p.keyboard.press("Control+k"); await p.locator("#switcher-list .list-row").first().waitFor(); }],
  shortcuts: ["?quiet#/", async (p) => { await p.keyboard.press("?"); }],
  status: ["?quiet#/", async (p) => { await id(p, "me").click(); }],
  add: ["?quiet#/", async (p) => { await id(p, "add-contact").click(); }],
  settings: ["?quiet#/settings"],
  notices: ["?quiet#/settings/notices"],
  privacy: ["?quiet#/settings/privacy"],
  writing: ["?quiet#/settings/writing"],
  devices: ["?quiet#/settings/devices"],
  account: ["?quiet#/settings/account"],
  invite: ["?quiet#/settings/invite", async (p) => { await id(p, "invite-make").click(); await id(p, "invite-made").waitFor(); }],
  about: ["?quiet#/settings/about"],
  offline: [`?quiet&offline#/`],
};

await mkdir(dir, { recursive: true });
const { server, url } = await serve();
const browser = await launch();
let taken = 0;
for (const [width, height] of SIZES)
  for (const theme of ["light", "dark"])
    for (const [lang, locale] of [["en", "en-GB"], ["zh", "zh-CN"]]) {
      const names = Object.keys(SCREENS).filter((n) => filter.test(`${n}-${width}-${theme}-${lang}`));
      if (names.length === 0) continue;
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale, timezoneId: "Asia/Shanghai", deviceScaleFactor: 1, hasTouch: width < 720, isMobile: width < 720, reducedMotion: "reduce" });
      for (const n of names) {
        const [path, act] = SCREENS[n];
        const page = await context.newPage();
        page.on("pageerror", (e) => console.error(n, "page error", e.message));
        page.on("console", (m) => m.type() === "error" && console.error(n, m.text()));
        await page.goto(`${url}/${path}`);
        await page.locator(".shell, .welcome").first().waitFor();
        await page.waitForTimeout(250);
        try {
          await act?.(page);
        } catch (e) {
          console.error(n, width, e.message.split("\n")[0]);
        }
        await page.waitForTimeout(250);
        await page.screenshot({ path: join(dir, `${n}-${width}-${theme}-${lang}.png`) });
        taken++;
        await page.close();
      }
      await context.close();
    }
await browser.close();
server.close();
console.log(`${taken} pictures in ${dir}`);
