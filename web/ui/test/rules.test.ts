import assert from "node:assert/strict";
import { test } from "node:test";
import { keyAction, type KeyFacts } from "../src/lib/compose.ts";
import { FLAP_MS, notifyMessage, notifyOnline, QUIET_MS, type MessageFacts, type OnlineFacts } from "../src/lib/notify.ts";

const now = 1_000_000_000;
const online: OnlineFacts = { now, ownOnline: now - QUIET_MS - 1, wentAway: 0, lastShown: 0, mode: "all", favourite: false, ownShow: "", leader: true, permitted: true, watching: false };

test("who comes online", () => {
  const rows: [string, Partial<OnlineFacts>, boolean][] = [
    ["somebody comes", {}, true],
    ["within ten seconds of the own sign-in", { ownOnline: now - QUIET_MS + 1 }, false],
    ["while not online", { ownOnline: 0 }, false],
    ["do not disturb", { ownShow: "dnd" }, false],
    ["away is no reason to be quiet", { ownShow: "away" }, true],
    ["was gone for less than a minute", { wentAway: now - FLAP_MS + 1 }, false],
    ["was gone for longer", { wentAway: now - FLAP_MS }, true],
    ["shown less than a minute ago", { lastShown: now - FLAP_MS + 1 }, false],
    ["switched off", { mode: "off", favourite: true }, false],
    ["favourites only, and is none", { mode: "favourites" }, false],
    ["favourites only, and is one", { mode: "favourites", favourite: true }, true],
    ["another tab is the leader", { leader: false }, false],
    ["not permitted", { permitted: false }, false],
    ["the chat is open in front", { watching: true }, false],
  ];
  for (const [what, change, want] of rows) assert.equal(notifyOnline({ ...online, ...change }), want, what);
});

const message: MessageFacts = { enabled: true, permitted: true, leader: true, own: false, history: false, muted: false, ownShow: "", watching: false, read: false };

test("a message arrives", () => {
  assert.equal(notifyMessage(message), true);
  for (const [k, v] of [["enabled", false], ["permitted", false], ["leader", false], ["own", true], ["history", true], ["muted", true], ["ownShow", "dnd"], ["watching", true], ["read", true]] as const)
    assert.equal(notifyMessage({ ...message, [k]: v }), false, k);
});

const key: KeyFacts = { key: "Enter", shift: false, ctrl: false, alt: false, composing: false, justComposed: false, empty: false, atStart: false, enterSends: true };

test("what a key does in the composer", () => {
  const rows: [string, Partial<KeyFacts>, ReturnType<typeof keyAction>][] = [
    ["Enter", {}, "send"],
    ["Shift+Enter", { shift: true }, "none"],
    ["Ctrl+Enter", { ctrl: true }, "send"],
    ["Enter when Ctrl+Enter sends", { enterSends: false }, "none"],
    ["Ctrl+Enter when it sends", { enterSends: false, ctrl: true }, "send"],
    ["Enter within a composition", { composing: true }, "none"],
    ["Enter in the turn in which a composition ended", { justComposed: true }, "none"],
    ["Ctrl+Enter within a composition", { composing: true, ctrl: true }, "none"],
    ["Up in an empty composer", { key: "ArrowUp", empty: true }, "edit-last"],
    ["Up with text", { key: "ArrowUp" }, "none"],
    ["Up within a composition", { key: "ArrowUp", empty: true, composing: true }, "none"],
    ["Escape", { key: "Escape" }, "escape"],
    ["Escape within a composition", { key: "Escape", composing: true }, "none"],
    ["a letter", { key: "a" }, "none"],
  ];
  for (const [what, change, want] of rows) assert.equal(keyAction({ ...key, ...change }), want, what);
});
