// When the page pops something up. Pure: what is known goes in, the decision comes out.

import type { Show } from "../contract.ts";

export type OnlineMode = "off" | "favourites" | "all";

/** What decides about a "… is online" pop-up. Times in milliseconds of one clock. */
export interface OnlineFacts {
  now: number;
  /** When this client last came online; 0 = it is not. */
  ownOnline: number;
  /** When the contact's last device went away; 0 = not seen going in this run. */
  wentAway: number;
  /** The last pop-up about this contact; 0 = none. */
  lastShown: number;
  mode: OnlineMode;
  /** "notify when online" is on for this contact. */
  favourite: boolean;
  ownShow: Show;
  leader: boolean;
  permitted: boolean;
  /** The page has the focus and the contact's chat is open. */
  watching: boolean;
}

/** After one's own sign-in everybody seems to come online. */
export const QUIET_MS = 10_000;
/** Somebody who comes back within a minute was not away. */
export const FLAP_MS = 60_000;

export function notifyOnline(f: OnlineFacts): boolean {
  if (!f.leader || !f.permitted || f.mode === "off" || f.ownShow === "dnd" || f.watching) return false;
  if (f.mode === "favourites" && !f.favourite) return false;
  if (f.ownOnline === 0 || f.now - f.ownOnline < QUIET_MS) return false;
  if (f.wentAway !== 0 && f.now - f.wentAway < FLAP_MS) return false;
  return f.lastShown === 0 || f.now - f.lastShown >= FLAP_MS;
}

/** What decides about the notification of a message. */
export interface MessageFacts {
  enabled: boolean;
  permitted: boolean;
  leader: boolean;
  own: boolean;
  history: boolean;
  muted: boolean;
  ownShow: Show;
  /** Some tab of this client has the focus and shows this chat. */
  watching: boolean;
  /** It was read on another device before it got here. */
  read: boolean;
}

export function notifyMessage(f: MessageFacts): boolean {
  return f.enabled && f.permitted && f.leader && !f.own && !f.history && !f.muted && f.ownShow !== "dnd" && !f.watching && !f.read;
}
