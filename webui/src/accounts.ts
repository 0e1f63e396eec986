// Who may look and until when: accounts with their authorisation, what viewers are granted, open sessions.
import { LitElement, type TemplateResult, html, nothing } from "lit";
import {
  type AccountRow, type NewGrant, type Once, ROLES, type Role, type SessionRow,
  accounts, authorise, endSession, grant, openAccount, resetPassword, revokeAccount, sessions,
} from "./accounts-api";
import type { State } from "./api";
import { type Key, plural, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { DAY, HOUR, dateField, midnight, moment, shortDate, timeField, typed, whole } from "./time";

/** An instant that is read without today's page beside it: on which day is part of it. */

const REFRESH_MS = 10_000;
const GRANT_HOURS = [4, 12, 24, 48, 72]; // the longest that may be given at a time
const YEAR = 365 * DAY;
const HOUR_PATTERN = "([01]?\\d|2[0-3])[:hH][0-5]\\d([:m][0-5]\\d)?s?";

type Deed = "revoke" | "authorise" | "grant" | "password";

export class AccountsElement extends LitElement {
  static override properties = {
    data: { attribute: false }, rows: { state: true }, open: { state: true }, once: { state: true }, refusal: { state: true },
    role: { state: true }, asked: { state: true }, now: { state: true }, past: { state: true },
  };
  declare data: State | null;
  declare rows: AccountRow[] | null;
  declare open: SessionRow[];
  declare once: Once | null; // a password that is told once
  declare refusal: Sentence | null;
  declare role: Role; // of the form
  declare asked: { deed: Deed; account: AccountRow } | null;
  declare now: number;
  declare past: boolean; // are accounts of the past shown
  private timer = 0;

  constructor() {
    super();
    this.data = this.rows = this.once = this.asked = null;
    this.open = [];
    this.refusal = null;
    this.role = "viewer";
    this.now = 0;
    this.past = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.poll();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    await this.try(async () => {
      this.open = await sessions();
      const told = await accounts();
      this.rows = told.accounts;
      this.now = told.now_us;
    });
    if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), REFRESH_MS);
  }

  /** Do it, or say why not; true when it was done. */
  private async try(work: () => Promise<unknown>): Promise<boolean> {
    const why = await refusalOf(work);
    if (why) this.refusal = why;
    return why === null;
  }

  private granted(fields: FormData): NewGrant {
    return {
      cameras: fields.getAll("camera").map(String),
      from_us: typed(String(fields.get("from-date")), String(fields.get("from-time")))[0] ?? 0,
      to_us: typed(String(fields.get("to-date")), String(fields.get("to-time"))).at(-1) ?? 0,
      until_us: this.now + Number(fields.get("hours")) * HOUR,
    };
  }

  private async create(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const text = (name: string) => String(fields.get(name)).trim();
    const day = (name: string) => typed(text(name), "00:00:00")[0] ?? 0;
    this.refusal = null;
    const made = await this.try(async () => {
      this.once = await openAccount({
        name: text("name"), person: text("person"), function: text("function"), role: this.role,
        from_us: day("from"), until_us: midnight(day("until") + DAY / 2, 1),
        ...(this.role === "viewer" ? { grant: this.granted(fields) } : {}),
      });
    });
    if (!made) return;
    form.reset();
    await this.poll();
    this.querySelector<HTMLElement>(".once")?.focus();
  }

  private async act(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const { deed, account } = this.asked!;
    const fields = new FormData(event.target as HTMLFormElement);
    this.refusal = null;
    const done = await this.try(async () => {
      if (deed === "revoke") await revokeAccount(account.name);
      if (deed === "grant") await grant(account.name, this.granted(fields));
      if (deed === "password") this.once = await resetPassword(account.name);
      if (deed === "authorise") await authorise(account.name, midnight((typed(String(fields.get("until")), "12:00:00")[0] ?? 0), 1));
    });
    if (!done) return;
    this.dismiss();
    await this.poll();
    this.querySelector<HTMLElement>(".once")?.focus();
  }

  private ask(deed: Deed, account: AccountRow): void {
    this.refusal = null;
    this.asked = { deed, account };
    void this.updateComplete.then(() => this.querySelector("dialog")?.showModal());
  }

  private dismiss(): void {
    this.querySelector("dialog")?.close();
    this.asked = null;
  }

  private camera(id: string): string {
    return this.data?.cameras.find((each) => each.id === id)?.name ?? id;
  }

  private said() {
    return refused(this.refusal);
  }

  private told(once: Once) {
    return html`<section class="card once" tabindex="-1" role="alert"><h2>${t("access.onceTitle", { name: this.person(once.name), login: once.name })}</h2>
      <p><code>${once.password}</code></p><p>${t("access.onceText")}</p>
      <button @click=${() => (this.once = null)}>${t("access.onceDone")}</button></section>`;
  }

  private state(row: AccountRow): [string, string] {
    if (row.revoked) return ["stopped", t("access.revoked")];
    if (row.until_us <= this.now) return ["resting", t("access.over")];
    if (row.from_us > this.now) return ["starting", t("access.toCome")];
    if (!row.in_force) return ["resting", t("access.noGrant")];
    return ["recording", t("access.inForce")];
  }

  private row(row: AccountRow) {
    const [kind, words] = this.state(row);
    const button = (deed: Deed, name: Key) => html`<button @click=${() => this.ask(deed, row)} aria-label=${t("access.deedOf", { deed: t(name), name: row.person })}>${t(name)}</button>`;
    const hints = [row.first_log_in ? t("access.firstLogIn") : "", !row.first_log_in && !row.second_factor && row.role !== "viewer" ? t("access.noFactor") : ""].filter(Boolean);
    return html`<tr><th scope="row">${row.person}<span class="hint">${row.name}</span></th>
      <td data-label=${t("access.work")}>${row.function}<span class="hint">${t(`role.${row.role}`)}</span></td>
      <td data-label=${t("access.period")}>${t("access.span", { from: shortDate(row.from_us), to: shortDate(row.until_us - 1) })}</td>
      <td data-label=${t("cameras.state")}><span class="state ${kind}"><span class="dot" aria-hidden="true"></span><span>${words}
        ${hints.map((each) => html`<span class="hint">${each}</span>`)}${row.grant ? this.grantOf(row.grant) : nothing}</span></span></td>
      <td class="act"><div class="deeds">${row.role === "viewer" && !row.revoked ? button("grant", "access.grant") : nothing}${row.revoked ? nothing : button("password", "access.password")}
        ${button("authorise", row.revoked ? "access.restore" : "access.prolong")}${row.revoked ? nothing : button("revoke", "access.revoke")}</div></td></tr>`;
  }

  private grantOf(given: NewGrant) {
    return html`<span class="hint">${t("access.granted", {
      cameras: given.cameras.map((each) => this.camera(each)).join(", "), from: whole(given.from_us), to: whole(given.to_us) })}
      ${t(given.until_us > this.now ? "access.grantUntil" : "access.grantOver", { time: whole(given.until_us) })}</span>`;
  }

  private grantFields() {
    const at = this.now - HOUR;
    const when = (name: string, us: number, label: Key) => html`<fieldset class="when"><legend>${t(label)}</legend>
      <label>${t("jump.date")} <input type="date" name=${`${name}-date`} required value=${dateField(us)}></label>
      <label>${t("jump.time")} <input class="hour" name=${`${name}-time`} required maxlength="10" pattern=${HOUR_PATTERN} title=${t("jump.format")} value=${timeField(us)}></label></fieldset>`;
    return html`<fieldset><legend>${t("access.cameras")}</legend>${(this.data?.cameras ?? []).map((each) => html`<label><input type="checkbox" name="camera" value=${each.id}> ${each.name}</label>`)}</fieldset>
      ${when("from", at, "access.pictures")}${when("to", this.now, "access.picturesTo")}
      <label>${t("access.hours")} <select name="hours">${GRANT_HOURS.map((each) => html`<option value=${each}>${t("watch.hours", { n: each })}</option>`)}</select></label>`;
  }

  private dialog() {
    const asked = this.asked;
    if (!asked) return nothing;
    const { deed, account } = asked;
    const fields: Record<Deed, () => TemplateResult> = {
      revoke: () => html`<p>${t("access.revokeText")}</p>`,
      password: () => html`<p>${t("access.passwordText")}</p>`,
      authorise: () => html`<label>${t("access.until")} <input type="date" name="until" required value=${dateField(Math.max(account.until_us, this.now) + YEAR)}></label>`,
      grant: () => this.grantFields(),
    };
    const names: Record<Deed, Key> = { revoke: "access.revoke", password: "access.password", authorise: "access.prolong", grant: "access.grant" };
    return html`<dialog aria-labelledby="deed" @close=${() => (this.asked = null)}><form class="stacked" @submit=${(event: SubmitEvent) => void this.act(event)}>
      <h2 id="deed">${t("access.deedOf", { deed: t(names[deed]), name: account.person })}</h2>${fields[deed]()}${this.said()}
      <p class="buttons"><button type="button" @click=${() => this.dismiss()}>${t("access.cancel")}</button><button class=${deed === "revoke" ? "grave" : "primary"}>${t(names[deed])}</button></p></form></dialog>`;
  }

  private form() {
    return html`<details class="card report"><summary>${t("access.create")}</summary><form class="stacked" @submit=${(event: SubmitEvent) => void this.create(event)}>
      <label>${t("access.person")} <input name="person" required maxlength="120" autocomplete="off"></label>
      <label>${t("access.name")} <input name="name" required pattern="[a-z0-9][a-z0-9.\\-]{1,63}" maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" title=${t("access.nameRule")} aria-describedby="name-rule"></label><p class="hint" id="name-rule">${t("access.nameRule")}</p>
      <label>${t("access.function")} <input name="function" required maxlength="120" autocomplete="off"></label>
      <label>${t("access.role")} <select @change=${(event: Event) => (this.role = (event.target as HTMLSelectElement).value as Role)}>
        ${ROLES.map((each) => html`<option value=${each} ?selected=${each === this.role}>${t(`role.${each}`)}</option>`)}</select></label>
      <p class="hint">${t(`roleText.${this.role}`)}</p>
      <label>${t("access.from")} <input type="date" name="from" required value=${dateField(this.now)}></label>
      <label>${t("access.until")} <input type="date" name="until" required value=${dateField(this.now + (this.role === "viewer" ? 3 * DAY : YEAR))}></label>
      ${this.role === "viewer" ? this.grantFields() : nothing}${this.asked ? nothing : this.said()}
      <button class="primary">${t("access.make")}</button></form></details>`;
  }

  /** What a login is called by people. */
  private person(name: string): string {
    return this.rows?.find((each) => each.name === name)?.person ?? name;
  }

  private sessions() {
    return html`<section class="card"><h2>${t("access.sessions")}</h2><table class="stack"><thead><tr><th scope="col">${t("access.person")}</th><th scope="col">${t("access.address")}</th>
      <th scope="col">${t("access.opened")}</th><th scope="col">${t("access.used")}</th><td></td></tr></thead><tbody>${this.open.map((each) => html`<tr>
        <th scope="row">${this.person(each.account)}${each.mine ? html`<span class="hint">${t("access.mine")}</span>` : nothing}</th>
        <td data-label=${t("access.address")}>${each.address}</td><td data-label=${t("access.opened")}>${moment(each.opened_us, this.now)}</td>
        <td data-label=${t("access.used")}>${moment(each.used_us, this.now)}</td>
        <td class="act">${each.mine ? nothing : html`<button aria-label=${t("access.endOf", { name: this.person(each.account) })} @click=${() => void this.try(() => endSession(each.id)).then(() => this.poll())}>${t("access.end")}</button>`}</td></tr>`)}</tbody></table></section>`;
  }

  protected override render() {
    if (!this.rows || !this.data) return html`<h1>${t("access.title")}</h1>${this.said()}<p>${t("play.loading")}</p>`;
    const present = (row: AccountRow) => !row.revoked && row.until_us > this.now;
    const shown = this.rows.filter((row) => this.past || present(row));
    const gone = this.rows.filter((row) => !present(row)).length;
    return html`<h1>${t("access.title")}</h1>${this.once ? this.told(this.once) : nothing}
      <section class="card"><h2>${t("access.list")}</h2><table class="stack"><thead><tr><th scope="col">${t("access.person")}</th><th scope="col">${t("access.work")}</th>
        <th scope="col">${t("access.period")}</th><th scope="col">${t("cameras.state")}</th><td></td></tr></thead><tbody>${shown.map((each) => this.row(each))}</tbody></table>
      ${gone > 0 ? html`<p><label class="check"><input type="checkbox" .checked=${this.past} @change=${() => (this.past = !this.past)}> ${plural("access.past", gone)}</label></p>` : nothing}</section>
      ${this.form()}${this.sessions()}${this.dialog()}`;
  }
}

customElements.define("t-accounts", AccountsElement);
