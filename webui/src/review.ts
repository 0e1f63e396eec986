// The review of alerts: fifty a page in a table, by camera, kind and day, answered by keyboard. What is asked for stands
// in the address. Keys are off while somebody types (WCAG 2.1.4); "?" lists them.
import { LitElement, html, nothing } from "lit";
import { lasted, what } from "./alert-words";
import { type Alert, type AlertList, Refused, type State, type Verdict, alerts as fetchAlerts, answer } from "./api";
import { type Key, NO_WORDS, type Words, locale, plural, t } from "./i18n";
import { begin, follow, lets } from "./look";
import { type Sentence, refused } from "./refused";
import { DAY, midnight, moment, typed } from "./time";

const REFRESH_MS = 3000;
const PAGE = 50;
const SHOWN = 31 * DAY; // as long as anything may be kept
const KINDS = ["active", "passive", "fire", "technical"] as const;
const VIEWS = { "a-voir": "todo", vues: "done", toutes: "all" } as const;
const NAMES = { "a-voir": "review.todo", vues: "review.answered", toutes: "review.all" } as const;
type View = keyof typeof VIEWS;
const KEYS: Record<string, Verdict> = { v: "confirmed", f: "false", d: "unclear" };

export class ReviewElement extends LitElement {
  static override properties = { data: { attribute: false }, found: { state: true }, refusal: { state: true }, done: { state: true }, tick: { state: true } };
  declare data: State | null;
  declare found: AlertList | null;
  declare refusal: Sentence | null;
  declare done: Words;
  declare tick: number;
  private timer = 0;
  private unfollow: (() => void) | null = null;
  private kept = new Map<number, Alert>(); // answered on this page: they stay where they were until it is left

  constructor() {
    super();
    this.data = this.found = null;
    this.refusal = null;
    this.done = NO_WORDS;
    this.tick = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.unfollow = follow(() => this.tick++);
    document.addEventListener("keydown", this.onKey);
    window.addEventListener("popstate", this.onPop);
    void this.poll();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unfollow?.();
    document.removeEventListener("keydown", this.onKey);
    window.removeEventListener("popstate", this.onPop);
    clearTimeout(this.timer);
  }

  private onPop = (): void => {
    this.kept.clear();
    void this.poll();
  };

  private get asked(): URLSearchParams {
    return new URL(location.href).searchParams;
  }

  private get view(): View {
    const view = this.asked.get("vue") ?? "";
    return view in VIEWS ? (view as View) : "a-voir";
  }

  private get page(): number {
    return Math.max(1, Math.floor(Number(this.asked.get("page"))) || 1);
  }

  /** The first and the day behind the last that are asked for, as instants. */
  private get span(): [number, number] {
    const now = this.data!.now_utc_us;
    const day = (name: string) => typed(this.asked.get(name) ?? "", "12:00:00")[0];
    const [from, to] = [day("du"), day("au")];
    const start = from === undefined ? now - SHOWN : midnight(from);
    const end = to === undefined ? now + DAY : midnight(to, 1);
    return [Math.max(0, Math.min(start, end - DAY)), Math.min(end, start + 32 * DAY)];
  }

  /** Another view: its address, and what it holds. */
  private go(change: Record<string, string>): void {
    const asked = this.asked;
    asked.delete("page");
    for (const [name, value] of Object.entries(change)) value ? asked.set(name, value) : asked.delete(name);
    history.pushState(null, "", `/alertes${asked.size > 0 ? `?${asked}` : ""}`);
    this.done = NO_WORDS;
    this.onPop();
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    try {
      if (this.data) {
        const which: Record<string, string | number> = { limit: PAGE, skip: (this.page - 1) * PAGE, state: VIEWS[this.view] };
        for (const [name, key] of [["camera", "cam"], ["kind", "type"]] as const) if (this.asked.get(key)) which[name] = this.asked.get(key)!;
        const [from, to] = this.span;
        this.found = await fetchAlerts(Math.floor(from), Math.ceil(to), which);
        this.refusal = null;
      }
    } catch (error) {
      this.refuse(error);
    } finally {
      if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), this.data ? REFRESH_MS : 200);
    }
  }

  private refuse(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    this.refusal = error.problem;
  }

  /** What the table shows: what the server says, and what was answered here a moment ago. */
  private get rows(): Alert[] {
    const told = this.found?.alerts ?? [];
    const more = [...this.kept.values()].filter((each) => !told.some((other) => other.number === each.number));
    return [...told.map((each) => this.kept.get(each.number) ?? each), ...more].sort((a, b) => b.opened_us - a.opened_us || b.number - a.number);
  }

  private get links(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>("tbody th a")];
  }

  private move(by: 1 | -1): void {
    const links = this.links;
    const at = links.findIndex((each) => each.closest("tr")!.contains(document.activeElement));
    const next = links[at === -1 ? (by > 0 ? 0 : links.length - 1) : at + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  private onKey = (event: KeyboardEvent): void => {
    if ((event.target as Element).closest("input, select, textarea, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") this.move(key === "j" ? 1 : -1);
    else if (key === "?") this.querySelector("dialog")?.showModal();
    else if (key in KEYS) {
      const row = document.activeElement?.closest<HTMLElement>("t-review tbody tr");
      const alert = this.rows.find((each) => String(each.number) === row?.dataset["number"]);
      if (!alert) return;
      void this.settle(alert, KEYS[key]!);
    } else return;
    event.preventDefault();
  };

  private async settle(alert: Alert, verdict: Verdict): Promise<void> {
    try {
      const settled = await answer(alert.number, { verdict, note: "" });
      this.kept.set(alert.number, settled);
      this.done = () => t("review.done", { time: moment(alert.opened_us, this.data!.now_utc_us), verdict: t(`verdictOf.${verdict}`) });
      this.refusal = null;
      await this.updateComplete;
      this.move(1);
      await this.poll();
    } catch (error) {
      this.done = NO_WORDS;
      this.refuse(error);
    }
  }

  /** One click: the alert is the reason, its pictures open and it plays. */
  private async watch(alert: Alert): Promise<void> {
    try {
      if (!lets(alert.camera, alert.opened_us)) await begin({ reason: "alert", alert: alert.number });
      this.dispatchEvent(new CustomEvent("go", { detail: `/alertes?n=${alert.number}`, bubbles: true }));
    } catch (error) {
      this.refuse(error);
    }
  }

  private camera(id: string): string {
    return this.data?.cameras.find((each) => each.id === id)?.name ?? id;
  }

  private filters() {
    const views = Object.keys(VIEWS) as View[];
    const choose = (name: string) => (event: Event) => this.go({ [name]: (event.target as HTMLInputElement).value });
    const waiting = this.found === null ? "" : ` (${this.found.waiting.toLocaleString(locale())})`; // not known is not none
    return html`<div class="filters"><div class="views" role="group" aria-label=${t("review.view")}>${views.map((each) => html`<button aria-pressed=${each === this.view}
        @click=${() => this.go({ vue: each === "a-voir" ? "" : each })}>${t(NAMES[each])}${each === "a-voir" ? waiting : ""}</button>`)}</div>
      <label>${t("jump.camera")} <select @change=${choose("cam")}><option value="">${t("review.any")}</option>${this.data!.cameras.map((each) => html`<option value=${each.id} ?selected=${each.id === this.asked.get("cam")}>${each.name}</option>`)}</select></label>
      <label>${t("report.kind")} <select @change=${choose("type")}><option value="">${t("review.any")}</option>${KINDS.map((each) => html`<option value=${each} ?selected=${each === this.asked.get("type")}>${t(`kind.${each}` as Key)}</option>`)}</select></label>
      <label>${t("review.from")} <input type="date" .value=${this.asked.get("du") ?? ""} @change=${choose("du")}></label>
      <label>${t("review.to")} <input type="date" .value=${this.asked.get("au") ?? ""} @change=${choose("au")}></label></div>`;
  }

  private row(alert: Alert) {
    const now = this.data!.now_utc_us;
    const { verdict } = alert.answer ?? { verdict: null };
    const open = lets(alert.camera, alert.opened_us);
    return html`<tr data-number=${alert.number} class=${verdict ? "answered" : "waiting"}>
      <th scope="row"><a href="/alertes?n=${alert.number}">${what(alert)}</a>${alert.note ? html`<span class="hint">${t("app.quote", { text: alert.note })}</span>` : nothing}</th>
      <td class="picture">${alert.has_picture && open ? html`<img src="/api/v1/alerts/${alert.number}/picture.jpg" alt="" width="96" height="54">`
        : html`<span class="hint">${t(alert.has_picture ? "alerts.shut" : "alerts.noPicture")}</span>`}</td>
      <td data-label=${t("jump.camera")}>${this.camera(alert.camera)}</td>
      <td data-label=${t("review.when")}>${moment(alert.opened_us, now)}<span class="hint">${lasted(alert)}</span></td>
      <td data-label=${t("review.gravity")}>${t(`gravity.${alert.severity}`)}${alert.protected ? nothing : html`<span class="hint warn">${t("alerts.notProtected")}</span>`}</td>
      <td data-label=${t("judge.title")}>${verdict ? html`<span class="chip">${t(`verdictOf.${verdict}`)}</span>` : html`<span class="chip todo">${t("alerts.toAnswer")}</span>`}</td>
      <td class="act"><button @click=${() => void this.watch(alert)} aria-label=${t("alerts.settleOf", { number: alert.number })}>${t("alerts.settle")}</button></td></tr>`;
  }

  private pages() {
    const last = Math.max(1, Math.ceil((this.found?.count ?? 0) / PAGE));
    if (last === 1 && this.page === 1) return nothing;
    const link = (page: number, words: Key) => html`<button ?disabled=${page < 1 || page > last} @click=${() => this.go({ page: page === 1 ? "" : String(page) })}>${t(words)}</button>`;
    return html`<p class="pages">${link(this.page - 1, "review.newer")} <span>${t("review.page", { n: this.page, all: last })}</span> ${link(this.page + 1, "review.older")}</p>`;
  }

  private keys() {
    const rows: [string, Key][] = [["J  K", "review.keyMove"], ["V", "judge.confirmed"], ["F", "judge.false"], ["D", "judge.unclear"], [t("review.enter"), "review.keyOpen"], ["?", "review.keyHelp"]];
    return html`<dialog aria-labelledby="keys"><h2 id="keys">${t("keys.title")}</h2><div class="keys"><dl>${rows.map(([key, words]) => html`<dt>${key}</dt><dd>${t(words)}</dd>`)}</dl></div>
      <p>${t("review.keyNote")}</p><form method="dialog"><button class="primary">${t("review.close")}</button></form></dialog>`;
  }

  protected override render() {
    if (!this.data) return html`<p>${t("play.loading")}</p>`;
    const rows = this.rows;
    const none = this.view === "a-voir" ? t("review.noneTodo") : t("review.none");
    return html`${this.filters()}${refused(this.refusal)}
      ${this.found === null ? (this.refusal ? nothing : html`<p>${t("play.loading")}</p>`) : rows.length === 0 ? html`<p class="card">${none}</p>`
        : html`<section class="card"><p class="hint">${plural("review.count", this.found.count)} <button class="plain typing" @click=${() => this.querySelector("dialog")?.showModal()}>${t("keys.title")} (?)</button></p>
          <table class="stack review"><thead><tr><th scope="col">${t("review.what")}</th><td></td><th scope="col">${t("jump.camera")}</th><th scope="col">${t("review.when")}</th>
          <th scope="col">${t("review.gravity")}</th><th scope="col">${t("judge.title")}</th><td></td></tr></thead><tbody>${rows.map((each) => this.row(each))}</tbody></table>${this.pages()}</section>`}
      <p class="notice" role="status">${this.done()}</p>${this.keys()}`;
  }
}

customElements.define("t-review", ReviewElement);
