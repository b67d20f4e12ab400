// What the scripted core knows: contacts, conversations and settings, small or very big.

import type { Chat, Item, Link, Message } from "../src/contract.ts";
import { crowd, HOSTILE, LINES, PEOPLE, random, type Person } from "./people.ts";

export const ME = "lin@godwit.example";

export interface World {
  people: Person[];
  roster: Item[];
  chats: Map<string, Chat>;
  /** Conversations that were written out. Others are made when they are asked for. */
  logs: Map<string, Message[]>;
  links: Link[];
  requests: { jid: string; status: string }[];
}

export type Kind = "small" | "scale" | "hostile" | "empty";

const NOW = Date.now();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function item(p: Person): Item {
  return { jid: p.jid, name: p.name, subscription: "both", groups: p.groups };
}

let counter = 0;

function said(chat: string, own: boolean, ago: number, body: string, more: Partial<Message> = {}): Message {
  const id = `m${++counter}`;
  return { chat, from: own ? ME : `${chat}/phone`, to: own ? chat : ME, own, id, body, time: new Date(NOW - ago).toISOString(), state: own ? "read" : "received", path: "direct", cursor: id, history: true, ...more };
}

function chatOf(log: Message[], more: Partial<Chat> = {}): Chat {
  const last = log.at(-1);
  return { chat: last?.chat ?? "", unread: 0, ...(last ? { last, time: last.time } : {}), ...more };
}

/** A picture drawn here, so that nothing is fetched. */
function picture(): string {
  const svg = document.createElement("canvas");
  svg.width = 640;
  svg.height = 420;
  const g = svg.getContext("2d");
  if (!g) return "";
  const sky = g.createLinearGradient(0, 0, 0, 420);
  sky.addColorStop(0, "#f7c59f");
  sky.addColorStop(0.55, "#f2d9c0");
  sky.addColorStop(1, "#5b8e8c");
  g.fillStyle = sky;
  g.fillRect(0, 0, 640, 420);
  g.fillStyle = "#d9633a";
  g.beginPath();
  g.arc(450, 190, 52, 0, 7);
  g.fill();
  g.fillStyle = "#2f6a69";
  g.fillRect(0, 265, 640, 155);
  g.fillStyle = "#3f7d7b";
  for (let i = 0; i < 26; i++) g.fillRect((i * 97) % 640, 280 + ((i * 37) % 130), 70, 3);
  g.strokeStyle = "#1d3534";
  g.lineWidth = 4;
  for (const [x, y, s] of [[150, 120, 1], [210, 90, 0.7], [255, 140, 0.6], [320, 80, 0.5]] as const) {
    g.beginPath();
    g.moveTo(x - 34 * s, y - 10 * s);
    g.quadraticCurveTo(x - 14 * s, y - 22 * s, x, y);
    g.quadraticCurveTo(x + 14 * s, y - 22 * s, x + 34 * s, y - 10 * s);
    g.stroke();
  }
  return svg.toDataURL("image/png");
}

export async function makeWorld(kind: Kind): Promise<World> {
  if (kind === "scale") return scale();
  if (kind === "hostile") return hostile();
  if (kind === "empty") return { people: [], roster: [], chats: new Map(), logs: new Map(), links: [], requests: [] };
  return small();
}

async function small(): Promise<World> {
  const mei = "mei@godwit.example";
  const tom = "tom@godwit.example";
  const aisha = "aisha@godwit.example";
  const fang = "wangfang@godwit.example";
  const blob = await (await fetch(picture())).blob();
  const photo = URL.createObjectURL(blob);
  const ask = said(mei, false, DAY + 3 * HOUR, "Does the new build really connect the two offices *without* the relay?");
  const logs = new Map<string, Message[]>([
    [
      mei,
      [
        said(mei, false, 2 * DAY + 5 * HOUR, "你好！上次说的直连测试，什么时候可以开始？"),
        said(mei, true, 2 * DAY + 5 * HOUR - 2 * MINUTE, "今天下午就可以。我这边已经装好了。"),
        ask,
        said(mei, true, DAY + 3 * HOUR - 4 * MINUTE, "Yes. Both sides are behind port restricted NATs, and the hole was punched in under a second:\n```\npath   direct\nrtt    12 ms\nlocal  192.0.2.14:40012\n```", { reply: { id: ask.id, from: mei, body: ask.body } }),
        said(mei, false, DAY + 3 * HOUR - 6 * MINUTE, "太好了 🎉"),
        said(mei, false, DAY + 3 * HOUR - 7 * MINUTE, "The notes are at https://godwit.example/notes/nat and the old ones at http://wiki.example/nat?page=2"),
        said(mei, true, 3 * HOUR, "今早退潮的时候拍的", { file: { sid: "f1", name: "tide-flat.png", size: blob.size, type: "image/png", url: photo, state: "complete" } }),
        said(mei, false, 2.9 * HOUR, "好漂亮！是斑尾塍鹬吗？"),
        said(mei, true, 2.8 * HOUR, "对，从阿拉斯加一直飞到这里，中途不停。", { edited: new Date(NOW - 2.7 * HOUR).toISOString() }),
        said(mei, false, 22 * MINUTE, "> 从阿拉斯加一直飞到这里\n_Eleven thousand kilometres_, remarkable. 你下午有空吗？我想把接口文档再过一遍。"),
        said(mei, true, 20 * MINUTE, "有空，三点以后都行。"),
        said(mei, true, 19 * MINUTE, "I will bring the figures", { state: "delivered" }),
        said(mei, false, 4 * MINUTE, "🙏"),
        said(mei, false, 3 * MINUTE, "三点见！"),
      ],
    ],
    [
      tom,
      [
        said(tom, false, 5 * HOUR, "Morning! The NAS export is 4.2 GB, too big for mail."),
        said(tom, true, 4.9 * HOUR, "Just drop it here, it goes from machine to machine."),
        said(tom, false, 9 * MINUTE, "", { file: { sid: "f2", name: "export-2026-11.tar.zst", size: 4_213_000_000, type: "application/zstd", state: "active" } }),
        said(tom, true, 6 * MINUTE, "Coming in at full speed.", { state: "read" }),
        said(tom, true, 1 * MINUTE, "Sending the report back", { state: "sent", path: "server" }),
        said(tom, true, 30_000, "and this one waits for the network", { state: "queued", path: "" }),
      ],
    ],
    [aisha, [said(aisha, true, DAY + 8 * HOUR, "Is the tide table for December out?"), said(aisha, false, DAY + 7 * HOUR, "Sent you the new tide table"), said(aisha, false, 40 * MINUTE, "Low tide is at 15:10 on Saturday, bring boots"), said(aisha, false, 39 * MINUTE, "and a thermos ☕")]],
    [fang, [said(fang, false, 3 * HOUR, "晚上回来吃饭吗？"), said(fang, true, 2.9 * HOUR, "回，七点到家"), said(fang, false, 55 * MINUTE, "好，做了你爱吃的红烧鱼")]],
    ["zhangwei@godwit.example", [said("zhangwei@godwit.example", true, 6 * HOUR, "周报发你了", { state: "delivered" })]],
    ["sofia@birds.example", [said("sofia@birds.example", false, 2 * DAY, "214 godwits this morning, a record for November!")]],
    ["deploy@godwit.example", [said("deploy@godwit.example", false, 26 * HOUR, "Build 1482 passed in 4 min 12 s")]],
    ["linna@godwit.example", [said("linna@godwit.example", true, 3 * DAY, "书我看完了，下次带给你"), said("linna@godwit.example", false, 3 * DAY - HOUR, "", { retracted: true })]],
    ["noah@godwit.example", [said("noah@godwit.example", true, 9 * DAY, "Happy birthday!! 🎂")]],
    ["priya@godwit.example", [said("priya@godwit.example", true, 12 * DAY, "I could not reach you", { state: "failed", error: "service-unavailable" })]],
  ]);
  const chats = new Map<string, Chat>();
  for (const [jid, log] of logs) chats.set(jid, chatOf(log));
  const unread = (jid: string, n: number): void => {
    const log = logs.get(jid) ?? [];
    chats.set(jid, { ...(chats.get(jid) as Chat), unread: n, first_unread: log[log.length - n]?.id ?? "" });
  };
  unread(aisha, 2);
  unread(fang, 1);
  unread("deploy@godwit.example", 1);
  chats.set("deploy@godwit.example", { ...(chats.get("deploy@godwit.example") as Chat), muted: true });
  chats.set("zhangwei@godwit.example", { ...(chats.get("zhangwei@godwit.example") as Chat), draft: "还有一个问题想问你：" });
  return {
    people: PEOPLE,
    roster: [...PEOPLE.map(item), { jid: "kenji@elsewhere.example", name: "Kenji", subscription: "none", ask: true, groups: ["Friends"] }],
    chats,
    logs,
    requests: [{ jid: "marco@birds.example", status: "Hi, we met at the wader count" }],
    links: [
      { peer: `${mei}/phone`, state: "up", path: "direct", local: "192.0.2.14:40012", remote: "198.51.100.7:51820", rtt_ms: 12.3, trusted: true, why: "direct", words: "The two devices talk directly.", nat: { self: { class: "port-restricted-cone" }, peer: { class: "full-cone" } } },
      { peer: `${tom}/desk`, state: "up", path: "direct", local: "192.0.2.14:40012", remote: "192.0.2.33:40100", rtt_ms: 0.7, trusted: true, why: "direct", words: "The two devices talk directly.", nat: { self: { class: "port-restricted-cone" }, peer: { class: "open" } } },
      {
        peer: `${aisha}/phone`, state: "up", path: "relay", local: "192.0.2.14:40012", remote: "203.0.113.9:50112", rtt_ms: 41, trusted: true, relay: "203.0.113.9:3478", relay_protocol: "udp", why: "port-to-guess",
        words: "One NAT shows everybody another port, and the other lets in only the very port it has sent to, which has to be guessed.",
        help: [{ who: "self", what: "map-port", words: "You could switch on UPnP, NAT-PMP or PCP in the router." }],
        failure: "failed-transport", next_ms: 15000, nat: { self: { class: "port-restricted-cone" }, peer: { class: "symmetric" } },
      },
    ],
  };
}

/** 10,000 contacts, 2,000 chats, and one chat of 100,000 messages. */
function scale(): World {
  const people = crowd(10_000);
  const chats = new Map<string, Chat>();
  const r = random(3);
  for (let i = 0; i < 2_000; i++) {
    const jid = people[i]?.jid ?? "";
    const at = i === 0 ? 0 : Math.floor(r() * 300 * DAY);
    const m = said(jid, r() < 0.4, at, LINES[Math.floor(r() * LINES.length)] ?? "");
    const unread = r() < 0.1 && !m.own ? 1 + Math.floor(r() * 9) : 0;
    chats.set(jid, { chat: jid, unread, muted: r() < 0.1, last: m, time: m.time });
  }
  const big = people[0]?.jid ?? "";
  const log: Message[] = Array.from({ length: 100_000 }, (_, i) => said(big, r() < 0.5, (100_000 - i) * 3 * MINUTE, `${LINES[Math.floor(r() * LINES.length)] ?? ""} #${i}`));
  chats.set(big, chatOf(log));
  return { people, roster: people.map(item), chats, logs: new Map([[big, log]]), links: [], requests: [] };
}

function hostile(): World {
  const people: Person[] = HOSTILE.names.map((name, i) => ({ jid: `h${i}@godwit.example`, name, groups: [name.slice(0, 300)], show: "", status: name, client: name.slice(0, 500) }));
  const first = people[0]?.jid ?? "";
  const log = HOSTILE.messages.map((body, i) => said(first, i % 4 === 3, (HOSTILE.messages.length - i) * MINUTE, body, i === 2 ? { reply: { id: "nope\"]", from: first, body: HOSTILE.messages[0] ?? "" } } : i === 5 ? { file: { sid: "x", name: `<img src=x onerror=1>\u202Egpj.exe`, size: 5, type: "image/svg+xml", url: "https://evil.example/pixel.svg", state: "complete" } } : {}));
  return {
    people,
    roster: people.map(item),
    chats: new Map(people.map((p, i) => [p.jid, i === 0 ? chatOf(log) : chatOf([said(p.jid, false, i * HOUR, HOSTILE.messages[i] ?? "")])])),
    logs: new Map([[first, log]]),
    requests: [{ jid: `evil"><i>@godwit.example`, status: HOSTILE.names[0] ?? "" }],
    links: [{ peer: `${first}/<b>`, state: "up", path: "relay", rtt_ms: 1, words: HOSTILE.names[0] ?? "", why: "<script>", failure: "<img onerror=1>" }],
  };
}
