import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../src/contract.ts";
import { EMOJI, CATEGORIES, findEmoji } from "../src/lib/emoji.ts";
import { insert, layOut } from "../src/lib/group.ts";
import { complete, plausible } from "../src/lib/jid.ts";
import { best, byName, byRecency, match } from "../src/lib/order.ts";
import { bytes, clock } from "../src/lib/size.ts";
import { body, clip, initials, line, onlyEmoji } from "../src/lib/text.ts";
import { short } from "../src/lib/time.ts";

test("names are made safe to look at", () => {
  assert.equal(line("\u202Egpj.exe"), "gpj.exe");
  assert.equal(line("A\u200B\u200B\u2060B"), "AB");
  assert.equal(line("  two\n words "), "two words");
  assert.ok(line("W".repeat(10_000)).length <= 256);
  assert.ok(line("Z" + "\u0301".repeat(100)).length <= 6);
  assert.equal(line("👨‍👩‍👧 family"), "👨‍👩‍👧 family");
  assert.equal(body("a\u202Eb\r\nc\u0000"), "ab\nc\uFFFD");
  assert.equal(clip("ab😀cd", 4), "ab…");
});

test("avatars", () => {
  assert.equal(initials("Tom Becker"), "TB");
  assert.equal(initials("陈美玲"), "玲");
  assert.equal(initials(""), "?");
  assert.equal(initials("\u202E\u200B"), "?");
  assert.equal(initials("deploy"), "D");
});

test("big emoji", () => {
  assert.equal(onlyEmoji("👍"), 1);
  assert.equal(onlyEmoji("👨‍👩‍👧 ❤️"), 2);
  assert.equal(onlyEmoji("1"), 0);
  assert.equal(onlyEmoji("#*"), 0);
  assert.equal(onlyEmoji("👍 ok"), 0);
  assert.equal(onlyEmoji("👍👍👍👍"), 0);
});

test("emoji are single, and found in both languages", () => {
  const all = CATEGORIES.flatMap((c) => EMOJI[c]);
  assert.equal(new Set(all.map((e) => e.char)).size, all.length, "none twice");
  assert.ok(findEmoji("谢谢").some((e) => e.char === "🙏"));
  assert.ok(findEmoji("rocket").some((e) => e.char === "🚀"));
});

test("order: pinyin among letters, the most present device, newest chat first", () => {
  assert.deepEqual(["张伟", "Bob", "安娜", "李娜", "alice", "9 lives", "★"].sort(byName()), ["安娜", "李娜", "张伟", "alice", "Bob", "9 lives", "★"].sort(byName()));
  const sorted = ["张伟", "安娜", "李娜", "陈美玲"].sort(byName());
  assert.deepEqual(sorted, ["安娜", "陈美玲", "李娜", "张伟"]);
  assert.deepEqual(["★", "Bob", "7"].sort(byName()), ["Bob", "7", "★"]);
  assert.equal(best([{ show: "away" }, { show: "" }]), "online");
  assert.equal(best([]), "offline");
  assert.ok(byRecency({ chat: "a", time: "2026-01-02" }, { chat: "b", time: "2026-01-01" }) < 0);
});

test("filters", () => {
  assert.equal(match("tom", "Tom Becker", "t@x"), 0);
  assert.equal(match("beck", "Tom Becker", "t@x"), 1);
  assert.equal(match("美", "陈美玲", "mei@x"), 2);
  assert.equal(match("mei", "陈美玲", "mei@x"), 3);
  assert.equal(match("tb", "Tom Becker", "x@x"), 5);
  assert.equal(match("zz", "Tom Becker", "x@y"), -1);
});

const msg = (id: string, time: string, own = false): Message => ({ id, time, own, from: own ? "me@x" : "bob@x", to: "", chat: "bob@x", body: id });

test("runs, days and the unread mark", () => {
  const at = (min: number): string => new Date(Date.UTC(2026, 0, 5, 12, min)).toISOString();
  const places = layOut([msg("1", at(0)), msg("2", at(1)), msg("3", at(2), true), msg("4", at(30), true), msg("5", at(31), true)], "4");
  assert.deepEqual(places.map((p) => [p.day, p.first, p.last, p.unread]), [
    [true, true, false, false],
    [false, false, true, false],
    [false, true, true, false],
    [false, true, false, true],
    [false, false, true, false],
  ]);
});

test("messages are kept in the order of their times, and once", () => {
  let list: Message[] = [];
  for (const m of [msg("a", "2026-01-01T00:00:01Z"), msg("c", "2026-01-01T00:00:03Z"), msg("b", "2026-01-01T00:00:02Z"), { ...msg("c", "2026-01-01T00:00:03Z"), body: "again" }]) list = insert(list, m);
  assert.deepEqual(list.map((m) => m.id), ["a", "b", "c"]);
  assert.equal(list[2]?.body, "again");
});

test("addresses", () => {
  assert.equal(complete("bob", "x.example"), "bob@x.example");
  assert.equal(complete(" xmpp:bob@y.example?message ", "x.example"), "bob@y.example");
  assert.ok(plausible("bob@x.example") && !plausible("bob") && !plausible("b b@x") && !plausible("<b>@x"));
});

test("sizes and times", () => {
  assert.equal(bytes(12_400_000, "en"), "12.4 MB");
  assert.equal(bytes(999_600, "en"), "1 MB");
  assert.equal(bytes(512, "en"), "512 B");
  assert.equal(clock(187_000), "3:07");
  const now = new Date(2026, 10, 25, 12);
  assert.equal(short(new Date(2026, 10, 25, 9, 5).toISOString(), "en", now), "09:05");
  assert.equal(short(new Date(2026, 10, 24, 23).toISOString(), "zh-CN", now), "昨天");
});
