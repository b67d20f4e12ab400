// The JSON contract of the core: commands in, events out (docs/headless.md). This file names the parts of it that the
// face uses; fields that are absent are empty, zero or false.

export type State = "queued" | "sent" | "delivered" | "read" | "failed" | "received";
export type Path = "direct" | "relay" | "server" | "";
export type Show = "" | "chat" | "away" | "xa" | "dnd";

export interface Reply {
  id: string;
  from?: string;
  body?: string;
}

export type FileState = "offered" | "active" | "paused" | "complete" | "failed" | "cancelled";

export interface FileInfo {
  sid: string;
  name: string;
  size: number;
  type?: string;
  url?: string;
  sha256?: string;
  state?: FileState;
}

/** A message, in events `message` and `changed` and inside chats and search results. */
export interface Message {
  from: string;
  to: string;
  id: string;
  body: string;
  chat: string;
  time: string; // RFC 3339
  own?: boolean;
  state?: State;
  path?: Path;
  late?: boolean;
  history?: boolean;
  cursor?: string;
  reply?: Reply;
  edited?: string;
  retracted?: boolean;
  error?: string;
  file?: FileInfo;
}

export interface Chat {
  chat: string;
  name?: string;
  unread?: number;
  mentions?: number;
  muted?: boolean;
  last?: Message;
  draft?: string;
  time?: string;
  first_unread?: string;
}

export interface Item {
  jid: string;
  name?: string;
  subscription?: "none" | "to" | "from" | "both" | "remove";
  ask?: boolean;
  groups?: string[];
}

export interface Reach {
  class?: string;
  mapping?: string;
  filtering?: string;
  port_preserved?: boolean;
  carrier?: boolean;
  ipv4?: string;
  ipv6?: string;
  mapped?: string;
  client?: string;
  addresses?: string[];
}

export interface Link {
  peer: string;
  state: "connecting" | "up" | "down" | "none";
  path?: Path;
  local?: string;
  remote?: string;
  rtt_ms?: number;
  trusted?: boolean;
  reason?: string;
  relay?: string;
  relay_protocol?: string;
  nat?: { self?: Reach; peer?: Reach };
  why?: string;
  words?: string;
  help?: { who: string; what: string; words: string }[];
  failure?: string;
  next_ms?: number;
}

export interface Device {
  id: string;
  name?: string;
  client?: string;
  last_seen?: string;
  address?: string;
  current?: boolean;
  online?: boolean;
  how?: string;
}

export interface Setting {
  name: string;
  value: string;
  with?: string;
}

export interface FileEvent {
  sid: string;
  id?: string;
  chat: string;
  direction?: "in" | "out";
  name: string;
  size: number;
  type?: string;
  done?: number;
  speed?: number; // bytes per second
  eta_ms?: number;
  state: FileState;
  path?: Path;
  url?: string;
  sha256?: string;
  error?: string;
}

export type ChatState = "active" | "composing" | "paused" | "inactive" | "gone";

interface Tagged {
  tag?: string;
}

/** What the core says. */
export type CoreEvent = Tagged &
  (
    | { event: "session"; state: "none" | "signing-in" | "open"; account?: string }
    | { event: "role"; role: Role }
    | { event: "online"; jid: string; address?: string; server?: string; transport?: string; tls?: string; mechanism?: string; resumed?: boolean }
    | { event: "offline"; message?: string; retry_ms?: number; final?: boolean; code?: string }
    | { event: "roster"; items: Item[] }
    | ({ event: "contact" } & Item)
    | { event: "presence"; from: string; available?: boolean; show?: Show; status?: string; client?: string; direct?: boolean; reach?: Reach }
    | { event: "subscription"; from: string; status?: string }
    | { event: "sent" | "delivered"; id: string; to: string; path?: Path }
    | { event: "read"; with: string; id: string; by: "self" | "peer"; time?: string }
    | ({ event: "message" } & Message)
    | ({ event: "changed" } & Message)
    | { event: "typing"; from: string; chat: string; state: ChatState }
    | { event: "chats"; items: Chat[] }
    | ({ event: "chat" } & Chat)
    | { event: "found"; items: Message[] }
    | ({ event: "link" } & Link)
    | ({ event: "setting" } & Setting)
    | { event: "settings"; items: Setting[] }
    | { event: "devices"; items: Device[] }
    | { event: "blocked"; items: string[] }
    | { event: "invite"; uri: string; url?: string; expires?: string }
    | ({ event: "file" } & FileEvent)
    | { event: "error"; cmd?: string; id?: string; message: string; code?: string }
    | { event: "done"; cmd?: string; more_before?: boolean; more_after?: boolean; more?: boolean }
  );

/** What the core is asked. */
export type Command =
  | { cmd: "signin"; account: string; password: string }
  | { cmd: "register"; token: string; account: string; password: string }
  | { cmd: "signoutself" }
  | { cmd: "send"; to: string; body: string; id: string; reply_to?: string; replace?: string; route?: string }
  | { cmd: "retract"; to: string; id: string }
  | { cmd: "typing"; to: string; state: ChatState }
  | { cmd: "read"; with: string; id: string }
  | { cmd: "chats"; max?: number }
  | { cmd: "roster" }
  | { cmd: "history"; with: string; max: number; before?: string; after?: string; around?: string }
  | { cmd: "search"; text: string; with?: string; max: number; before?: string }
  | { cmd: "subscribe" | "accept" | "unsubscribe" | "decline" | "block" | "unblock"; jid: string }
  | { cmd: "rename"; jid: string; name: string; groups?: string[] }
  | { cmd: "blocked" }
  | { cmd: "set"; name: string; value: string; with?: string }
  | { cmd: "settings"; with?: string }
  | { cmd: "devices" }
  | { cmd: "signout"; id: string }
  | { cmd: "password"; new: string }
  | { cmd: "invite"; kind: "contact" | "account" }
  | { cmd: "sendfile"; to: string; file: Blob; name: string; type: string; caption?: string; id: string }
  | { cmd: "acceptfile" | "cancelfile" | "retryfile"; sid: string }
  | { cmd: "presence"; show: Show; status?: string }
  | { cmd: "links"; with?: string; lang?: string }
  | { cmd: "network" };

/** Which tab this is: the leader owns the connection and the notifications. */
export type Role = "leader" | "follower";
