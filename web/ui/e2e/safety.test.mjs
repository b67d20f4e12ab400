// Names and messages that mean harm, under the headers of the real server: nothing runs, nothing is fetched, nothing leaves
// its box.

import assert from "node:assert/strict";
import { test } from "node:test";
import { id, stage } from "./helper.mjs";

const s = stage();
const HOSTILE = "h0@godwit.example";

for (const [name, options] of [["wide", {}], ["narrow", { viewport: { width: 360, height: 740 } }]])
  test(`hostile names and messages, ${name}`, async () => {
    for (const path of ["#/", "#/contacts", `#/chat/${HOSTILE}`, `#/chat/${HOSTILE}/info`, `#/chat/${HOSTILE}/path`, "#/settings/blocked"]) {
      const p = await s.open(`?world=hostile${path}`, options);
      await p.waitForTimeout(400);
      const found = await p.evaluate(() => ({
        hacked: "hacked" in globalThis,
        elements: document.querySelectorAll("script:not([src]):not([type=importmap]), iframe, object, embed, [onerror], [onload], [style*='expression'], .bubble img, .bubble svg[onload]").length,
        hrefs: [...document.querySelectorAll("a[href]")].map((a) => a.href).filter((h) => !/^(https?|mailto|xmpp):/.test(h)),
        wide: document.documentElement.scrollWidth - innerWidth,
        out: [...document.querySelectorAll(".bubble, .list-row, .chat-name, .info-name")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length,
      }));
      assert.deepEqual(found, { hacked: false, elements: 0, hrefs: [], wide: 0, out: 0 }, path);
      await p.context().close();
    }
  });

test("links: safe schemes only, no opener, and what lies is said", async () => {
  const p = await s.open(`?world=hostile#/chat/${HOSTILE}`);
  await id(p, "message").first().waitFor();
  const links = await p.locator(".bubble a").evaluateAll((all) => all.map((a) => ({ protocol: a.protocol, rel: a.rel, target: a.target })));
  assert.ok(links.length > 0);
  for (const l of links) {
    assert.match(l.protocol, /^(https?|mailto|xmpp):$/);
    assert.equal(l.rel, "noopener noreferrer");
    assert.equal(l.target, "_blank");
  }
  await p.getByText("(the part before @ hides where this leads)").waitFor();
  await p.getByText("(letters of several scripts)").waitFor();
});

test("Trusted Types: text can not become markup even by mistake", async () => {
  const p = await s.open("?quiet#/");
  const refused = await p.evaluate(() => {
    try {
      document.createElement("div").innerHTML = "<b>x</b>";
      return false;
    } catch (e) {
      return e instanceof TypeError;
    }
  });
  assert.ok(refused);
  s.complaints.splice(0, s.complaints.length, ...s.complaints.filter((c) => !c.includes("TrustedHTML")));
});

test("on plain http off this machine the page says what is missing before anybody types a password", async () => {
  const p = await s.open("?session=none");
  const port = new URL(s.url).port;
  const context = await s.browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  // A name that is not loopback by its look, led to this machine by the browser's own resolver.
  await page.route("**/*", async (route) => {
    const u = new URL(route.request().url());
    const answer = await fetch(`http://localhost:${port}${u.pathname}${u.search}`);
    await route.fulfill({ status: answer.status, headers: Object.fromEntries(answer.headers), body: Buffer.from(await answer.arrayBuffer()) });
  });
  await page.goto("http://chat.lan.example/?session=none");
  await id(page, "wall").getByText("This connection is not private").waitFor();
  assert.equal(await page.locator("input[type=password]").count(), 0);
  assert.equal(await page.getByRole("link", { name: "Open by https" }).getAttribute("href"), "https://chat.lan.example/");
  assert.equal(await page.getByRole("link", { name: "How to trust this server" }).getAttribute("href"), "/trust");
  await page.getByText("Go on all the same").click();
  await page.getByLabel("I understand").check();
  await page.getByRole("button", { name: "Go on without protection" }).click();
  await id(page, "signin").waitFor();
  await p.close();
});

test("nobody complained and no stranger was asked", () => assert.deepEqual(s.complaints, []));
