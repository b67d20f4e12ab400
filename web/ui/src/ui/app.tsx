// The whole face: which of its three states it is in.

import type { JSX } from "preact";
import { t } from "../i18n/index.ts";
import { session } from "../state/app.ts";
import { route } from "../state/route.ts";
import { Bird } from "./icons.tsx";
import { Shell, Toasts } from "./shell.tsx";
import { Welcome } from "./signin.tsx";

export function App(): JSX.Element {
  const s = session.value;
  if (s === "starting")
    return (
      <div class="starting" role="status" aria-label={t("loading")}>
        <span class="brand-mark">
          <Bird size={56} />
        </span>
      </div>
    );
  if (s === "open" && route.value.page !== "invite") return <Shell />;
  return (
    <>
      <Welcome />
      <Toasts />
    </>
  );
}
