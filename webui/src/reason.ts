// Opening pictures: the dialog that asks why, and the bar that says what is open and for how long.
import { LitElement, html, nothing } from "lit";
import { type Look, type LookReason, type State } from "./api";
import { begin, end, follow, justify, opened, remaining, toJustify } from "./look";
import { type Key, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { HOUR, MINUTE, countdown, dated, length } from "./time";

const REASONS: LookReason[] = ["doubt", "damage", "access", "judicial", "urgency"]; // an alert is its own reason
const SPANS = [2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR];
const USUAL = 10 * MINUTE;
const SOON = MINUTE; // of what remains: said aloud

export class ReasonElement extends LitElement {
  static override properties = {
    data: { attribute: false }, cameras: { attribute: false }, at: { type: Number }, reason: { state: true }, refusal: { state: true },
  };
  declare data: State | null;
  declare cameras: string[]; // that stand on the screen
  declare at: number | null;
  declare reason: LookReason;
  declare refusal: Sentence | null;

  constructor() {
    super();
    this.data = this.at = null;
    this.refusal = null;
    this.cameras = [];
    this.reason = "doubt";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  ask(): void {
    this.refusal = null;
    this.querySelector("dialog")?.showModal();
  }

  private async send(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const at = this.at ?? 0;
    const half = Number(fields.get("span")) / 2;
    this.refusal = await refusalOf(() => begin({
      reason: this.reason, text: String(fields.get("text") ?? "").trim(), number: String(fields.get("number") ?? "").trim(),
      cameras: fields.getAll("camera").map(String), from_us: Math.max(0, at - half), to_us: at + half,
    }));
    if (this.refusal) return;
    form.reset();
    this.reason = "doubt";
    this.querySelector("dialog")?.close();
  }

  protected override render() {
    const state = this.data;
    const urgent = this.reason === "urgency";
    if (!state) return nothing;
    return html`<dialog class="reason" aria-labelledby="reason-title"><form @submit=${(event: SubmitEvent) => void this.send(event)}>
      <h2 id="reason-title">${t("reason.title")}</h2>
      <p class="hint">${t("reason.hint")}</p>
      <label>${t("reason.which")} <select name="reason" @change=${(event: Event) => (this.reason = (event.target as HTMLSelectElement).value as LookReason)}>
        ${REASONS.map((each) => html`<option value=${each} ?selected=${each === this.reason}>${t(`reason.${each}` as Key)}</option>`)}</select></label>
      <label>${t(urgent ? "reason.textLater" : "reason.text")} <textarea name="text" rows="3" minlength="10" maxlength="500" ?required=${!urgent}></textarea></label>
      ${this.reason === "judicial" ? html`<label>${t("reason.number")} <input name="number" required maxlength="64"></label>` : nothing}
      <fieldset><legend>${t("reason.cameras")}</legend>${state.cameras.map((each) => html`<label><input type="checkbox" name="camera" value=${each.id} .checked=${this.cameras.includes(each.id)}> ${each.name}</label>`)}</fieldset>
      <label>${t("reason.span", { time: this.at === null ? "" : dated(this.at, state.now_utc_us) })} <select name="span">
        ${SPANS.map((each) => html`<option value=${each} ?selected=${each === USUAL}>${length(each)}</option>`)}</select></label>
      ${refused(this.refusal)}
      <p class="buttons"><button type="button" @click=${() => this.querySelector("dialog")?.close()}>${t("reason.cancel")}</button>
        <button class="primary">${t("reason.open")}</button></p></form></dialog>`;
  }
}

export class LooksElement extends LitElement {
  static override properties = { data: { attribute: false }, tick: { state: true }, refusal: { state: true } };
  declare data: State | null;
  declare tick: number;
  declare refusal: Sentence | null;
  private unfollow: (() => void) | null = null;

  constructor() {
    super();
    this.data = null;
    this.tick = 0;
    this.refusal = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.unfollow = follow(() => this.tick++);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unfollow?.();
  }

  private async sure(work: Promise<void>): Promise<void> {
    this.refusal = await refusalOf(() => work);
  }

  private names(look: Look): string {
    return look.cameras.map((each) => this.data?.cameras.find((camera) => camera.id === each)?.name ?? each).join(", ");
  }

  private open(look: Look) {
    const left = remaining(look);
    return html`<p class="look"><span>${t("look.bar", { number: look.number, reason: t(`reason.${look.reason}` as Key), cameras: this.names(look) })}
      <b class="left">${t("look.left", { time: countdown(left) })}</b></span>
      <button @click=${() => void this.sure(end(look))} aria-label=${t("look.closeOf", { number: look.number })}>${t("look.close")}</button>
      <span class="aside" role="status">${left > 0 && left < SOON ? t("look.soon") : ""}</span></p>`;
  }

  private urgent(look: Look) {
    const now = this.data!.now_utc_us;
    const before = look.justify_before_us ?? 0;
    const words = t(now < before ? "look.justify" : "look.late", { number: look.number, time: dated(before, now) });
    return html`<details class="look urgent"><summary><b>${words}</b></summary>
      <form @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        void this.sure(justify(look, String(new FormData(event.target as HTMLFormElement).get("text")).trim()));
      }}><label>${t("look.justifyWhy")} <textarea name="text" rows="2" required minlength="10" maxlength="500"></textarea></label>
      <button class="primary">${t("look.justifySend")}</button></form></details>`;
  }

  protected override render() {
    if (!this.data) return nothing;
    const [open, urgent] = [opened(), toJustify()];
    if (open.length + urgent.length === 0 && !this.refusal) return nothing;
    return html`<section class="looks" aria-label=${t("look.title")}>${open.map((each) => this.open(each))}${urgent.map((each) => this.urgent(each))}
      ${refused(this.refusal)}</section>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "t-reason": ReasonElement;
  }
}

customElements.define("t-reason", ReasonElement);
customElements.define("t-looks", LooksElement);
