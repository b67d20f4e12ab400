// The people and words of the scripted core. Made up, and the same every time.

/** A small generator with a seed, so that every run looks the same. */
export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Person {
  jid: string;
  name: string;
  groups: string[];
  show: "" | "away" | "xa" | "dnd" | "chat" | "offline";
  status: string;
  client: string;
}

export const PEOPLE: Person[] = [
  { jid: "mei@godwit.example", name: "陈美玲", groups: ["团队"], show: "", status: "在写接口文档", client: "Godwit 0.3 (Web)" },
  { jid: "tom@godwit.example", name: "Tom Becker", groups: ["团队"], show: "", status: "", client: "Godwit 0.3" },
  { jid: "zhangwei@godwit.example", name: "张伟", groups: ["团队"], show: "dnd", status: "开会到 15:30", client: "Godwit 0.3 (Web)" },
  { jid: "aisha@godwit.example", name: "Aisha Rahman", groups: ["Friends"], show: "", status: "Tea and tests", client: "Conversations" },
  { jid: "linna@godwit.example", name: "李娜", groups: ["Friends"], show: "away", status: "", client: "Godwit 0.3 (Web)" },
  { jid: "noah@godwit.example", name: "Noah Lindqvist", groups: ["Friends"], show: "offline", status: "", client: "" },
  { jid: "wangfang@godwit.example", name: "王芳", groups: ["家人"], show: "", status: "", client: "Godwit 0.3 (Web)" },
  { jid: "dad@godwit.example", name: "爸爸", groups: ["家人"], show: "xa", status: "", client: "Godwit 0.3" },
  { jid: "sofia@birds.example", name: "Sofía Marín", groups: ["Friends"], show: "chat", status: "Counting waders at low tide", client: "Dino" },
  { jid: "deploy@godwit.example", name: "Deploy bot", groups: [], show: "", status: "3 builds waiting", client: "godwit headless" },
  { jid: "liuyang@godwit.example", name: "刘洋", groups: ["团队"], show: "offline", status: "", client: "" },
  { jid: "priya@godwit.example", name: "Priya Nair", groups: ["团队"], show: "away", status: "Back at 14:00", client: "Godwit 0.3" },
];

const FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗";
const GIVEN = ["伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "涛", "明", "超", "秀英", "霞", "平", "刚", "子涵", "欣怡", "浩然", "梓萱"];
const FIRST = ["Anna", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kira", "Luca", "Maya", "Nils", "Olga", "Pavel", "Rosa", "Sam", "Tara", "Umar", "Vera", "Will", "Yara", "Zoe"];
const LAST = ["Adams", "Brandt", "Castro", "Dubois", "Evans", "Fischer", "Garcia", "Haas", "Ivanov", "Jensen", "Kowalski", "Larsen", "Meyer", "Novak", "Okafor", "Petrov", "Rossi", "Silva", "Tanaka", "Weber"];

/** As many people as asked for, half of them with Chinese names. */
export function crowd(n: number): Person[] {
  const r = random(7);
  const pick = <T>(a: ArrayLike<T>): T => a[Math.floor(r() * a.length)] as T;
  const shows: Person["show"][] = ["", "", "", "away", "dnd", "xa", "offline", "offline", "offline", "offline"];
  const groups = ["团队", "Friends", "家人", "Customers", "供应商", "School", ""];
  return Array.from({ length: n }, (_, i) => {
    const name = r() < 0.5 ? pick(FAMILY) + pick(GIVEN) : `${pick(FIRST)} ${pick(LAST)}`;
    const g = pick(groups);
    return { jid: `user${i}@godwit.example`, name, groups: g ? [g] : [], show: pick(shows), status: r() < 0.2 ? "在路上" : "", client: "Godwit 0.3" };
  });
}

export const LINES = [
  "The build is green again.",
  "好的，我看一下。",
  "Can you send me the figures from yesterday?",
  "明天上午十点开会，别忘了。",
  "It went *direct* this time, about 12 ms.",
  "刚到公司，外面雨好大。",
  "I will be ten minutes late, sorry.",
  "文件收到了，谢谢！",
  "Lunch at the noodle place?",
  "周末一起去爬山吗？",
  "That explains it. Thanks for looking.",
  "这个方案我觉得可以，再改两处就行。",
  "👍",
  "Reading it now, will answer in the evening.",
];

/** Names and messages that try to do harm; the test of safety signs in as their victim. */
export const HOSTILE = {
  names: [
    `<img src=x onerror="window.hacked=1">`,
    `"><script>window.hacked=1</script>`,
    "\u202Egpj.exe\u202C Bob",
    "A\u200B".repeat(200) + "\u200B".repeat(2000),
    "Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307".repeat(60),
    "{{constructor.constructor('window.hacked=1')()}}",
    "W".repeat(10_000),
    "\u0000\u0007\u001b[31mred",
    "𝒜\uD83D",
    "\u2066\u2067\u2068",
  ],
  messages: [
    `<img src=x onerror="window.hacked=1"><svg onload="window.hacked=1">`,
    `javascript:window.hacked=1 and data:text/html,<script>window.hacked=1</script>`,
    `http://good.example@evil.example/ and https://аррӏе.example/ and mailto:javascript:alert(1)`,
    "x".repeat(10_000),
    "\u202E" + "reversed text that wants to leave its box".repeat(3),
    "e" + "\u0301".repeat(5000),
    "> ".repeat(200) + "deep",
    "*_~`".repeat(2000),
    "```\n" + "<b>pre</b>\n".repeat(500) + "```",
    "\u200B".repeat(5000),
    "https://" + "a".repeat(3000) + ".example/",
    "[click](javascript:window.hacked=1) <a href='javascript:window.hacked=1'>x</a>",
    "👩‍👩‍👧‍👦".repeat(500),
    "\u0000\u0001\u001b[2J",
  ],
};
