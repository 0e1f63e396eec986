// Over the time line: a small picture of where the mouse points, decoded in the browser from the light stream.
//
// Nothing is asked for, and nothing shown, that is not open already, and nothing more once the server has refused: a
// mouse that passes is no reason to look. The buffer's GOPs are the cache.
import { LitElement, html, nothing } from "lit";
import type { Camera, Quality, Timeline } from "./api";
import { Refused } from "./api";
import { GopBuffer, Unsupported } from "./buffer";
import { holeIn } from "./holes";
import { said, t } from "./i18n";
import { shut } from "./look";
import { shown } from "./screen";
import { MINUTE, clock, clockMillis, moment } from "./time";

const REST_MS = 60; // between two pictures: 16 GOPs a second at most, however fast the mouse
const HALF = 92; // px: half of the box, which stays inside the line

export interface Pointed {
  at: number;
  x: number; // px from the line's left
}

export class HoverElement extends LitElement {
  static override properties = {
    camera: { attribute: false }, history: { attribute: false }, opened: { type: Boolean }, pointed: { attribute: false }, span: {}, now: {},
    cause: { state: true }, dark: { state: true },
  };
  declare camera: Camera | undefined;
  declare history: Timeline | null;
  declare opened: boolean; // an instant of this camera has been opened
  declare pointed: Pointed | null;
  declare span: number; // us that the line shows
  declare now: number;
  declare cause: string; // why there is no picture
  declare dark: boolean; // none can be shown: the browser does not decode it, or the server refuses
  private buffer: GopBuffer | null = null;
  private wanted: number | null = null;
  private busy = false;
  private locked = true; // this instant is not open to whoever points at it

  constructor() {
    super();
    this.camera = undefined;
    this.history = this.pointed = null;
    this.opened = this.dark = false;
    this.span = this.now = 0;
    this.cause = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.forget();
  }

  private forget(): void {
    this.buffer?.close();
    this.buffer = null;
    this.wanted = null;
    this.dark = false;
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("camera") as Camera | undefined;
    if ((changed.has("camera") && before?.id !== this.camera?.id) || changed.has("opened")) this.forget();
    const hole = this.pointed && this.camera ? holeIn(this.history, this.camera.id, this.pointed.at) : null;
    this.locked = !this.pointed || !this.camera || shut(this.camera.id, this.pointed.at) !== null;
    this.cause = hole ? said(hole) : "";
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (!this.pointed) return;
    const wide = this.parentElement?.clientWidth ?? 0;
    this.style.left = `${Math.max(HALF, Math.min(wide - HALF, this.pointed.x))}px`;
    if (!changed.has("pointed") || !this.opened || this.locked || this.dark || this.cause || this.pointed.at >= this.now) return;
    this.wanted = this.pointed.at;
    void this.run();
  }

  private async run(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted !== null && !this.dark) {
        const at: number = this.wanted;
        this.wanted = null;
        await this.show(at);
        await new Promise((resolve) => window.setTimeout(resolve, REST_MS));
      }
    } finally {
      this.busy = false;
    }
  }

  private async show(at: number): Promise<void> {
    const video = this.querySelector("video");
    if (!video || !this.camera) return;
    const quality: Quality = this.camera.streams.sub ? "sub" : "main";
    this.buffer ??= new GopBuffer(video, this.camera.id);
    const buffer = this.buffer;
    try {
      const gop = buffer.find(at, quality) ?? (await buffer.fetch(at, quality));
      if (buffer === this.buffer) await shown(video, buffer, gop, at);
    } catch (error) {
      if (buffer !== this.buffer) return; // another camera meanwhile
      if (error instanceof Unsupported || (error instanceof Refused && error.problem.status !== 404)) this.dark = true;
      else if (!(error instanceof Refused)) throw error;
    }
  }

  protected override render() {
    this.hidden = !this.pointed;
    const at = this.pointed?.at ?? 0;
    const picture = this.opened && !this.locked && !this.dark && !this.cause && at < this.now;
    return html`<div class="peek" aria-hidden="true"><video muted playsinline tabindex="-1" ?hidden=${!picture}></video>
      <p><b>${this.pointed ? (this.span < MINUTE ? clockMillis(at) : this.span < 23 * 60 * MINUTE ? clock(at) : moment(at, this.now)) : nothing}</b>
      ${this.cause ? html`<span>${this.cause}</span>` : at >= this.now ? html`<span>${t("time.future")}</span>` : nothing}</p></div>`;
  }
}

customElements.define("t-hover", HoverElement);
