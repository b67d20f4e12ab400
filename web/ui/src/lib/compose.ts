// What a key does in the composer. Pure, because getting it wrong sends half a word of pinyin.

export interface KeyFacts {
  key: string;
  shift: boolean;
  ctrl: boolean; // or ⌘
  alt: boolean;
  /** The event's isComposing, or its keyCode 229: an input method is at work. */
  composing: boolean;
  /** compositionend came within this turn of the event loop: this Enter chose the candidate. */
  justComposed: boolean;
  /** The composer is empty. */
  empty: boolean;
  /** The cursor stands at the very beginning. */
  atStart: boolean;
  /** What sends: Enter, or Ctrl+Enter. */
  enterSends: boolean;
}

export type KeyAction = "send" | "newline" | "edit-last" | "escape" | "none";

export function keyAction(f: KeyFacts): KeyAction {
  if (f.composing || f.justComposed) return "none";
  switch (f.key) {
    case "Enter":
      if (f.alt) return "none";
      if (f.ctrl) return "send";
      if (f.shift) return "none"; // the browser's own new line
      return f.enterSends ? "send" : "none";
    case "ArrowUp":
      return f.empty && !f.shift && !f.ctrl && !f.alt ? "edit-last" : "none";
    case "Escape":
      return "escape";
    default:
      return "none";
  }
}
