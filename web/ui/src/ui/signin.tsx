// Signing in, and signing up by an invitation.

import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { t } from "../i18n/index.ts";
import { complete, plausible } from "../lib/jid.ts";
import { ask, explain } from "../state/actions.ts";
import { session } from "../state/app.ts";
import { go, route } from "../state/route.ts";
import { Bird, Icon } from "./icons.tsx";
import { Field, FlightMark } from "./parts.tsx";
import { LanguageChoice } from "./settings.tsx";
import { Wall, walled } from "./wall.tsx";

const past = signal(false);

export function Welcome(): JSX.Element {
  const r = route.value;
  if (walled() && !past.value)
    return (
      <Frame>
        <Wall onGoOn={() => (past.value = true)} />
      </Frame>
    );
  return <Frame>{r.page === "invite" ? <SignUp token={r.token} /> : <SignIn />}</Frame>;
}

function Frame({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <div class="welcome">
      <div class="welcome-side" aria-hidden="true">
        <FlightMark />
        <p class="welcome-words">{t("welcome.words")}</p>
        <ul class="welcome-points">
          <li>
            <Icon name="direct" /> {t("welcome.direct")}
          </li>
          <li>
            <Icon name="clock" /> {t("welcome.lost")}
          </li>
          <li>
            <Icon name="shield" /> {t("welcome.open")}
          </li>
        </ul>
      </div>
      <main class="welcome-main" tabIndex={-1}>
        <div class="welcome-box">
          <div class="brand">
            <span class="brand-mark">
              <Bird size={40} />
            </span>
            <span class="brand-name">{t("app.name")}</span>
          </div>
          {children}
        </div>
        <div class="welcome-foot">
          <LanguageChoice />
        </div>
      </main>
    </div>
  );
}

function SignIn(): JSX.Element {
  const name = useSignal("");
  const password = useSignal("");
  const error = useSignal("");
  const busy = session.value === "signing-in";
  const sent = useSignal(false);
  const submit = async (): Promise<void> => {
    const account = complete(name.value, location.hostname);
    if (!plausible(account)) {
      error.value = t("signin.bad");
      return;
    }
    error.value = "";
    sent.value = true;
    try {
      await ask({ cmd: "signin", account, password: password.value });
    } catch (e) {
      error.value = explain(e);
      password.value = "";
    } finally {
      sent.value = false;
    }
  };
  return (
    <form
      class="form"
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
      data-testid="signin"
    >
      <h1>{t("signin.title")}</h1>
      <Field id="account" label={t("signin.name")} hint={t("signin.name.hint", { home: location.hostname })} value={name.value} onInput={(v) => (name.value = v)} autocomplete="username" autofocus testid="signin-account" />
      <Field id="password" type="password" label={t("signin.password")} value={password.value} onInput={(v) => (password.value = v)} autocomplete="current-password" error={error.value} testid="signin-password" />
      <button type="submit" class="button primary wide" disabled={busy || sent.value || name.value.trim() === "" || password.value === ""} data-testid="signin-submit">
        {busy || sent.value ? t("signin.busy") : t("signin.submit")}
      </button>
      <p class="hint">{t("signin.token")}</p>
      <p class="hint">{t("signin.new")}</p>
    </form>
  );
}

function SignUp({ token }: { token: string }): JSX.Element {
  const name = useSignal("");
  const password = useSignal("");
  const again = useSignal("");
  const error = useSignal("");
  const busy = useSignal(false);
  const submit = async (): Promise<void> => {
    const account = complete(name.value, location.hostname);
    if (!plausible(account)) error.value = t("signin.bad");
    else if (password.value.length < 8) error.value = t("password.short");
    else if (password.value !== again.value) error.value = t("password.differ");
    else {
      busy.value = true;
      error.value = "";
      try {
        await ask({ cmd: "register", token, account, password: password.value });
        go({ page: "contacts" }, true);
      } catch (e) {
        error.value = explain(e);
      }
      busy.value = false;
    }
  };
  return (
    <form
      class="form"
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
      data-testid="signup"
    >
      <h1>{t("signup.title")}</h1>
      <p class="lead">{t("signup.text")}</p>
      <Field id="account" label={t("signup.name")} hint={name.value.trim() ? t("signup.address", { jid: complete(name.value, location.hostname) }) : t("signup.name.hint")} value={name.value} onInput={(v) => (name.value = v)} autocomplete="username" autofocus testid="signup-name" />
      <Field id="password" type="password" label={t("signin.password")} hint={t("password.hint")} value={password.value} onInput={(v) => (password.value = v)} autocomplete="new-password" testid="signup-password" />
      <Field id="again" type="password" label={t("password.again")} value={again.value} onInput={(v) => (again.value = v)} autocomplete="new-password" error={error.value} testid="signup-again" />
      <button type="submit" class="button primary wide" disabled={busy.value || name.value.trim() === "" || password.value === ""} data-testid="signup-submit">
        {busy.value ? t("signup.busy") : t("signup.submit")}
      </button>
      <button type="button" class="link-button" onClick={() => go({ page: "chats" })}>
        {t("signup.have")}
      </button>
    </form>
  );
}
