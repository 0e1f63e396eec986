// What is watched now, why the rest is not, and a person's word on it: on the home page.
import { LitElement, html, nothing } from "lit";
import { type Armed, Refused, arm, arming } from "./api";
import type { State } from "./api";
import { said, t } from "./i18n";
import { type Sentence, refused } from "./refused";
import { type Stop, askSecond } from "./second-api";
import { HOUR, moment } from "./time";

const REFRESH_MS = 5000;
const HOURS = [1, 4, 12, 24, 72]; // the longest is a long weekend; what lasts longer belongs in the calendar

export class WatchElement extends LitElement {
  static override properties = { data: { attribute: false }, rights: { attribute: false }, cameras: { state: true }, refusal: { state: true }, alone: { state: true } };
  declare data: State | null;
  declare rights: ReadonlySet<string> | null;
  declare cameras: Armed[] | null;
  declare refusal: Sentence | null;
  declare alone: Stop | null; // what one person alone may not do
  private timer = 0;

  constructor() {
    super();
    this.data = this.rights = this.cameras = this.alone = null;
    this.refusal = null;
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
    try {
      this.cameras = await arming();
      if (!this.alone) this.refusal = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.cameras = null;
      this.refusal = error.problem;
    } finally {
      if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), REFRESH_MS);
    }
  }

  private async say(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const camera = String(fields.get("camera"));
    const what: Stop = {
      cameras: camera ? [camera] : this.cameras?.map((each) => each.camera) ?? [], why: String(fields.get("why")).trim(),
      until_us: this.data!.now_utc_us + Number(fields.get("hours")) * HOUR,
    };
    this.alone = null;
    try {
      this.cameras = await arm({ ...what, armed: fields.get("armed") === "yes" });
      this.refusal = null;
      form.reset();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refusal = error.problem;
      if (error.problem.code === "second-needed") this.alone = what;
    }
  }

  private async askSecond(what: Stop): Promise<void> {
    try {
      await askSecond(what);
      this.alone = null;
      this.refusal = null;
      this.querySelector("form")?.reset();
      window.scrollTo(0, 0);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refusal = error.problem;
    }
  }

  protected override render() {
    const state = this.data;
    if (!state) return nothing;
    return html`<section class="card"><h2>${t("watch.title")}</h2>
      ${refused(this.refusal)}
      ${this.alone ? html`<p class="notice">${t("second.why")} <button class="primary ask" @click=${() => void this.askSecond(this.alone!)}>${t("second.ask")}</button></p>` : nothing}
      ${this.cameras === null ? nothing : html`<table class="stack"><thead><tr><th scope="col">${t("cameras.name")}</th><th scope="col">${t("cameras.state")}</th><th scope="col">${t("watch.until")}</th></tr></thead>
        <tbody>${this.cameras.map((each) => this.row(each, state))}</tbody></table>
      ${this.rights !== null && !this.rights.has("arm") ? nothing : html`<details class="report"><summary>${t("watch.change")}</summary><form @submit=${(event: SubmitEvent) => void this.say(event)}>
        <label>${t("jump.camera")} <select name="camera">${[...state.cameras, { id: "", name: t("watch.all") }].map((each) => html`<option value=${each.id}>${each.name}</option>`)}</select></label>
        <label>${t("watch.what")} <select name="armed"><option value="no">${t("watch.stop")}</option><option value="yes">${t("watch.start")}</option></select></label>
        <label>${t("watch.for")} <select name="hours">${HOURS.map((each) => html`<option value=${each}>${t("watch.hours", { n: each })}</option>`)}</select></label>
        <label>${t("watch.why")} <input name="why" required minlength="5" maxlength="500"></label>
        <button>${t("watch.send")}</button><p class="hint">${t("watch.hint")}</p></form></details>`}`}</section>`;
  }

  private row(each: Armed, state: State) {
    const name = state.cameras.find((camera) => camera.id === each.camera)?.name ?? each.camera;
    const on = each.watch === "persons";
    return html`<tr><th scope="row">${name}</th>
      <td data-label=${t("cameras.state")}><span class="state ${on ? "recording" : "resting"}"><span class="dot" aria-hidden="true"></span><span>${said(each)}
        ${each.word ? html`<span class="hint">${t("watch.word", { by: each.word.by, why: each.word.why })}</span>` : nothing}</span></span></td>
      <td data-label=${t("watch.until")}>${each.until_us === null ? t("watch.never") : moment(each.until_us, state.now_utc_us)}</td></tr>`;
  }
}

customElements.define("t-watch", WatchElement);
