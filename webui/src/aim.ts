// Aiming a camera: the picture of each second, for five minutes, for whoever stands on the ladder. Nothing is kept.
import { LitElement, html, nothing } from "lit";
import { Refused, type State, ask } from "./api";
import { t } from "./i18n";
import { type Sentence, refused } from "./refused";
import { clock, countdown } from "./time";

const PACE_MS = 1000; // one picture a second: the server gives no more
const MINUTE_MS = 60_000; // the last one is told in the picture's frame, and before

interface Aim {
  camera: string;
  opened_us: number;
  remaining_us: number;
}

export class AimElement extends LitElement {
  static override properties = {
    data: { attribute: false }, camera: {}, ends: { state: true }, picture: { state: true }, at: { state: true }, refusal: { state: true }, over: { state: true },
  };
  declare data: State | null;
  declare camera: string;
  declare ends: number; // ms of this page; 0: it is not open
  declare picture: string; // object URL
  declare at: number | null; // UTC us of the picture
  declare refusal: Sentence | null;
  declare over: boolean; // it was open, and has ended
  private timer = 0;

  constructor() {
    super();
    this.data = this.at = this.refusal = null;
    this.camera = this.picture = "";
    this.ends = 0;
    this.over = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.try(() => ask("/api/v1/aims/current")); // a page loaded again goes on
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.shut();
  }

  private async try(how: () => Promise<Response>): Promise<void> {
    try {
      const { aim } = (await (await how()).json()) as { aim: Aim | null };
      this.refusal = null;
      if (aim?.camera !== this.camera || !this.isConnected) return;
      this.ends = performance.now() + aim.remaining_us / 1000;
      this.over = false;
      void this.turn();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refusal = error.problem;
    }
  }

  private begin(): void {
    void this.try(() => ask("/api/v1/aims", { camera: this.camera }));
  }

  private async stop(): Promise<void> {
    this.shut();
    await this.try(() => ask("/api/v1/aims/current", {}, "DELETE"));
    this.over = true;
  }

  /** No picture stays on screen. */
  private shut(): void {
    clearTimeout(this.timer);
    this.show("");
    this.ends = 0;
    this.at = null;
  }

  private show(picture: string): void {
    if (this.picture) URL.revokeObjectURL(this.picture);
    this.picture = picture;
  }

  private async turn(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.isConnected || this.ends === 0) return;
    if (performance.now() >= this.ends) {
      this.shut();
      this.over = true;
      return;
    }
    const begun = performance.now();
    try {
      const answer = await ask(`/api/v1/cameras/${encodeURIComponent(this.camera)}/aim.jpg`);
      const bytes = await answer.blob();
      if (this.ends === 0) return; // stopped meanwhile
      this.show(URL.createObjectURL(bytes));
      this.at = Number(answer.headers.get("Media-Start-Utc"));
      this.ends = performance.now() + Number(answer.headers.get("Aim-Remaining")) / 1000;
      this.refusal = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.problem.status === 403 || error.problem.status === 401) {
        this.shut();
        this.over = true;
        return;
      }
      if (error.problem.status !== 429) {
        this.show(""); // an old picture would show where the camera looked before
        this.refusal = error.problem;
      }
    }
    this.timer = window.setTimeout(() => void this.turn(), Math.max(100, PACE_MS - (performance.now() - begun)));
  }

  protected override render() {
    const camera = this.data?.cameras.find((each) => each.id === this.camera);
    if (!this.data) return html`<p>${t("play.loading")}</p>`;
    if (!camera) return html`<h1>${t("aim.title")}</h1><p class="refusal" role="alert">${t("aim.unknown")}</p>`;
    const left = Math.max(0, this.ends - performance.now());
    return html`<section class="play"><h1>${t("aim.title")} <span class="at-camera">${camera.name}</span></h1>
      <p>${t("aim.text")}</p>
      ${this.ends === 0
        ? html`<div role="status">${this.over ? html`<p>${t("aim.over")}</p>` : nothing}</div><p><button class="primary" @click=${() => this.begin()}>${t(this.over ? "aim.again" : "aim.begin")}</button></p>`
        : html`<div class="screen">${this.picture ? html`<img class="still" src=${this.picture} alt=${t("aim.picture", { name: camera.name })}>` : html`<p class="over">${t("aim.waiting")}</p>`}</div>
          <p><span class="left">${t("look.left", { time: countdown(left * 1000) })}</span> ${this.at === null ? nothing : t("aim.at", { time: clock(this.at) })}
            <button @click=${() => void this.stop()}>${t("aim.stop")}</button></p>
          <p class="hint" role="status">${left <= MINUTE_MS ? t("aim.soon") : ""}</p>`}
      ${refused(this.refusal)}
      <p><a href="/">${t("aim.back")}</a></p></section>`;
  }
}

customElements.define("t-aim", AimElement);
