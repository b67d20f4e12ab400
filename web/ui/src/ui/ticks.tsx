// How far a message has come. Shapes differ, not only colours; the word is the label.

import type { JSX } from "preact";
import type { Message } from "../contract.ts";
import { t } from "../i18n/index.ts";
import { Icon } from "./icons.tsx";

export function Ticks({ message }: { message: Message }): JSX.Element | null {
  const state = message.state ?? "queued";
  if (!message.own || state === "received") return null;
  const label = t(`state.${state}`);
  const icon = state === "queued" ? "clock" : state === "failed" ? "warn" : state === "sent" ? "check" : "checks";
  return (
    <span class={`ticks ticks-${state}`} role="img" aria-label={label} title={label} data-state={state}>
      {state === "read" ? <ReadMark /> : <Icon name={icon} size={15} />}
    </span>
  );
}

/** Read: the two ticks in a filled disc. */
function ReadMark(): JSX.Element {
  return (
    <svg width="17" height="15" viewBox="0 0 17 15" aria-hidden="true" focusable="false">
      <rect x="0.500" y="0.500" width="16" height="14" rx="7" fill="currentColor" />
      <path class="ticks-cut" d="M3.800 7.700l2.200 2.200L10 5.400M8.300 9.700l.3.300L13 5.400" fill="none" stroke-width="1.400" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
