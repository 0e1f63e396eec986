// The journal of viewings: who looked at what, when and why, what was refused; and the proof that none was changed.
import { LitElement, html, nothing } from "lit";
import { type Look, type State, ask } from "./api";
import { type Key, keyOr, locale, plural, said, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { DAY, clock, dated, midnight, moment, typed } from "./time";

const SHOWN = 31 * DAY; // what is listed unless other days are asked for; three years are kept
const MOST = 200; // of one answer
const STRETCHES = 3; // seen, written out; the table to take away has them all

interface Stretch {
  camera: string;
  stream: string;
  from_us: number;
  to_us: number;
}

type Kept = Look & { person: string; seen: Stretch[] };

interface Refusal {
  utc_us: number;
  who: string;
  person: string;
  function: string;
  camera: string;
  from_us: number;
  to_us: number;
  why: string;
}

interface Aim {
  person: string;
  function: string;
  camera: string;
  opened_us: number;
  ended_us: number | null;
  how: string | null;
  pictures: number;
}

interface Checked {
  ok: boolean;
  lines: number;
  looks: number;
  unproven: number;
  head: string;
  count: number;
  problems: { fr: string; en: string }[];
}

export class JournalElement extends LitElement {
  static override properties = {
    data: { attribute: false }, looks: { state: true }, refusals: { state: true }, aims: { state: true }, checked: { state: true }, busy: { state: true }, refusal: { state: true },
  };
  declare data: State | null;
  declare looks: Kept[] | null;
  declare refusals: Refusal[];
  declare aims: Aim[];
  declare checked: Checked | null;
  declare busy: boolean;
  declare refusal: Sentence | null;

  constructor() {
    super();
    this.data = this.looks = this.checked = null;
    this.refusals = this.aims = [];
    this.busy = false;
    this.refusal = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("popstate", this.load);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("popstate", this.load);
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has("data") && this.data && this.looks === null && !this.refusal) this.load();
  }

  private get span(): [number, number] {
    const asked = new URL(location.href).searchParams;
    const now = this.data!.now_utc_us;
    const day = (name: string) => typed(asked.get(name) ?? "", "12:00:00")[0];
    const [from, to] = [day("du"), day("au")];
    const start = from === undefined ? now - SHOWN : midnight(from);
    const end = to === undefined ? now + DAY : midnight(to, 1);
    return [Math.floor(Math.max(0, Math.min(start, end - DAY))), Math.ceil(end)];
  }

  private async try(work: () => Promise<void>): Promise<void> {
    this.refusal = await refusalOf(work);
  }

  private load = (): void => {
    void this.try(async () => {
      const [from, to] = this.span;
      const told = (await (await ask(`/api/v1/looks?from=${from}&to=${to}&limit=${MOST}`)).json()) as { looks: Kept[]; refusals: Refusal[] };
      this.looks = told.looks;
      this.refusals = told.refusals;
      this.aims = ((await (await ask(`/api/v1/aims?from=${from}&to=${to}&limit=${MOST}`)).json()) as { aims: Aim[] }).aims;
    });
  };

  private async check(): Promise<void> {
    this.busy = true;
    await this.try(async () => {
      this.checked = (await (await ask("/api/v1/looks/check")).json()) as Checked;
    });
    this.busy = false;
  }

  private choose(name: string, event: Event): void {
    const asked = new URL(location.href).searchParams;
    const { value } = event.target as HTMLInputElement;
    value ? asked.set(name, value) : asked.delete(name);
    history.pushState(null, "", `/consultations${asked.size > 0 ? `?${asked}` : ""}`);
    this.load();
  }

  private camera(id: string): string {
    return this.data?.cameras.find((each) => each.id === id)?.name ?? id;
  }

  private between(from: number, to: number): string {
    const now = this.data!.now_utc_us;
    return `${moment(from, now)} – ${midnight(from) === midnight(to) ? clock(to) : moment(to, now)}`;
  }

  private proof() {
    const found = this.checked;
    const count = (n: number) => n.toLocaleString(locale());
    return html`<section class="card"><h2>${t("journal.proof")}</h2><p>${t("journal.proofText")}</p>
      <p><button ?disabled=${this.busy} @click=${() => void this.check()}>${t("journal.check")}</button></p>
      <div role="status">${found === null ? nothing : found.ok
        ? html`<p class="proof ok"><b>✓ ${t("journal.whole")}</b> ${t("journal.wholeText", { lines: count(found.lines), looks: count(found.looks) })}
          <span class="hint">${t("journal.head", { head: found.head })}</span>${found.unproven > 0 ? html`<br>${t("journal.unproven", { n: count(found.unproven) })}` : nothing}</p>`
        : html`<div class="proof refusal"><p><b>✗ ${plural("journal.changed", found.count)}</b> ${t("journal.changedText")}</p><ul>${found.problems.map((each) => html`<li>${said(each)}</li>`)}</ul></div>`}</div></section>`;
  }

  private row(look: Kept) {
    const now = this.data!.now_utc_us;
    const span = look.to_us === null ? t("journal.followed", { from: dated(look.from_us, now) }) : this.between(look.from_us, look.to_us);
    const seen = look.seen.slice(0, STRETCHES).map((each) => html`<span class="hint">${this.camera(each.camera)} · ${this.between(each.from_us, each.to_us)}</span>`);
    return html`<tr><th scope="row">${look.person}<span class="hint">${look.function}</span></th>
      <td data-label=${t("review.when")}>${moment(look.opened_us, now)}${look.remaining_us > 0 ? html`<span class="hint">${t("journal.open")}</span>` : nothing}</td>
      <td data-label=${t("reason.which")}>${t(`reason.${look.reason}` as Key)}${look.alert === null ? nothing : html` <a href="/alertes?n=${look.alert}">n° ${look.alert}</a>`}
        ${look.text ? html`<span class="hint">${t("app.quote", { text: look.text })}</span>` : nothing}${look.reference ? html`<span class="hint">${look.reference}</span>` : nothing}
        ${look.justification ? html`<span class="hint">${t("app.quote", { text: look.justification })}</span>` : nothing}</td>
      <td data-label=${t("journal.what")}>${look.cameras.map((each) => this.camera(each)).join(", ")}<span class="hint">${span}</span></td>
      <td data-label=${t("journal.seen")}>${seen.length > 0 ? seen : t("journal.nothing")}${look.seen.length > STRETCHES ? html`<span class="hint">${plural("journal.more", look.seen.length - STRETCHES)}</span>` : nothing}</td></tr>`;
  }

  private aimed(each: Aim) {
    const end = each.ended_us === null ? t("journal.open") : this.between(each.opened_us, each.ended_us);
    return html`<tr><th scope="row">${each.person}<span class="hint">${each.function}</span></th><td data-label=${t("review.when")}>${moment(each.opened_us, this.data!.now_utc_us)}<span class="hint">${end}</span></td>
      <td data-label=${t("aim.camera")}>${this.camera(each.camera)}</td><td data-label=${t("journal.seen")}>${plural("aim.pictures", each.pictures)}</td>
      <td data-label=${t("aim.end")}>${each.how === null ? t("journal.open") : t(keyOr(`aimed.${each.how}`, "aimed.service"))}</td></tr>`;
  }

  private refused(each: Refusal) {
    return html`<tr><th scope="row">${each.person}<span class="hint">${each.function}</span></th><td data-label=${t("review.when")}>${moment(each.utc_us, this.data!.now_utc_us)}</td>
      <td data-label=${t("journal.asked")}>${this.camera(each.camera)}<span class="hint">${this.between(each.from_us, each.to_us)}</span></td>
      <td data-label=${t("journal.why")}>${t(keyOr(`refused.${each.why}`, "refused.else"))}</td></tr>`;
  }

  protected override render() {
    if (!this.data || (this.looks === null && !this.refusal)) return html`<h1>${t("journal.title")}</h1><p>${t("play.loading")}</p>`;
    const asked = new URL(location.href).searchParams;
    const [from, to] = this.span;
    const looks = this.looks ?? [];
    const head = (keys: Key[]) => html`<thead><tr>${keys.map((each) => html`<th scope="col">${t(each)}</th>`)}</tr></thead>`;
    return html`<h1>${t("journal.title")}</h1>${refused(this.refusal)}
      <div class="filters"><label>${t("review.from")} <input type="date" .value=${asked.get("du") ?? ""} @change=${(event: Event) => this.choose("du", event)}></label>
        <label>${t("review.to")} <input type="date" .value=${asked.get("au") ?? ""} @change=${(event: Event) => this.choose("au", event)}></label>
        <a class="button" download href="/api/v1/looks.csv?from=${from}&to=${to}">${t("journal.table")}</a></div>
      <section class="card"><h2>${t("journal.list")}</h2>${looks.length === 0 ? html`<p>${t("journal.none")}</p>`
        : html`${looks.length === MOST ? html`<p class="hint">${t("journal.most", { n: MOST })}</p>` : nothing}<table class="stack">${head(["journal.who", "review.when", "reason.which", "journal.what", "journal.seen"])}<tbody>${looks.map((each) => this.row(each))}</tbody></table>`}</section>
      ${this.refusals.length === 0 ? nothing : html`<section class="card"><h2>${t("journal.refusals")}</h2><table class="stack">${head(["journal.who", "review.when", "journal.asked", "journal.why"])}<tbody>${this.refusals.map((each) => this.refused(each))}</tbody></table></section>`}
      ${this.aims.length === 0 ? nothing : html`<section class="card aims"><h2>${t("aim.list")}</h2><p class="hint">${t("aim.listText")}</p><table class="stack">${head(["journal.who", "review.when", "aim.camera", "journal.seen", "aim.end"])}<tbody>${this.aims.map((each) => this.aimed(each))}</tbody></table></section>`}
      ${this.proof()}`;
  }
}

customElements.define("t-journal", JournalElement);
