// One's own account: until when, a recovery sheet to print, another telephone, another password, where it is open.
import { LitElement, html, nothing } from "lit";
import { type SessionRow, endSession, sessions } from "./accounts-api";
import type { State } from "./api";
import { type Session, changePassword, newSheet, session } from "./session-api";
import { NO_WORDS, type Words, plural, t } from "./i18n";
import { choosing, chosen, having } from "./login";
import "./passkey";
import { type Sentence, refusalOf, refused } from "./refused";
import { dated, when } from "./time";

export class OwnElement extends LitElement {
  static override properties = { data: { attribute: false }, mine: { attribute: false }, open: { state: true }, sheet: { state: true },
    refusal: { state: true }, done: { state: true }, telephone: { state: true } };
  declare data: State | null;
  declare mine: Session | null;
  declare open: SessionRow[];
  declare sheet: string; // told once
  declare refusal: Sentence | null;
  declare done: Words;
  declare telephone: boolean; // another one is being set

  constructor() {
    super();
    this.data = this.mine = null;
    this.open = [];
    this.refusal = null;
    this.sheet = "";
    this.done = NO_WORDS;
    this.telephone = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("entered", this.again);
    void this.try(async () => (this.open = await sessions()));
  }

  private again = (): void => {
    this.telephone = false;
    void this.try(async () => (this.open = await sessions()));
  };

  /** Do it, or say why not. */
  private async try(work: () => Promise<unknown>): Promise<void> {
    this.refusal = null;
    this.done = NO_WORDS;
    this.refusal = await refusalOf(work);
  }

  private entered(session: Session): void {
    this.dispatchEvent(new CustomEvent("entered", { detail: session, bubbles: true }));
  }

  private change(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    void this.try(async () => {
      this.entered(await changePassword(String(fields.get("old")), chosen(fields)));
      form.reset();
      this.done = () => t("own.changed");
    });
  }

  private printed(mine: Session) {
    return html`<section class="card once sheet" role="alert"><h2>${t("own.sheetOf", { name: mine.who })}</h2>
      <p>${this.data?.site.name}, ${mine.name}</p><p><code>${this.sheet}</code></p><p>${t("own.sheetUse")}</p>
      <p class="buttons"><button class="primary" @click=${() => window.print()}>${t("login.print")}</button>
        <button @click=${() => (this.sheet = "")}>${t("login.noted")}</button></p></section>`;
  }

  private ways(mine: Session) {
    const make = () => void this.try(async () => {
      this.sheet = await newSheet();
      this.entered(await session());
    });
    return html`<section class="card"><h2>${t("own.ways")}</h2>
      <p>${mine.has_sheet ? t("own.hasSheet") : t("own.noSheet")}</p><p><button class="make" @click=${make}>${t("own.makeSheet")}</button></p>
      ${mine.role === "viewer" ? nothing : html`<p>${mine.codes_left === 0 ? t("own.noCodes") : plural("own.codes", mine.codes_left)}</p>
        <p><button @click=${() => (this.telephone = true)}>${t("own.telephone")}</button></p>`}</section>
      ${this.telephone ? html`<t-login .mine=${{ ...mine, must: ["second-factor"] }}></t-login>` : nothing}`;
  }

  private password(mine: Session) {
    return html`<details class="card report"><summary>${t("own.password")}</summary><form class="stacked" @submit=${(event: SubmitEvent) => this.change(event)}>
      ${having(t("own.old"), mine.name)}${choosing()}<button class="primary">${t("login.keep")}</button></form></details>`;
  }

  private sessions(mine: Session, now: number) {
    const end = (each: SessionRow) => void this.try(async () => {
      await endSession(each.id);
      this.open = await sessions();
    });
    return html`<section class="card"><h2>${t("access.sessions")}</h2><ul>${this.open.filter((each) => each.account === mine.name).map((each) => html`<li>
      ${t("own.session", { address: each.address, opened: when(each.opened_us, now), used: when(each.used_us, now) })}
      ${each.mine ? html`<span class="hint">${t("access.mine")}</span>` : html`<button @click=${() => end(each)}>${t("access.end")}</button>`}</li>`)}</ul></section>`;
  }

  protected override render() {
    const { mine, data } = this;
    if (!mine || !data) return html`<h1>${t("own.title")}</h1>`;
    return html`<h1>${t("own.title")}</h1><p><b>${mine.who}</b>, ${mine.function}. ${t("own.until", { time: dated(mine.until_us, data.now_utc_us) })}</p>
      ${refused(this.refusal)}<p role="status">${this.done()}</p>
      ${this.sheet ? this.printed(mine) : nothing}${this.ways(mine)}
      ${mine.role === "viewer" ? nothing : html`<t-passkeys .account=${mine.name}></t-passkeys>`}${this.password(mine)}${this.sessions(mine, data.now_utc_us)}`;
  }
}

customElements.define("t-own", OwnElement);
