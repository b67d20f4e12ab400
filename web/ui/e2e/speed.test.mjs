// Smooth with 10,000 contacts, 2,000 chats and a chat of 100,000 messages: figures are printed; the limits are generous, as
// they only have to tell a page that lays out everything from one that lays out what is seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { id, stage } from "./helper.mjs";

const s = stage();
const BIG = "user0@godwit.example";

/** Scrolls an element for a while and returns the times between frames, sorted. */
const scroll = (p, selector, step, frames) =>
  p.evaluate(
    ([sel, by, n]) =>
      new Promise((resolve) => {
        const el = document.querySelector(sel);
        const times = [];
        let last = performance.now();
        const frame = (now) => {
          times.push(now - last);
          last = now;
          if (times.length > n) return resolve(times.slice(1).sort((a, b) => a - b));
          el.scrollTop += by;
          requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
      }),
    [selector, step, frames],
  );

const at = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))].toFixed(1);

function report(what, sorted) {
  console.log(`${what}: frame times of ${sorted.length} frames: median ${at(sorted, 0.5)} ms, 95 % ${at(sorted, 0.95)} ms, longest ${at(sorted, 1)} ms`);
  assert.ok(Number(at(sorted, 0.5)) < 1000, `${what} is not smooth`);
}

test("lists and history stay smooth", async () => {
  const p = await s.open("?world=scale#/", { viewport: { width: 1440, height: 900 } });
  await id(p, "chat-row").first().waitFor();
  const rows = await p.locator(".vrow").count();
  console.log(`2,000 chats: ${rows} rows on the page`);
  assert.ok(rows < 60);
  report("2,000 chats", await scroll(p, "[data-testid=chat-list]", 400, 120));

  await p.evaluate(() => (location.hash = "#/contacts"));
  await id(p, "contact-row").first().waitFor();
  assert.ok((await p.locator(".vrow").count()) < 60);
  report("10,000 contacts", await scroll(p, "[data-testid=contact-list]", 900, 120));

  const filter = await p.evaluate(async () => {
    const input = document.querySelector("[data-testid=side-search]");
    const begin = performance.now();
    input.value = "张";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
    return performance.now() - begin;
  });
  console.log(`filtering 10,000 contacts: ${filter.toFixed(0)} ms`);
  assert.ok(filter < 2000);

  const open = await p.evaluate(async (jid) => {
    const begin = performance.now();
    location.hash = `#/chat/${encodeURIComponent(jid)}`;
    for (;;) {
      await new Promise(requestAnimationFrame);
      if (document.querySelector("[data-testid=message]")) return performance.now() - begin;
    }
  }, BIG);
  console.log(`opening a chat of 100,000 messages: ${open.toFixed(0)} ms`);
  assert.ok(open < 3000);

  report("100,000 messages, up", await scroll(p, "[data-testid=timeline]", -300, 240));
  const count = await id(p, "message").count();
  console.log(`after scrolling up: ${count} messages on the page`);
  assert.ok(count <= 240);
  assert.ok(await p.evaluate(() => globalThis.mock.commands.filter((c) => c.cmd === "history").length) > 3, "older history was fetched");
  await id(p, "to-end").click();
  await id(p, "message").getByText("#99999").waitFor();

  const presences = await p.evaluate(async () => {
    const begin = performance.now();
    for (let i = 0; i < 10_000; i++) globalThis.mock.emit({ event: "presence", from: `user${i}@godwit.example/x`, available: true, show: i % 3 ? "" : "away" });
    await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
    return performance.now() - begin;
  });
  console.log(`10,000 presences at once: ${presences.toFixed(0)} ms`);
  assert.ok(presences < 5000);
});

test("scrolling up keeps the place", async () => {
  const p = await s.open(`?world=scale#/chat/${BIG}`);
  await id(p, "message").first().waitFor();
  await p.waitForTimeout(300);
  const moved = await p.evaluate(async () => {
    const el = document.querySelector("[data-testid=timeline]");
    el.scrollTop = 650; // near enough to the top that older ones come
    const first = [...el.querySelectorAll("article")].find((a) => a.getBoundingClientRect().top > el.getBoundingClientRect().top);
    const before = first.getBoundingClientRect().top;
    const count = globalThis.mock.commands.length;
    for (let i = 0; i < 60 && (globalThis.mock.commands.length === count || i < 20); i++) await new Promise(requestAnimationFrame);
    return { by: Math.abs(first.getBoundingClientRect().top - before), asked: globalThis.mock.commands.length - count };
  });
  assert.ok(moved.asked > 0, "older history was asked for");
  assert.ok(moved.by < 2, `the place moved by ${moved.by} px`);
});

test("nobody complained", () => assert.deepEqual(s.complaints, []));
