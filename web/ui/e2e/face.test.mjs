// What a person does, with the scripted core.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AISHA, chat, commands, id, MEI, stage, TOM } from "./helper.mjs";

const s = stage();

test("signing in: a wrong password is said, a right one opens the chats", async () => {
  const p = await s.open("?session=none&quiet");
  await id(p, "signin-account").fill("lin");
  await id(p, "signin-password").fill("wrong");
  await id(p, "signin-submit").click();
  await p.getByText("The address or the password is not right.").waitFor();
  assert.equal(await id(p, "signin-password").inputValue(), "");
  await id(p, "signin-password").fill("right horse");
  await p.keyboard.press("Enter");
  await id(p, "chat-list").waitFor();
  assert.deepEqual((await commands(p, "signin")).map((c) => c.account), ["lin@localhost", "lin@localhost"]);
});

test("signing up by an invitation", async () => {
  const p = await s.open("?session=none&quiet#/invite/abc");
  await id(p, "signup-name").fill("newbie");
  await id(p, "signup-password").fill("correct horse");
  await id(p, "signup-again").fill("correct hors");
  await id(p, "signup-submit").click();
  await p.getByText("The two are not the same.").waitFor();
  await id(p, "signup-again").fill("correct horse");
  await id(p, "signup-submit").click();
  await id(p, "contact-list").waitFor();
  const [c] = await commands(p, "register");
  assert.equal(c.token, "abc");
});

test("a message: sent by Enter, ticks go forward, the chat list follows", async () => {
  const p = await s.open(chat(MEI));
  await id(p, "composer").fill("Hello *there*");
  await p.keyboard.press("Enter");
  const m = id(p, "message").last();
  await m.getByText("there").waitFor();
  await p.locator('[data-testid="message"][data-state="delivered"]').last().waitFor();
  assert.equal(await id(p, "composer").inputValue(), "");
  assert.match(await p.locator(`[data-testid="chat-row"][data-jid="${MEI}"]`).innerText(), /Hello there/);
  await p.evaluate(([jid]) => { const m = globalThis.mock; const last = m.commands.filter((c) => c.cmd === "send").at(-1); m.emit({ event: "read", with: jid, id: last.id, by: "peer" }); }, [MEI]);
  await p.locator('[data-testid="message"][data-state="read"]').last().waitFor();
});

test("an input method: Enter within or right after a composition sends nothing", async () => {
  const p = await s.open(chat(MEI));
  const c = id(p, "composer");
  await c.focus();
  const session = await p.context().newCDPSession(p);
  await session.send("Input.imeSetComposition", { text: "ni hao", selectionStart: 6, selectionEnd: 6 });
  await c.dispatchEvent("keydown", { key: "Enter", isComposing: true, bubbles: true });
  await session.send("Input.insertText", { text: "你好" });
  // Safari: compositionend first, the Enter that chose the word in the same turn.
  await c.evaluate((el) => {
    el.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "你好" }));
    el.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    el.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, keyCode: 229 }));
  });
  assert.deepEqual(await commands(p, "send"), []);
  assert.equal(await c.inputValue(), "你好");
  await p.keyboard.press("Enter");
  assert.deepEqual((await commands(p, "send")).map((x) => x.body), ["你好"]);
});

test("Ctrl+Enter instead of Enter, if so chosen", async () => {
  const p = await s.open("?quiet#/settings/writing");
  await p.getByText("Ctrl+Enter", { exact: true }).click();
  await p.evaluate((j) => (location.hash = `#/chat/${encodeURIComponent(j)}`), MEI);
  await id(p, "composer").fill("one");
  await p.keyboard.press("Enter");
  assert.deepEqual(await commands(p, "send"), []);
  await p.keyboard.press("Control+Enter");
  assert.equal((await commands(p, "send")).length, 1);
});

test("reply with a quotation that leads back, edit by Up, take back", async () => {
  const p = await s.open(chat(MEI));
  const target = id(p, "message").filter({ hasText: "好漂亮" });
  await target.focus();
  await p.keyboard.press("r");
  await id(p, "intent").getByText("Reply to 陈美玲").waitFor();
  await id(p, "composer").fill("Yes it is");
  await p.keyboard.press("Enter");
  const mine = id(p, "message").filter({ hasText: "Yes it is" });
  await mine.locator('[data-testid="quoted"]').click();
  await p.locator(".msg.flash").waitFor();

  await id(p, "composer").focus();
  await p.keyboard.press("ArrowUp");
  assert.equal(await id(p, "composer").inputValue(), "Yes it is");
  await id(p, "composer").fill("Yes, it certainly is");
  await p.keyboard.press("Enter");
  const edited = id(p, "message").filter({ hasText: "certainly" });
  await edited.getByText("edited").click();
  await p.locator(".versions").getByText("Yes it is", { exact: true }).waitFor();
  await p.keyboard.press("Escape");

  await edited.focus();
  await p.keyboard.press("Delete");
  await id(p, "retract-dialog").getByRole("button", { name: "Take back" }).click();
  await id(p, "message").last().getByText("This message was taken back").waitFor();
});

test("the unread mark, and what was seen is said", async () => {
  const p = await s.open(chat(AISHA));
  await p.locator(".unread-mark").waitFor();
  await p.waitForFunction(() => globalThis.mock.commands.some((c) => c.cmd === "read"));
  assert.equal(await p.locator(`[data-testid="chat-row"][data-jid="${AISHA}"] .count`).count(), 0);
});

test("the title counts, a muted chat does not, an open chat is read at once", async () => {
  const p = await s.open(chat(MEI));
  await p.waitForFunction(() => document.title === "(3) Godwit");
  await p.evaluate((j) => globalThis.mock.receive(j, "one more"), AISHA);
  await p.waitForFunction(() => document.title === "(4) Godwit");
  await p.evaluate((j) => globalThis.mock.receive(j, "for the open chat"), MEI);
  await id(p, "message").getByText("for the open chat").waitFor();
  await p.waitForFunction(() => document.title === "(4) Godwit");
});

test("only new messages are announced", async () => {
  const p = await s.open(chat(MEI));
  await id(p, "message").first().waitFor();
  assert.equal((await id(p, "announcer").innerText()).trim(), "");
  await p.evaluate((j) => globalThis.mock.receive(j, "something *new*"), MEI);
  await id(p, "announcer").getByText("陈美玲: something new").waitFor();
});

test("typing, in the chat and in the list; sent at most every few seconds and taken back", async () => {
  const p = await s.open(chat(MEI));
  await p.evaluate((j) => globalThis.mock.emit({ event: "typing", from: `${j}/phone`, chat: j, state: "composing" }), MEI);
  await id(p, "typing").waitFor();
  await p.evaluate((j) => globalThis.mock.emit({ event: "typing", from: `${j}/phone`, chat: j, state: "active" }), MEI);
  await id(p, "typing").waitFor({ state: "detached" });
  await id(p, "composer").pressSequentially("abcdef");
  await p.keyboard.press("Enter");
  assert.deepEqual((await commands(p, "typing")).map((c) => c.state), ["composing", "active"]);
});

test("a draft stays with its chat and shows in the list", async () => {
  const p = await s.open(chat(MEI));
  await id(p, "composer").fill("half a thought");
  await p.locator(`[data-testid="chat-row"][data-jid="${TOM}"]`).click();
  assert.match(await p.locator(`[data-testid="chat-row"][data-jid="${MEI}"]`).innerText(), /Draft:\s*half a thought/);
  await p.locator(`[data-testid="chat-row"][data-jid="${MEI}"]`).click();
  await p.waitForFunction(() => document.querySelector("[data-testid=composer]").value === "half a thought");
});

test("search finds two characters, in all chats and in one, and jumps", async () => {
  const p = await s.open("?quiet#/");
  await id(p, "side-search").fill("直连");
  await p.locator(".found-row").first().click();
  await id(p, "timeline").waitFor();
  await p.locator(".msg.flash mark").first().waitFor();
  await id(p, "chat-search").click();
  await id(p, "chat-search-input").fill("figures");
  await p.getByText("1 of 1").waitFor();
});

test("Ctrl+K jumps, Alt+Down steps, Escape goes back, ? helps", async () => {
  const p = await s.open("?quiet#/");
  await p.keyboard.press("Control+k");
  await p.keyboard.type("sof");
  await p.keyboard.press("Enter");
  await p.waitForFunction(() => location.hash.includes("sofia"));
  await p.keyboard.press("Alt+ArrowDown");
  await p.waitForFunction(() => !location.hash.includes("sofia") && location.hash.includes("/chat/"));
  await p.keyboard.press("Escape");
  await p.waitForFunction(() => location.hash === "#/");
  await p.locator("body").press("?");
  await id(p, "shortcuts").waitFor();
  await p.keyboard.press("Escape");
  await id(p, "shortcuts").waitFor({ state: "detached" });
});

test("arrow keys move through the list, one tab stop", async () => {
  const p = await s.open("?quiet#/");
  await id(p, "chat-row").first().waitFor();
  assert.equal(await p.locator('.vlist [data-focus][tabindex="0"]').count(), 1);
  await id(p, "side-search").focus();
  await p.keyboard.press("ArrowDown");
  await p.keyboard.press("ArrowDown");
  await p.waitForFunction(() => document.activeElement?.closest("[data-row]")?.getAttribute("data-row") === "1");
  await p.keyboard.press("End");
  await p.waitForFunction(() => document.activeElement?.closest("[data-row]")?.getAttribute("aria-posinset") === document.activeElement?.closest("[data-row]")?.getAttribute("aria-setsize"));
  await p.keyboard.press("Enter");
  await p.waitForFunction(() => location.hash.includes("/chat/"));
});

test("contacts: filter, add, accept, rename, block, remove", async () => {
  const p = await s.open("?quiet#/contacts");
  await id(p, "requests").getByRole("button", { name: "Accept" }).click();
  await id(p, "requests").waitFor({ state: "detached" });
  assert.equal((await commands(p, "accept"))[0].jid, "marco@birds.example");
  await id(p, "add-contact").click();
  await id(p, "add-jid").fill("nina");
  await id(p, "add-name").fill("Nina");
  await id(p, "add-submit").click();
  await id(p, "side-search").fill("nina");
  await id(p, "contact-row").filter({ hasText: "Nina" }).click();
  await id(p, "chat-who").click();
  await id(p, "info-panel").getByRole("button", { name: "Name and groups" }).click();
  await p.getByLabel("What you call them").fill("Nina K");
  await p.getByRole("dialog").getByLabel("Groups").fill("Birds，Friends");
  await p.getByRole("button", { name: "Save" }).click();
  await id(p, "info-panel").getByRole("heading", { name: "Nina K" }).waitFor();
  assert.deepEqual((await commands(p, "rename")).at(-1).groups, ["Birds", "Friends"]);
  await id(p, "info-panel").getByRole("button", { name: "Block" }).click();
  await p.getByText("You blocked Nina K.").waitFor();
  await id(p, "info-panel").getByRole("button", { name: "Remove from contacts" }).click();
  await p.getByRole("dialog").getByRole("button", { name: "Remove from contacts" }).click();
  await p.waitForFunction(() => location.hash === "#/contacts");
});

test("who comes online pops up once, quietly after sign-in and on flaps", async () => {
  const p = await s.open("?quiet#/");
  const come = () => p.evaluate((j) => globalThis.mock.emit({ event: "presence", from: `${j}/x`, available: true, show: "" }), MEI);
  const go = () => p.evaluate((j) => { const m = globalThis.mock; for (const r of ["x", "phone"]) m.emit({ event: "presence", from: `${j}/${r}`, available: false }); }, MEI);
  await p.clock.install();
  await go();
  await p.clock.runFor(70_000);
  await come();
  await id(p, "toasts").getByText("陈美玲 is online").waitFor();
  await p.clock.runFor(10_000);
  assert.equal(await id(p, "toasts").getByText("is online").count(), 0);
  await go();
  await p.clock.runFor(20_000);
  await come(); // back after twenty seconds
  await p.clock.runFor(1_000);
  assert.equal(await id(p, "toasts").getByText("is online").count(), 0);
});

test("the path badge explains", async () => {
  const p = await s.open(chat(AISHA));
  assert.equal(await id(p, "path-badge").getAttribute("data-path"), "relay");
  await id(p, "path-badge").click();
  await id(p, "path-panel").getByText("Symmetric NAT").waitFor();
  await id(p, "path-panel").getByText("You could switch on UPnP").waitFor();
  await p.evaluate((j) => globalThis.mock.emit({ event: "link", peer: `${j}/phone`, state: "up", path: "direct", rtt_ms: 12.4 }), AISHA);
  await p.locator('[data-testid="path-badge"][data-path="direct"]').getByText("direct 12 ms").waitFor();
  await p.evaluate((j) => globalThis.mock.emit({ event: "link", peer: `${j}/phone`, state: "down" }), AISHA);
  await p.locator('[data-testid="path-badge"][data-path="server"]').waitFor();
});

test("files: chosen with a caption, pasted, dropped; progress, speed, and done", async () => {
  const p = await s.open(chat(MEI));
  await id(p, "attach").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await p.getByLabel("Caption").fill("as promised");
  await id(p, "send-files").click();
  await p.locator('[data-testid="file"][data-state="complete"]').filter({ hasText: "notes.txt" }).waitFor();
  await id(p, "message").last().getByText("as promised").waitFor();
  for (const kind of ["paste", "drop"]) {
    await p.evaluate((k) => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], `${k}.txt`, { type: "text/plain" }));
      const at = document.querySelector(k === "paste" ? "[data-testid=composer]" : "[data-testid=conversation]");
      at.dispatchEvent(k === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }, kind);
    await id(p, "send-dialog").getByText(`${kind}.txt`).waitFor();
    await p.keyboard.press("Escape");
    await id(p, "send-dialog").waitFor({ state: "detached" });
  }
  await p.locator(`[data-testid="chat-row"][data-jid="${TOM}"]`).click();
  await id(p, "file").getByText(/of 4\.2 GB · direct 12\.4 MB\/s · .* left/).waitFor();
  await id(p, "file").getByRole("button", { name: "Cancel" }).click();
  await p.locator('[data-testid="file"][data-state="cancelled"]').waitFor();
});

test("a failed message says why and goes again under another id", async () => {
  const p = await s.open(chat("priya@godwit.example"));
  await id(p, "message").getByText("Send again").click();
  await p.locator('[data-testid="message"][data-state="delivered"]').waitFor();
  assert.equal((await commands(p, "send"))[0].body, "I could not reach you");
});

test("offline: it is said, what is written waits with a clock", async () => {
  const p = await s.open(chat(MEI, "quiet&offline"));
  await id(p, "offline").getByText(/Next attempt in/).waitFor();
  await id(p, "composer").fill("later");
  await p.keyboard.press("Enter");
  await id(p, "message").last().locator('[data-state="queued"]').waitFor();
});

test("language and theme switch while it runs and stay", async () => {
  const p = await s.open("?quiet#/settings/look");
  await p.getByText("中文", { exact: true }).click();
  await p.getByRole("heading", { name: "外观与语言" }).waitFor();
  assert.equal(await p.evaluate(() => document.documentElement.lang), "zh-CN");
  await p.getByText("深色").click();
  const dark = await p.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await p.reload();
  await p.getByRole("heading", { name: "外观与语言" }).waitFor();
  assert.equal(await p.evaluate(() => getComputedStyle(document.body).backgroundColor), dark);
});

test("a telephone: one column, Back returns to the list", async () => {
  const p = await s.open("?quiet#/", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await p.locator(`[data-testid="chat-row"][data-jid="${MEI}"]`).tap();
  await id(p, "conversation").waitFor();
  assert.equal(await id(p, "sidebar").isVisible(), false);
  await p.goBack();
  await id(p, "chat-list").waitFor();
  assert.equal(await id(p, "conversation").count(), 0);
  for (const path of ["?quiet#/", "?quiet#/contacts", chat(MEI), `${chat(AISHA)}/path`, "?quiet#/settings/privacy"]) {
    await p.goto(`${s.url}/${path}`);
    await p.waitForTimeout(150);
    assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than the screen`);
  }
});

test("devices can be signed out, oneself too", async () => {
  const p = await s.open("?quiet#/settings/devices");
  await id(p, "device").filter({ hasText: "Conversations" }).getByRole("button", { name: "Sign out" }).click();
  await p.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await p.getByText("The device was signed out.").waitFor();
  assert.equal((await commands(p, "signout"))[0].id, "3");
  await p.evaluate(() => (location.hash = "#/settings/account"));
  await id(p, "signout").click();
  await id(p, "signout-confirm").click();
  await id(p, "signin").waitFor();
});

test("nobody complained", () => assert.deepEqual(s.complaints, []));
