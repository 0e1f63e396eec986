// The recorder's time beside this device's, and a person's word that it is right.
import { LitElement, html, nothing } from "lit";
import { type State, ask } from "./api";
import en from "./clock-en.json";
import fr from "./clock-fr.json";
import { language, put, said } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { SECOND, clock, length, longDate } from "./time";

const APART_US = 30 * SECOND; // less is how two clocks that are both right differ
const BEAT_MS = 1000;

type Word = keyof typeof fr;
const english: Record<Word, string> = en;

const w = (key: Word, values: Record<string, string | number> = {}): string => put(language() === "fr" ? fr[key] : english[key], values);

export class ClockElement extends LitElement {
  static override properties = { data: { attribute: false }, refusal: { state: true }, done: { state: true }, busy: { state: true } };
  declare data: State | null;
  declare refusal: Sentence | null;
  declare done: boolean;
  declare busy: boolean;
  private timer = 0;
  private told = 0; // UTC us that the recorder told last
  private heard = 0; // ms of this page when it did

  constructor() {
    super();
    this.data = this.refusal = null;
    this.done = this.busy = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => this.requestUpdate(), BEAT_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  protected override willUpdate(): void {
    if (!this.data || this.data.now_utc_us === this.told) return;
    this.told = this.data.now_utc_us;
    this.heard = performance.now();
  }

  /** The recorder's time now, UTC us. */
  private now(): number {
    return this.told + Math.round((performance.now() - this.heard) * 1000);
  }

  private async confirm(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.refusal = null;
    this.refusal = await refusalOf(() => ask("/api/v1/clock/confirm", { shown_us: this.now() })).finally(() => (this.busy = false));
    this.done = this.refusal === null;
  }

  protected override render() {
    const { data } = this;
    if (!data) return html`<h1>${w("clock.heading")}</h1>`;
    const now = this.now();
    const own = Date.now() * 1000;
    const apart = now - own;
    const near = Math.abs(apart) < APART_US;
    const verified = !data.clock || data.clock.state === "verified";
    return html`<h1>${w("clock.heading")}</h1>${refused(this.refusal)}<p role="status">${this.done ? w("clock.done") : ""}</p>
      <section class="card proof"><dl class="times"><dt>${w("clock.recorder")}</dt><dd><b>${clock(now)}</b> <span class="hint">${longDate(now)}</span></dd>
        <dt>${w("clock.yours")}</dt><dd><b>${clock(own)}</b> <span class="hint">${longDate(own)}</span></dd></dl>
        <p class=${near ? "hint" : "refusal"}>${near ? w("clock.same") : w(apart > 0 ? "clock.ahead" : "clock.behind", { time: length(Math.abs(apart)) })}</p>
        ${verified ? html`<p>${w("clock.well")}</p>` : html`<p>${data.clock ? said(data.clock) : nothing}</p>`}
        ${verified || this.done ? nothing : html`<p>${w("clock.compare")}</p>
          <p><button class=${near ? "primary" : ""} ?disabled=${this.busy} @click=${() => void this.confirm()}>${w("clock.right")}</button></p>
          <p class="hint">${w("clock.wrong")}</p>`}</section>`;
  }
}

customElements.define("t-clock", ClockElement);
