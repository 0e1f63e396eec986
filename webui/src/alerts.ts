// Alerts: the list, one alert played with what was seen drawn on it, a person's verdict, a fact reported by hand.
import { LitElement, html, nothing } from "lit";
import { type Alert, type Detection, type Sighting, type State, type Verdict, Refused, alert as fetchAlert, answer, detection as fetchDetection, report } from "./api";
import { lasted, what } from "./alert-words";
import { type Key, NO_WORDS, type Words, locale, t } from "./i18n";
import { type Sentence, refused } from "./refused";
import "./playback";
import "./review";
import { SECOND, longDate, moment, when } from "./time";

const REFRESH_MS = 3000;
const BEFORE = 3 * SECOND; // of the first sight: who enters is seen entering
const VERDICTS: Verdict[] = ["confirmed", "false", "unclear"];
const KINDS = ["active", "passive", "fire", "technical"] as const;

export class AlertsElement extends LitElement {
  static override properties = {
    data: { attribute: false }, number: { type: Number }, how: { state: true },
    open: { state: true }, boxes: { state: true }, refusal: { state: true }, done: { state: true },
  };
  declare data: State | null;
  declare number: number | null;
  declare open: Alert | null;
  declare boxes: Sighting[];
  declare how: Detection | null;
  declare refusal: Sentence | null;
  declare done: Words;
  private timer = 0;

  constructor() {
    super();
    this.data = this.open = this.how = null;
    this.number = null;
    this.boxes = [];
    this.refusal = null;
    this.done = NO_WORDS;
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

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has("number")) {
      this.open = null;
      this.boxes = [];
      this.refusal = null;
      this.done = NO_WORDS;
      void this.poll();
    }
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    try {
      if (this.number !== null) {
        const found = await fetchAlert(this.number);
        if (found.alert.number !== this.number) return;
        this.open = found.alert;
        if (found.sightings.length !== this.boxes.length) this.boxes = found.sightings;
      } else if (this.data) {
        this.how = await fetchDetection();
      }
      if (this.done === NO_WORDS && this.number !== null) this.refusal = null;
    } catch (error) {
      if (this.number !== null) this.refuse(error);
      else if (error instanceof Refused) this.how = null; // the list says why
      else throw error;
    } finally {
      if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), this.data ? REFRESH_MS : 200);
    }
  }

  private refuse(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    this.refusal = error.problem;
  }

  private camera(id: string): string {
    return this.data?.cameras.find((each) => each.id === id)?.name ?? id;
  }

  protected override render() {
    if (!this.data) return html`<p>${t("play.loading")}</p>`;
    return this.number === null ? this.all() : this.one();
  }

  private all() {
    return html`<h1>${t("alerts.title")}</h1><t-review .data=${this.data}></t-review>
      ${refused(this.refusal)}${this.reporting()}${this.detection()}`;
  }

  /** What told these alerts, and how often it was wrong: who trusts a list must know both. */
  private detection() {
    const how = this.how;
    if (!how) return nothing;
    const { model } = how;
    const words = !model.name ? t("detection.none") : model.demo ? t("detection.demo", { name: model.name }) : t("detection.model", { name: model.name, interpreter: model.interpreter });
    const answered = how.rates.filter((each) => each.alerts > 0);
    return html`<section class="card"><h2>${t("detection.title")}</h2><p>${words}</p>
      ${model.fell_back ? html`<p class="refusal">${t("detection.fellBack", { interpreter: model.interpreter })}</p>` : nothing}
      ${how.noisy.map((each) => html`<p class="refusal">${t("detection.noisy", { name: this.camera(each) })}</p>`)}
      ${answered.length === 0 ? nothing : html`<table class="stack"><thead><tr><th scope="col">${t("cameras.name")}</th><th scope="col">${t("detection.week")}</th><th scope="col">${t("detection.alerts")}</th><th scope="col">${t("detection.false")}</th></tr></thead>
        <tbody>${answered.map((each) => html`<tr><th scope="row">${this.camera(each.camera)}</th><td data-label=${t("detection.week")}>${longDate(each.week_us)}</td>
          <td data-label=${t("detection.alerts")}>${each.alerts}</td><td data-label=${t("detection.false")}>${t("detection.of", { n: each.false, all: each.answered })}</td></tr>`)}</tbody></table>`}</section>`;
  }

  private chips(alert: Alert) {
    const verdict = alert.answer ? html`<span class="chip ${alert.answer.verdict}">${t(`verdictOf.${alert.answer.verdict}`)}</span>` : html`<span class="chip todo">${t("alerts.toAnswer")}</span>`;
    return html`${verdict}<span class="chip">${t(`severity.${alert.severity}` as Key)}</span>
      ${alert.protected ? html`<span class="chip">${t("alerts.protected")}</span>` : html`<span class="chip todo">${t("alerts.notProtected")}</span>`}`;
  }

  private one() {
    const alert = this.open;
    if (!alert) return html`<p><a href="/alertes">‹ ${t("alerts.back")}</a></p>${this.refusal ? refused(this.refusal) : html`<p>${t("play.loading")}</p>`}`;
    const now = this.data!.now_utc_us;
    return html`<p><a href="/alertes">‹ ${t("alerts.back")}</a></p>
      <h1>${what(alert)} <span class="at-camera">${this.camera(alert.camera)}</span></h1>
      <p>${moment(alert.opened_us, now)} · ${lasted(alert)}</p>
      <p class="chips">${this.chips(alert)}</p>
      ${alert.cameras.length > 1 ? html`<p>${t("alerts.linked")} ${alert.cameras.slice(1).map((each) => html`<a href="/lecture?cam=${each}&t=${alert.opened_us - BEFORE}">${this.camera(each)}</a> `)}</p>` : nothing}
      <t-playback .data=${this.data} .camera=${alert.camera} .start=${alert.opened_us - BEFORE} .boxes=${this.boxes} .alert=${alert.number} .home=${`/alertes?n=${alert.number}`}></t-playback>
      ${this.judging(alert)}
      <details><summary>${t("alerts.why", { score: alert.score.toLocaleString(locale()) })}</summary><ul>
        <li>${t("points.rule", { n: alert.points.rule })}</li><li>${t("points.sight", { n: alert.points.sight })}</li>
        <li>${t("points.rarity", { n: alert.points.rarity })}</li><li>${t("points.persistence", { n: alert.points.persistence })}</li></ul></details>`;
  }

  private judging(alert: Alert) {
    const given = alert.answer;
    return html`<form class="card judge" @submit=${(event: SubmitEvent) => void this.judge(event, alert)}>
      <h2>${t("judge.title")}</h2>
      ${given ? html`<p>${t("judge.given", { verdict: t(`verdictOf.${given.verdict}`), by: given.by, time: when(given.utc_us, this.data!.now_utc_us) })}${given.note ? ` ${t("app.quote", { text: given.note })}` : ""}</p>` : nothing}
      <fieldset><legend>${t("judge.legend")}</legend>${VERDICTS.map((each) => html`<label><input type="radio" name="verdict" value=${each} required> ${t(`judge.${each}` as Key)}</label>`)}</fieldset>
      <label>${t("judge.note")} <input name="note" maxlength="500"></label>
      <button class="primary">${t("judge.send")}</button>
      <p class="notice" role="status">${this.done()}</p>
      ${refused(this.refusal)}</form>`;
  }

  private async judge(event: SubmitEvent, alert: Alert): Promise<void> {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    try {
      this.open = await answer(alert.number, { verdict: String(fields.get("verdict")) as Verdict, note: String(fields.get("note")).trim() });
      this.refusal = null;
      this.done = () => t("judge.done");
    } catch (error) {
      this.done = NO_WORDS;
      this.refuse(error);
    }
  }

  private reporting() {
    return html`<details class="card report"><summary>${t("report.title")}</summary>
      <form @submit=${(event: SubmitEvent) => void this.send(event)}><p class="hint">${t("report.hint")}</p>
      <label>${t("jump.camera")} <select name="camera">${this.data!.cameras.map((each) => html`<option value=${each.id}>${each.name}</option>`)}</select></label>
      <label>${t("report.kind")} <select name="kind">${KINDS.map((each) => html`<option value=${each}>${t(`kind.${each}` as Key)}</option>`)}</select></label>
      <label>${t("report.note")} <input name="note" required minlength="3" maxlength="500"></label>
      <button class="primary">${t("report.send")}</button></form></details>`;
  }

  private async send(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    this.refusal = null;
    try {
      const number = await report({ camera: String(fields.get("camera")), kind: String(fields.get("kind")), note: String(fields.get("note")).trim() });
      this.dispatchEvent(new CustomEvent("go", { detail: `/alertes?n=${number}`, bubbles: true }));
    } catch (error) {
      this.refuse(error);
    }
  }
}


declare global {
  interface HTMLElementTagNameMap {
    "t-alerts": AlertsElement;
  }
}

customElements.define("t-alerts", AlertsElement);
