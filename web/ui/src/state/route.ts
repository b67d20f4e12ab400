// Where in the face the reader is, in the address after the #, so that Back does what people expect on a telephone.
//
//   #/                  the chat list              #/contacts            the contact list
//   #/chat/JID          a conversation             #/chat/JID/info       who it is with
//   #/chat/JID/path     how it travels             #/settings[/SECTION]  settings
//   #/invite/TOKEN      signing up by invitation

import { signal } from "@preact/signals";

export type Route =
  | { page: "chats" }
  | { page: "contacts" }
  | { page: "chat"; jid: string; panel: "" | "info" | "path" }
  | { page: "settings"; section: string }
  | { page: "invite"; token: string };

export function parse(hash: string): Route {
  const parts = hash.replace(/^#\/?/, "").split("/");
  const at = (i: number): string => {
    try {
      return decodeURIComponent(parts[i] ?? "");
    } catch {
      return "";
    }
  };
  switch (parts[0]) {
    case "contacts":
      return { page: "contacts" };
    case "chat": {
      const jid = at(1);
      const panel = parts[2];
      return jid ? { page: "chat", jid, panel: panel === "info" || panel === "path" ? panel : "" } : { page: "chats" };
    }
    case "settings":
      return { page: "settings", section: at(1) };
    case "invite":
      return { page: "invite", token: at(1) };
    default:
      return { page: "chats" };
  }
}

export function hashOf(r: Route): string {
  switch (r.page) {
    case "chats":
      return "#/";
    case "contacts":
      return "#/contacts";
    case "chat":
      return `#/chat/${encodeURIComponent(r.jid)}${r.panel ? `/${r.panel}` : ""}`;
    case "settings":
      return r.section ? `#/settings/${encodeURIComponent(r.section)}` : "#/settings";
    case "invite":
      return `#/invite/${encodeURIComponent(r.token)}`;
  }
}

export const route = signal<Route>({ page: "chats" });
/** How many of our own entries lie behind the present one in the history of the tab. */
let depth = 0;

export function startRoute(): void {
  const read = (): void => {
    route.value = parse(location.hash);
    const state: unknown = history.state;
    depth = typeof state === "object" && state !== null && "depth" in state && typeof state.depth === "number" ? state.depth : 0;
  };
  read();
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
}

/** Goes somewhere. With replace, Back will not return to where we are. */
export function go(to: Route, replace = false): void {
  const hash = hashOf(to);
  if (hash === hashOf(route.value)) return;
  if (replace) history.replaceState({ depth }, "", hash);
  else history.pushState({ depth: ++depth }, "", hash);
  route.value = to;
}

/** One step back if the step before was ours, else to the place given. */
export function back(otherwise: Route): void {
  if (depth > 0) history.back();
  else go(otherwise, true);
}

/** The chat that is open, or "". */
export function openChat(): string {
  return route.value.page === "chat" ? route.value.jid : "";
}
