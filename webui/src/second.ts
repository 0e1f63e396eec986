// On the home page: what waits for another person's signature, and the way before two witnesses when nobody answers or can.
import { LitElement, html, nothing } from "lit";
import { Refused, type State } from "./api";
import { NO_WORDS, type Words, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { ASKED, type SecondRequest, seconds, signSecond, urgeSecond } from "./second-api";
import { countdown, dated, when } from "./time";

const REFRESH_MS = 2000;
const LEFT_MS = 1000; // the time that remains is shown in seconds

export class SecondElement extends LitElement {
  static override properties = { data: { attribute: false }, requests: { state: true }, refusal: { state: true }, done: { state: true }, asked: { state: true }, tick: { state: true } };
  declare data: State | null;
  declare requests: SecondRequest[];
  declare refusal: Sentence | null;
  declare done: Words;
  declare asked: boolean; // on this page, and nobody has answered yet
  declare tick: number;
  private readAt = 0; // ms of this page
  private timer = 0;
  private ticking = 0;

  constructor() {
    super();
    this.data = null;
    this.requests = [];
    this.refusal = null;
    this.done = NO_WORDS;
    this.asked = false;
    this.tick = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener(ASKED, this.again);
    this.ticking = window.setInterval(() => this.requests.length > 0 && this.tick++, LEFT_MS);
    void this.poll();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener(ASKED, this.again);
    clearInterval(this.ticking);
    clearTimeout(this.timer);
  }

  private again = (): void => {
    this.done = NO_WORDS;
    this.asked = true;
    void this.poll();
  };

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.requests = (await seconds()).filter((each) => each.stage !== "over");
      if (this.asked && !this.requests.some((each) => each.mine && each.stage === "waiting")) this.asked = false;
      this.readAt = performance.now();
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the frame says that the recorder is silent
    } finally {
      clearTimeout(this.timer); // two readings may have crossed: one goes on
      if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), REFRESH_MS);
    }
  }

  private async sure(work: Promise<void>, words: Words): Promise<void> {
    this.refusal = await refusalOf(() => work);
    this.done = this.refusal ? NO_WORDS : words;
    await this.poll();
  }

  private what(each: SecondRequest, state: State): string {
    const whole = state.cameras.every((camera) => each.cameras.includes(camera.id));
    return whole ? t("second.whole") : each.cameras.map((id) => state.cameras.find((camera) => camera.id === id)?.name ?? id).join(", ");
  }

  private urge(event: SubmitEvent, number: number): void {
    event.preventDefault();
    const names = new FormData(event.target as HTMLFormElement).getAll("witness").map((each) => String(each).trim());
    void this.sure(urgeSecond(number, names), () => t("second.doneUnsigned"));
  }

  private way(each: SecondRequest) {
    if (each.stage === "signed") return html`<p><b>${t("second.signed", { signer: each.signer })}</b></p>`;
    if (each.stage === "unsigned") return html`<p><b>${t("second.unsigned", { witnesses: each.witnesses.join(", ") })}</b></p>`;
    const left = Math.max(0, each.waits_us - (performance.now() - this.readAt) * 1000);
    if (!each.mine) {
      return html`<p>${t("second.yours")}${each.stage === "waiting" ? html` <b class="left">${t("look.left", { time: countdown(left) })}</b>` : nothing}</p>
        <button class="primary" @click=${() => void this.sure(signSecond(each.number), () => t("second.doneSigned"))}>${t("second.sign", { asker: each.asker })}</button>`;
    }
    if (each.stage === "waiting") return html`<p>${t("second.wait")} <b class="left">${t("look.left", { time: countdown(left) })}</b></p>`;
    const witness = (n: number) => html`<label>${t("second.witness", { n })} <input name="witness" required maxlength="80" autocomplete="off"></label>`;
    return html`<form class="stacked" @submit=${(event: SubmitEvent) => this.urge(event, each.number)}><p>${t(each.nobody_else ? "second.alone" : "second.urgent")}</p>
      ${witness(1)}${witness(2)}<p class="buttons"><button class="primary">${t("second.urge")}</button></p></form>`;
  }

  protected override render() {
    const state = this.data;
    if (!state || (this.requests.length === 0 && !this.refusal)) return nothing;
    const now = state.now_utc_us;
    const row = (each: SecondRequest) => html`<li><p class="what">${t("second.what", { asker: each.asker, what: this.what(each, state), time: dated(each.until_us, now) })}
      <span class="since">${t("second.at", { time: when(each.asked_us, now) })}</span></p><p class="hint">${t("app.quote", { text: each.why })}</p>${this.way(each)}</li>`;
    return html`<section class="card issues"><h2>${t("second.title")}</h2><ul>${this.requests.map(row)}</ul>
      <p class="notice" role="status">${this.asked ? t("second.asked") : this.done()}</p>
      ${refused(this.refusal)}</section>`;
  }
}

customElements.define("t-second", SecondElement);
