// The way in: name, password, the telephone's code; a first log-in's own password and second factor; the recovery sheet.
// Nothing typed here is kept anywhere but in the fields.
import { LitElement, html, nothing } from "lit";
import type { PasskeyAsked } from "./api";
import type { Session } from "./session-api";
import { Refused } from "./api";
import { changePassword, comeBack, confirmSecondFactor, logIn, proposeSecondFactor } from "./session-api";
import { said, t } from "./i18n";
import { type Sentence, refused } from "./refused";

type Step = "enter" | "sheet" | "password" | "factor" | "codes";

const LEAST = 12; // characters of a password, as the server asks for them
const MOST = 128;

/** The new password of a form; refused when it was not typed twice alike. */
export function chosen(fields: FormData): string {
  const words = String(fields.get("new"));
  if (words === String(fields.get("again"))) return words;
  throw new Refused({ status: 0, code: "not-alike", fr: t("login.notAlike"), en: t("login.notAlike") });
}

/** The fields in which a new password is chosen. */
export function choosing() {
  return html`<label>${t("login.new")} <input name="new" type="password" required minlength=${LEAST} maxlength=${MOST} autocomplete="new-password"></label>
    <label>${t("login.again")} <input name="again" type="password" required maxlength=${MOST} autocomplete="new-password"></label>
    <p class="hint">${t("login.rule")}</p>`;
}

/** The field of a password that one has, with the account's name beside it for the browser's own safe. */
export function having(words: string, name: string) {
  return html`<input name="username" autocomplete="username" .value=${name} hidden readonly>
    <label>${words} <input name="old" type="password" required maxlength=${MOST} autocomplete="current-password"></label>`;
}

export class LoginElement extends LitElement {
  static override properties = { mine: { attribute: false }, sheet: { state: true }, coded: { state: true }, keyed: { state: true }, refusal: { state: true }, needs: { state: true },
    proposed: { state: true }, codes: { state: true }, copied: { state: true }, busy: { state: true } };
  /** A log-in that is not finished; null: nobody is logged in. */
  declare mine: Session | null;
  declare sheet: boolean;
  declare coded: boolean;
  declare keyed: boolean; // a security key may answer instead
  declare refusal: Sentence | null;
  declare needs: Sentence | null; // what is to be given next
  declare copied: boolean; // the secret is on the clipboard
  declare proposed: { secret: string; address: string } | null;
  declare codes: string[];
  declare busy: boolean;
  private done: Session | null = null;
  private asked: PasskeyAsked | null = null; // for one answer

  constructor() {
    super();
    this.mine = null;
    this.sheet = false;
    this.coded = this.keyed = false;
    this.refusal = this.needs = null;
    this.proposed = null;
    this.codes = [];
    this.busy = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  private get step(): Step {
    if (this.codes.length > 0) return "codes";
    if (this.mine?.must.includes("password")) return "password";
    if (this.mine?.must.includes("second-factor")) return "factor";
    return this.sheet ? "sheet" : "enter";
  }

  private entered(session: Session): void {
    this.dispatchEvent(new CustomEvent("entered", { detail: session, bubbles: true }));
  }

  /** One try at a time; its refusal in words. */
  private async attempt(event: Event, work: (fields: FormData) => Promise<void>): Promise<void> {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    try {
      await work(new FormData((event.target as Element).closest("form")!));
      this.refusal = this.needs = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.coded ||= error.problem.code === "code-needed";
      this.asked = error.problem.passkey ?? null;
      this.keyed ||= this.asked !== null;
      const next = error.problem.code === "code-needed"; // a step of the way in, no fault
      this.needs = next ? error.problem : null;
      this.refusal = next ? null : error.problem;
    } finally {
      this.busy = false;
    }
  }

  private typed(fields: FormData) {
    const text = (name: string) => String(fields.get(name) ?? "");
    return { name: text("name").trim(), password: text("password"), code: text("code").trim() };
  }

  private enter = (event: Event) => this.attempt(event, async (fields) => {
    this.entered(await logIn(this.typed(fields)));
  });

  /** A security key in the code's place; after a try that failed it is asked anew. */
  private byKey = (event: Event) => this.attempt(event, async (fields) => {
    const typed = { ...this.typed(fields), code: "" };
    const asked = this.asked ?? (await this.askKey(typed));
    this.asked = null;
    const { answer } = await import("./passkey");
    this.entered(await logIn({ ...typed, passkey: await answer(asked) }));
  });

  private async askKey(typed: { name: string; password: string; code: string }): Promise<PasskeyAsked> {
    try {
      await logIn(typed);
    } catch (error) {
      if (error instanceof Refused && error.problem.passkey) return error.problem.passkey;
      throw error;
    }
    throw new Error("an account with a security key came in without any second factor");
  }

  private back = (event: Event) => this.attempt(event, async (fields) => {
    this.entered(await comeBack({ name: String(fields.get("name")).trim(), sheet: String(fields.get("sheet")), password: chosen(fields) }));
    this.sheet = false;
  });

  private own = (event: Event) => this.attempt(event, async (fields) => {
    this.entered(await changePassword(String(fields.get("old")), chosen(fields)));
  });

  private propose = (event: Event) => this.attempt(event, async () => {
    this.copied = false;
    this.proposed = await proposeSecondFactor();
  });

  private confirm = (event: Event) => this.attempt(event, async (fields) => {
    const { codes, session } = await confirmSecondFactor(String(fields.get("code")).trim());
    this.proposed = null;
    this.done = session;
    this.codes = codes;
  });

  /** Thirty letters are not typed twice on one telephone. Where the browser refuses, they stand there chosen. */
  private copy = (): void => {
    getSelection()?.selectAllChildren(this.querySelector(".secret")!);
    void navigator.clipboard?.writeText(this.proposed!.secret).then(() => (this.copied = true), () => (this.copied = false));
  };

  private noted = (): void => {
    this.codes = [];
    if (this.done) this.entered(this.done);
  };

  private name() {
    return html`<label>${t("login.name")} <input name="name" required maxlength="64" autocomplete="username" autocapitalize="none" spellcheck="false"></label>`;
  }

  private form() {
    switch (this.step) {
      case "enter":
        return html`<h1>${t("login.title")}</h1><form @submit=${this.enter}>${this.name()}
          <label>${t("login.password")} <input name="password" type="password" required maxlength="128" autocomplete="current-password"></label>
          ${this.coded ? html`<label>${t("login.code")} <input name="code" required maxlength="40" autocomplete="one-time-code" spellcheck="false"></label>` : nothing}
          ${this.said()}<button class="primary" ?disabled=${this.busy}>${t("login.enter")}</button>
          ${this.keyed ? html`<p><button type="button" class="with-key" ?disabled=${this.busy} @click=${this.byKey}>${t("login.key")}</button></p>` : nothing}
          <p><button type="button" class="plain" @click=${() => (this.sheet = true)}>${t("login.lost")}</button></p></form>`;
      case "sheet":
        return html`<h1>${t("login.sheetTitle")}</h1><p>${t("login.sheetText")}</p><form @submit=${this.back}>${this.name()}
          <label>${t("login.sheet")} <input name="sheet" required maxlength="60" autocomplete="off" spellcheck="false"></label>${choosing()}
          ${this.said()}<button class="primary" ?disabled=${this.busy}>${t("login.enter")}</button>
          <p><button type="button" class="plain" @click=${() => (this.sheet = false)}>${t("login.back")}</button></p></form>`;
      case "password":
        return html`<h1>${t("login.ownTitle")}</h1><p>${t("login.ownText", { who: this.mine!.who })}</p><form @submit=${this.own}>
          ${having(t("login.old"), this.mine!.name)}${choosing()}
          ${this.said()}<button class="primary" ?disabled=${this.busy}>${t("login.keep")}</button></form>`;
      case "factor":
        return html`<h1>${t("login.factorTitle")}</h1><p>${t("login.factorText")}</p>
          ${this.proposed === null ? html`<form @submit=${this.propose}>${this.said()}<button class="primary" ?disabled=${this.busy}>${t("login.factorStart")}</button></form>`
            : html`<p><b>${t("login.secret")}</b> <code class="secret">${this.proposed.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code>
                <button type="button" @click=${this.copy}>${t("login.copy")}</button> <span class="hint" role="status">${this.copied ? t("login.copied") : ""}</span></p>
              <p><a href=${this.proposed.address} rel="external">${t("login.open")}</a></p>
              <form @submit=${this.confirm}><label>${t("login.six")} <input name="code" required inputmode="numeric" pattern="[0-9 ]{6,7}" autocomplete="one-time-code"></label>
              ${this.said()}<button class="primary" ?disabled=${this.busy}>${t("login.keep")}</button></form>`}`;
      case "codes":
        return html`<h1>${t("login.codesTitle")}</h1><p>${t("login.codesText")}</p>
          <ul class="codes">${this.codes.map((each) => html`<li><code>${each}</code></li>`)}</ul>
          <p><button @click=${() => window.print()}>${t("login.print")}</button> <button class="primary" @click=${this.noted}>${t("login.noted")}</button></p>`;
    }
  }

  /** What is still to be given, or why it was refused: above the button, where a telephone's keyboard leaves it in sight. */
  private said() {
    return html`${this.needs ? html`<p role="alert">${said(this.needs)}</p>` : nothing}${refused(this.refusal)}`;
  }

  protected override render() {
    return html`<section class="card login">${this.form()}</section>`;
  }
}

customElements.define("t-login", LoginElement);
