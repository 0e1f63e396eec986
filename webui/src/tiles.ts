// Up to three cameras beside the one that is played, in step with it; and the choice of which.
import { LitElement, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { MOST } from "./address";
import type { Camera, State, Timeline } from "./api";
import { Refused, timeline } from "./api";
import { BEAT_MS, Follower } from "./follower";
import { holeIn } from "./holes";
import { said, t } from "./i18n";
import { follow, followed, shut } from "./look";
import type { Player } from "./player";
import { asked } from "./stretch";

const HISTORY_MS = 15_000; // gaps of the others: none is asked for that is known

export class TilesElement extends LitElement {
  static override properties = {
    data: { attribute: false }, camera: {}, also: { attribute: false }, at: { attribute: false }, from: {}, to: {}, tick: { state: true },
  };
  declare data: State;
  declare camera: string;
  declare also: string[];
  declare at: number | null;
  declare from: number; // of the time line shown
  declare to: number;
  declare tick: number;
  leader: () => Player | null = () => null;
  readonly followers = new Map<string, Follower>();
  private readonly histories = new Map<string, Timeline>();
  private beat = 0;
  private known = 0;
  private unfollow: (() => void) | null = null;

  constructor() {
    super();
    this.camera = "";
    this.also = [];
    this.at = null;
    this.from = this.to = 0;
    this.tick = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.beat = window.setInterval(() => this.step(), BEAT_MS);
    this.known = window.setInterval(() => void this.learn(), HISTORY_MS);
    this.unfollow = follow(() => {
      this.tick++;
      this.stand();
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.beat);
    clearInterval(this.known);
    this.unfollow?.();
    for (const each of this.followers.values()) each.close();
    this.followers.clear();
  }

  private get others(): Camera[] {
    return this.data.cameras.filter((each) => this.also.includes(each.id) && each.id !== this.camera);
  }

  protected override updated(changed: Map<string, unknown>): void {
    const wanted = new Set(this.others.map((each) => each.id));
    for (const [id, follower] of this.followers) {
      if (wanted.has(id)) continue;
      follower.close();
      this.followers.delete(id);
    }
    const fresh = this.others.filter((each) => !this.followers.has(each.id));
    for (const camera of fresh) {
      const video = this.querySelector<HTMLVideoElement>(`video[data-camera="${CSS.escape(camera.id)}"]`);
      if (!video) continue;
      this.followers.set(camera.id, new Follower(video, camera, {
        hole: (at) => holeIn(this.histories.get(camera.id) ?? null, camera.id, at), follows: () => followed(camera.id), changed: () => this.tick++,
      }));
    }
    const elsewhere = changed.has("from") || changed.has("to") || (changed.has("at") && changed.get("at") === null);
    if (fresh.length > 0 || elsewhere) void this.learn().then(() => this.stand());
    else if (changed.has("at")) this.stand();
  }

  private stand(): void {
    if (this.at === null || this.leader()?.playing) return;
    for (const each of this.followers.values()) void each.still(this.at);
  }

  private step(): void {
    const leader = this.leader();
    if (!leader?.playing) return;
    for (const each of this.followers.values()) each.beat(leader.position(), leader.speed);
  }

  private async learn(): Promise<void> {
    if (this.at === null || this.from >= this.to) return;
    const { from, to } = asked(this);
    await Promise.all(this.others.map(async (camera) => {
      try {
        this.histories.set(camera.id, await timeline(camera.id, camera.streams.sub ? "sub" : "main", from, to));
      } catch (error) {
        if (!(error instanceof Refused)) throw error; // its pictures say why when they are asked for
      }
    }));
  }

  protected override render() {
    return repeat(this.others, (camera) => camera.id, (camera) => html`<figure class="tile">
      <video muted playsinline tabindex="-1" data-camera=${camera.id} aria-label=${t("play.video", { name: camera.name })}></video>
      ${this.over(camera)}
      <figcaption><button @click=${() => this.dispatchEvent(new CustomEvent("camera", { detail: camera.id, bubbles: true }))} title=${t("tiles.choose", { name: camera.name })}>
        <kbd>${numberOf(this.data, this.camera, this.also, camera.id)}</kbd> ${camera.name}</button></figcaption></figure>`);
  }

  private over(camera: Camera) {
    const follower = this.followers.get(camera.id);
    if (follower?.unsupported) return html`<p class="over">${t("tiles.unsupported")}</p>`;
    if (this.at === null) return nothing;
    const problem = shut(camera.id, this.at) ?? follower?.problem;
    if (!problem) return nothing;
    return html`<p class="over">${problem.gap ? t("play.gap", { cause: said(problem.gap) }) : said(problem)}</p>`;
  }
}

/** The key that a camera of the group has: its place among them in the site's order. */
export function numberOf(state: State, camera: string, also: string[], which: string): number {
  return state.cameras.filter((each) => each.id === camera || also.includes(each.id)).findIndex((each) => each.id === which) + 1;
}

/** The camera behind a key, or undefined. */
export function ofNumber(state: State, camera: string, also: string[], number: number): string | undefined {
  return state.cameras.filter((each) => each.id === camera || also.includes(each.id))[number - 1]?.id;
}

/** Boxes to tick: which cameras stand beside. */
export function chooser(state: State, camera: string, also: string[]) {
  const change = (event: Event): void => {
    const box = event.target as HTMLInputElement;
    const chosen = box.checked ? [...also, box.value] : also.filter((each) => each !== box.value);
    box.dispatchEvent(new CustomEvent("also", { detail: chosen, bubbles: true }));
  };
  const full = also.length >= MOST - 1;
  return html`<details class="also" ?open=${also.length > 0}><summary>${t("tiles.also")}</summary>
    <fieldset><legend class="hint">${t("tiles.hint", { most: MOST })}</legend>${state.cameras.filter((each) => each.id !== camera).map((each) => html`<label>
      <input type="checkbox" value=${each.id} .checked=${also.includes(each.id)} ?disabled=${full && !also.includes(each.id)} @change=${change}> ${each.name}</label>`)}</fieldset></details>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "t-tiles": TilesElement;
  }
}

customElements.define("t-tiles", TilesElement);
