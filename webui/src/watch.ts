// What is watched now, why the rest is not, and a person's word on it: on the home page.
import { LitElement, html, nothing } from "lit";
import { type Armed, type State, arm, arming } from "./api";
import { said, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { SETTLED, type Stop, askSecond } from "./second-api";
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
    window.addEventListener(SETTLED, this.poll);
    void this.poll();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener(SETTLED, this.poll);
    clearTimeout(this.timer);
  }

  private poll = async (): Promise<void> => {
    clearTimeout(this.timer);
    try {
      const why = await refusalOf(async () => (this.cameras = await arming()));
      if (why) this.cameras = null;
      if (why || !this.alone) this.refusal = why;
    } finally {
      clearTimeout(this.timer); // two readings may have crossed: one goes on
      if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), REFRESH_MS);
    }
  };

  /** Home says beside "all is well" on how many cameras a person has suspended detection. */
  protected override updated(changed: Map<string, unknown>): void {
    if (!changed.has("cameras") || this.cameras === null) return;
    const suspended = this.cameras.filter((each) => each.word !== null && each.watch !== "persons").length;
    this.dispatchEvent(new CustomEvent("suspended", { detail: suspended }));
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
    const why = await refusalOf(async () => (this.cameras = await arm({ ...what, armed: fields.get("armed") === "yes" })));
    this.refusal = why;
    this.alone = why?.code === "second-needed" ? what : null;
    if (!why) form.reset();
  }

  private async askSecond(what: Stop): Promise<void> {
    this.refusal = await refusalOf(() => askSecond(what));
    if (this.refusal) return;
    this.alone = null;
    this.querySelector("form")?.reset();
    window.scrollTo(0, 0);
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
