import assert from "node:assert/strict";
import { test } from "node:test";
import { linkify, ownAddress, vet } from "../src/lib/links.ts";

test("what may be followed and what may not", () => {
  const yes = ["https://example.org/a?b=c#d", "http://localhost:8080/", "mailto:bob@example.org", "xmpp:bob@example.org?message", "www.example.org/x", "https://münchen.example/"];
  const no = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "blob:https://x/1", "https://", "mailto:nobody", "xmpp:", "intent://x", "https://" + "a".repeat(3000) + ".example"];
  for (const s of yes) assert.ok(vet(s), s);
  for (const s of no) assert.equal(vet(s), undefined, s);
});

test("links that lie are marked", () => {
  assert.equal(vet("https://bank.example@evil.example/")?.warn, "user");
  const fake = vet("https://аррӏе.example/");
  assert.equal(fake?.warn, "lookalike");
  assert.ok(fake?.text.includes("xn--"), "the address on the wire is shown");
  assert.equal(vet("https://exаmple.org/")?.warn, "lookalike", "one Cyrillic letter among Latin ones");
  assert.equal(vet("https://例え.example/")?.warn, undefined);
});

test("links in text end where the sentence does", () => {
  const hrefs = (s: string): string[] => linkify(s).flatMap((p) => (typeof p === "string" ? [] : [p.href]));
  assert.deepEqual(hrefs("see https://a.example/x."), ["https://a.example/x"]);
  assert.deepEqual(hrefs("(https://a.example/x_(y))"), ["https://a.example/x_(y)"]);
  assert.deepEqual(hrefs("看https://a.example/路径，然后"), ["https://a.example/%E8%B7%AF%E5%BE%84"]);
  assert.deepEqual(hrefs("javascript:alert(1) data:x"), []);
  for (const s of ["see https://a.example/x.", "no link", "", "https://a.example https://b.example"]) assert.equal(linkify(s).map((p) => (typeof p === "string" ? p : p.text)).join(""), s);
});

test("the page itself fetches from its own origin only", () => {
  const o = "https://chat.example:5443";
  assert.ok(ownAddress("https://chat.example:5443/upload/x", o));
  assert.ok(ownAddress("/upload/x", o));
  assert.ok(ownAddress("blob:https://chat.example:5443/1-2", o));
  assert.ok(!ownAddress("https://evil.example/x.png", o));
  assert.ok(!ownAddress("https://chat.example/x", o));
  assert.ok(!ownAddress("data:image/svg+xml,x", o));
  assert.ok(!ownAddress("blob:https://evil.example/1", o));
});
