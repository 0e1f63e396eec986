// "Date and hour": an instant of a camera in two actions, typing and Go.
import { LitElement, html, nothing } from "lit";
import type { Camera } from "./api";
import { t } from "./i18n";
import { MINUTE, SECOND, clock, dateField, timeField, typed, zoneName } from "./time";

export class JumpElement extends LitElement {
  static override properties = {
    cameras: { attribute: false }, camera: {}, at: { type: Number }, date: { state: true }, time: { state: true },
  };
  declare cameras: Camera[];
  declare camera: string;
  declare at: number | null; // what the fields show until someone types
  declare date: string;
  declare time: string;
  private touched = false;
  private second = false;

  constructor() {
    super();
    this.cameras = [];
    this.camera = "";
    this.at = null;
    this.date = this.time = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override willUpdate(): void {
    if (this.touched || this.at === null) return;
    this.date = dateField(this.at);
    this.time = timeField(this.at);
  }

  /** Put the keyboard into the date. */
  start(): void {
    this.querySelector<HTMLInputElement>("input[type=date]")?.focus();
  }

  private typedInto(field: "date" | "time", event: Event): void {
    this.touched = true;
    this[field] = (event.target as HTMLInputElement).value;
  }

  private go(event: Event): void {
    event.preventDefault();
    const found = typed(this.date, this.time);
    const at = found[this.second ? found.length - 1 : 0];
    if (at === undefined) return;
    this.touched = this.second = false;
    this.dispatchEvent(new CustomEvent("jump", { detail: { camera: this.camera, at }, bubbles: true }));
  }

  protected override render() {
    const found = typed(this.date, this.time);
    return html`<form class="jump" @submit=${this.go}>
      <label>${t("jump.camera")}
        <select @change=${(event: Event) => {
          this.camera = (event.target as HTMLSelectElement).value;
          this.dispatchEvent(new CustomEvent("camera", { detail: this.camera, bubbles: true }));
        }}>
          ${this.cameras.map((each) => html`<option value=${each.id} ?selected=${each.id === this.camera}>${each.name}</option>`)}
        </select></label>
      <label>${t("jump.date")}<input type="date" required .value=${this.date} @input=${(event: Event) => this.typedInto("date", event)}></label>
      <label>${t("jump.time")}<input class="hour" required autocomplete="off" maxlength="10" pattern="([01]?\\d|2[0-3])[:hH][0-5]\\d([:m][0-5]\\d)?s?" title=${t("jump.format")} placeholder="14:30:00" .value=${this.time} @input=${(event: Event) => this.typedInto("time", event)}></label>
      ${found.length > 1
        ? html`<label>${t("jump.which")}<select @change=${(event: Event) => (this.second = (event.target as HTMLSelectElement).value === "1")}>
            <option value="0">${t("jump.first")} ${clock(found[0]!)}</option><option value="1">${t("jump.second")} ${clock(found[1]!)}</option></select></label>`
        : nothing}
      <button class="primary" type="submit">${t("jump.go")}</button>
      <span class="hint">${t("jump.zone", { zone: zoneName() })}</span>
    </form>`;
  }
}

/** A minute ago, or the first whole second of a ring younger than that. */
export function suggested(camera: Camera | undefined, now: number): number {
  const first = Object.values(camera?.streams ?? {}).reduce((most, each) => Math.max(most, each.first_utc_us ?? 0), 0);
  return Math.max(Math.floor(now / MINUTE - 1) * MINUTE, Math.ceil(first / SECOND) * SECOND);
}

customElements.define("t-jump", JumpElement);
