// The face between the page and the core in its Worker. src/core implements it with a Worker, mock/ with a script.
//
// Order of life: after connect() the core sends, on its own,
//   session   state "none" (show the sign-in), "signing-in", or "open" (an account is remembered: show it, even offline);
//   roster, chats, settings   what is remembered from before, at once and before the connection is up;
//   online / offline, presence, …   as in docs/headless.md.
// "signin" and "register" are done when the account is signed in, or fail with a code: "not-authorized" (address or
// password), "unreachable", "conflict" (the name is taken), "item-not-found" (the invitation is no longer valid).

import type { Command, CoreEvent, Role } from "./contract.ts";

export type { Role } from "./contract.ts";

/** The answer to a command: the events that carried its tag, and what its `done` said. */
export interface Answer {
  events: CoreEvent[];
  more: boolean;
  moreBefore: boolean;
  moreAfter: boolean;
}

/** An `error` event as an exception. */
export class CoreError extends Error {
  readonly code: string;
  constructor(message: string, code = "") {
    super(message);
    this.name = "CoreError";
    this.code = code;
  }
}

export interface Core {
  readonly role: Role;
  /** Sends a command with a fresh tag. Resolves at its `done`, rejects with CoreError at its `error`. */
  send(cmd: Command): Promise<Answer>;
  /** Hears every event that does not answer a command of this tab. Returns how to stop. */
  on(listener: (e: CoreEvent) => void): () => void;
}
