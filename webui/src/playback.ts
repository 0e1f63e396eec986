// Playback of one camera: picture, controls, time line, and the gaps as a table.
import { LitElement, html, nothing } from "lit";
import { MOST, playback } from "./address";
import type { Camera, ProblemBody, Sighting, State, Timeline } from "./api";
import { Refused, timeline as fetchTimeline } from "./api";
import { gapTable } from "./gaps";
import { holeIn } from "./holes";
import "./hover";
import type { Pointed } from "./hover";
import { keyOr, locale, plural, said, t } from "./i18n";
import { JumpElement, suggested } from "./jump";
import { keyTable } from "./keys";
import { begin, follow, followed, shut } from "./look";
import { type Notice, Player } from "./player";
import { drawn } from "./sightings";
import type { Still } from "./still";
import { type Stretch, asked, daysOf, moved, part, scaled, stepped, wholeDays } from "./stretch";
import { MINUTE, SECOND, clock, clockMillis, dated, length, longDate, midnight, moment, period } from "./time";
import "./timeline";
import { chooser, numberOf, ofNumber } from "./tiles";

const SPEEDS = [0.5, 1, 2, 4, 8];
const REFRESH_MS = 3000;
const CALM = 5; // a line of several days is asked for less often: its end is a hair
const YOUNG = 20 * MINUTE; // a ring younger than this is shown on a window of that length
const AROUND = 4 * MINUTE; // of an alert: its seconds are wide enough to be hit
const NO_NOTICE: Notice = { kind: "none" };

export class PlaybackElement extends LitElement {
  static override properties = {
    data: { attribute: false }, camera: {}, also: { attribute: false }, start: { type: Number }, boxes: { attribute: false }, home: {}, alert: { type: Number },
    at: { state: true }, notice: { state: true }, history: { state: true }, from: { state: true }, to: { state: true }, pointed: { state: true }, tick: { state: true },
  };
  declare data: State | null;
  declare camera: string;
  declare also: string[]; // cameras beside it
  declare start: number | null;
  declare boxes: Sighting[]; // of an alert, drawn over the picture
  declare home: string; // the address that stays while an alert is played; "" keeps the instant in the address
  declare alert: number | null; // whose pictures these are: it is the reason to open them
  declare at: number | null;
  declare notice: Notice;
  declare history: Timeline | null;
  declare from: number;
  declare to: number;
  declare pointed: Pointed | null; // by the mouse, on the line
  declare tick: number;
  player: Player | null = null;
  private picture: Still | null = null; // in the video's place
  private timer = 0;
  private unfollow: (() => void) | null = null;
  private turn = 0;
  private shownSecond = 0;

  constructor() {
    super();
    this.data = this.history = null;
    this.camera = this.home = "";
    this.boxes = [];
    this.also = [];
    this.start = this.at = this.pointed = this.alert = null;
    this.notice = NO_NOTICE;
    this.from = this.to = this.tick = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => {
      if (daysOf(this) <= 1 || ++this.turn % CALM === 0) void this.refresh();
    }, REFRESH_MS);
    document.addEventListener("keydown", this.onKey);
    if (!this.home) void import("./marks"); // its script is not the first page's
    this.unfollow = follow(() => this.lock());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
    document.removeEventListener("keydown", this.onKey);
    this.unfollow?.();
    this.player?.close();
    this.keep(null);
  }

  /** What is open has changed, or a second has gone by: pictures are hidden the moment they are shut, and come back.
   * Where nothing is recorded there is nothing to open: the gap is told. */
  private lock(): void {
    if (this.at === null || !this.player) return;
    const problem = holeIn(this.history, this.camera, this.at) ? null : shut(this.camera, this.at);
    const hidden = this.closed;
    if (problem && !hidden) {
      this.player.pause();
      this.notice = { kind: "missing", at: this.at, problem };
    } else if (!problem && hidden && !hidden.type) void this.player.seek(this.at); // what the server refused stays
  }

  /** Why the pictures are shut, if they are. */
  private get closed(): ProblemBody | null {
    const { notice } = this;
    return notice.kind === "missing" && notice.problem.code.startsWith("look-") ? notice.problem : null;
  }

  private async openPictures(): Promise<void> {
    if (this.alert === null) {
      this.querySelector("t-reason")?.ask();
      return;
    }
    try {
      await begin({ reason: "alert", alert: this.alert });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.notice = { kind: "missing", at: this.at!, problem: error.problem };
    }
  }

  private get known(): Camera | undefined {
    return this.data?.cameras.find((each) => each.id === this.camera);
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has("camera")) {
      if (this.at !== null && changed.has("start")) this.at = this.start ?? this.at; // the address names both
      this.open();
    }
    else if (!this.player && this.known) this.open();
    if (this.player) this.player.beside = this.also.length > 0;
  }

  private open(): void {
    const video = this.querySelector("video");
    const camera = this.known;
    if (!video || !camera || !this.data) return;
    const played = this.player?.playing ?? false;
    this.player?.close();
    this.player = new Player(video, camera.id, camera.streams, {
      time: (at) => this.moved(at),
      notice: (notice) => (this.notice = notice),
      hole: (at) => holeIn(this.history, this.camera, at),
      lightOnly: (at) => this.history?.camera === this.camera && this.history.light_only.some((each) => each.from_us <= at && at < each.to_us),
      still: (at) => this.still(camera.id, at),
      follows: () => followed(camera.id),
      changed: () => this.tick++,
    });
    this.player.beside = this.also.length > 0;
    this.notice = NO_NOTICE;
    this.history = null;
    const at = this.at ?? this.start;
    const now = this.data.now_utc_us;
    const first = Object.values(camera.streams).reduce((least, each) => Math.min(least, each.first_utc_us ?? now), now);
    if (at !== null && this.home) this.look(at - AROUND / 4, AROUND, at);
    else if (at === null && now - first < YOUNG) {
      this.look(now - YOUNG, YOUNG + YOUNG / 10, now); // a ring of minutes would be a hair on a whole day
    } else this.showDay(at ?? now);
    if (at !== null) void this.refresh().then(() => this.goTo(at)).then(() => (played ? this.player?.play() : undefined));
  }

  private async still(camera: string, at: number): Promise<Still> {
    const { still } = await import("./still");
    return this.keep(await still(camera, at));
  }

  /** The one still picture that is kept; the one before it is given back. */
  private keep<T extends Still | null>(found: T): T {
    if (this.picture) URL.revokeObjectURL(this.picture.picture);
    this.picture = found;
    return found;
  }

  private get now(): number {
    return this.history?.now_us ?? this.data!.now_utc_us;
  }

  private show(stretch: Stretch): void {
    this.from = stretch.from;
    this.to = stretch.to;
    void this.refresh();
  }

  showDay(at: number): void {
    this.show(wholeDays(at, 1, this.now));
  }

  async refresh(): Promise<void> {
    const camera = this.known;
    if (!camera || !this.from) return;
    const { from, to } = asked(this);
    try {
      const found = await fetchTimeline(camera.id, camera.streams.sub ? "sub" : "main", from, to);
      if (found.camera !== this.camera || asked(this).from !== from || asked(this).to !== to) return; // another is asked for
      this.history = found;
      this.lock();
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the frame of the page says that the recorder is silent
    }
  }

  private moved(at: number): void {
    const second = Math.floor(at / 100_000);
    if (second === this.shownSecond && this.player?.playing) return;
    this.shownSecond = second;
    const seen = (each: number | null) => each !== null && this.from <= each && each < this.to;
    const follows = this.player?.playing || seen(this.at); // a late picture of a player at rest takes nobody back
    this.at = at;
    const span = this.to - this.from;
    if (follows && !seen(at)) this.look(at - span * 0.1, span, at);
  }

  private look(from: number, span: number, keep: number): void {
    this.show(part(from, span, keep, this.now));
  }

  async goTo(at: number): Promise<void> {
    this.at = at;
    if (at < this.from || at >= this.to) this.look(at - (this.to - this.from) / 2, this.to - this.from, at);
    await this.player?.seek(at);
    this.remember();
  }

  /** The address says what is on screen, so that it can be kept or handed on. */
  private remember(): void {
    if (this.at === null || this.home) return;
    history.replaceState(null, "", playback({ camera: this.camera, also: this.also, at: this.at }));
  }

  private zoomStep(direction: 1 | -1): void {
    const inside = this.at !== null && this.at >= this.from && this.at < this.to;
    this.show(stepped(this, direction, inside ? this.at! : Math.min((this.from + this.to) / 2, this.now), this.now));
  }

  private pan(by: number): void {
    this.show(moved(this, by));
  }

  /** To the days before or after, as many as are shown. */
  private days(direction: 1 | -1): void {
    const days = daysOf(this);
    if (days > 0) this.show({ from: midnight(this.from, direction * days), to: midnight(this.to, direction * days) });
    else this.showDay(midnight(this.from, direction));
  }

  private toggle(): void {
    const player = this.player;
    if (!player) return;
    if (player.playing) player.pause();
    else player.play();
    this.remember();
  }

  private async step(direction: 1 | -1): Promise<void> {
    await this.player?.step(direction);
    this.remember();
  }

  private move(by: number): void {
    if (this.at !== null) void this.goTo(this.at + by);
  }

  private gapFrom(direction: 1 | -1): void {
    const gaps = this.history?.gaps ?? [];
    const at = this.at ?? this.from;
    const edges = gaps.filter((gap) => !gap.open && gap.cause !== "NOT_KEPT").map((gap) => gap.to_us);
    const target = direction > 0 ? edges.find((edge) => edge > at + SECOND) : [...edges].reverse().find((edge) => edge < at - SECOND);
    if (target !== undefined) void this.goTo(target);
  }

  /** Another camera of the group becomes the large one. */
  private choose(number: number): void {
    const chosen = ofNumber(this.data!, this.camera, this.also, number);
    if (chosen && chosen !== this.camera) this.dispatchEvent(new CustomEvent("camera", { detail: chosen, bubbles: true }));
  }

  private onKey = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (target.closest("input, select, textarea, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " " && target.closest("button, a, summary")) return; // the key is theirs
    const actions: Record<string, () => void> = {
      " ": () => this.toggle(),
      ",": () => void this.step(-1), ".": () => void this.step(1), ";": () => void this.step(1),
      j: () => this.move(-10 * SECOND), l: () => this.move(10 * SECOND),
      ArrowLeft: () => (event.shiftKey ? this.gapFrom(-1) : this.move(-SECOND)),
      ArrowRight: () => (event.shiftKey ? this.gapFrom(1) : this.move(SECOND)),
      "+": () => this.zoomStep(1), "=": () => this.zoomStep(1), "-": () => this.zoomStep(-1),
      Escape: () => (this.pointed = null),
      b: () => this.querySelector("t-marks")?.start(),
      g: () => this.querySelector<JumpElement>("t-jump")?.start(),
    };
    const digit = Number(event.key);
    if (digit >= 1 && digit <= MOST) actions[event.key] = () => this.choose(digit);
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };

  protected override render() {
    const state = this.data;
    if (!state) return html`<p>${t("play.loading")}</p>`;
    const camera = this.known;
    const playing = this.player?.playing ?? false;
    return html`<section class="play">
      <h1 ?hidden=${this.home !== ""}>${t("play.title")}${camera ? html` <span class="at-camera">${camera.name}</span>` : nothing}</h1>
      <div class="stage ${this.also.length > 0 ? "several" : ""}"><div class="screen ${this.at === null || this.notice.kind === "missing" ? "empty" : ""}">
        <video muted playsinline tabindex="-1" aria-label=${t("play.video", { name: camera?.name ?? "" })}></video>
        ${this.notice.kind === "unsupported" && this.picture ? html`<img class="still" src=${this.picture.picture} alt=${t("play.video", { name: camera?.name ?? "" })}>` : nothing}${drawn(this.boxes, this.at, this.camera, ...this.proportions())}${this.overlay()}${this.also.length > 0 && camera ? html`<span class="badge"><kbd>${numberOf(state, this.camera, this.also, this.camera)}</kbd> ${camera.name}</span>` : nothing}
      </div>${this.also.length === 0 ? nothing : html`<t-tiles .data=${state} .camera=${this.camera} .also=${this.also} .at=${this.at} .from=${this.from} .to=${this.to} .leader=${() => this.player}></t-tiles>`}</div>
      <t-reason .data=${state} .cameras=${[this.camera, ...this.also]} .at=${this.at}></t-reason>
      <div class="bar">
        <output class="instant" aria-label=${t("play.at")}>${this.at === null ? t("time.unset") : html`<span>${longDate(this.at)}</span> <b>${clockMillis(this.at)}</b>`}</output>
        <div class="controls" role="group">
        ${this.button("−10 s", "play.back10", () => this.move(-10 * SECOND))}
        ${this.button(t("play.stepBackFace"), "play.stepBack", () => void this.step(-1))}
        <button class="primary wide" ?disabled=${this.at === null || this.closed || Boolean(this.player?.undecoded)} @click=${() => this.toggle()}><span aria-hidden="true">${playing ? "❚❚" : "▶"}</span> ${t(playing ? "play.pause" : "play.play")}</button>
        ${this.button(t("play.stepForwardFace"), "play.stepForward", () => void this.step(1))}
        ${this.button("+10 s", "play.forward10", () => this.move(10 * SECOND))}
        <label class="speed">${t("play.speed")} <select @change=${(event: Event) => this.player?.setSpeed(Number((event.target as HTMLSelectElement).value))}>
          ${SPEEDS.map((each) => html`<option value=${each} ?selected=${each === (this.player?.speed ?? 1)}>×${each.toLocaleString(locale())}</option>`)}</select></label>
      </div>
        <span class="quality">${this.quality()}</span>
      </div>
      <p class="notice" role="status">${this.words()}</p>
      ${this.home ? nothing : html`<t-jump .cameras=${state.cameras} .camera=${this.camera} .at=${this.at ?? this.start ?? suggested(camera, state.now_utc_us)}></t-jump>${state.cameras.length > 1 ? chooser(state, this.camera, this.also) : nothing}`}
      ${this.band()}${this.home ? nothing : html`${gapTable(this.history, this.known, this, this.data!.now_utc_us, (at) => void this.goTo(at))}<t-marks .data=${state} .camera=${this.camera} .at=${this.at}></t-marks>${keyTable()}`}</section>`;
  }

  private button(face: string, key: Parameters<typeof t>[0], action: () => void) {
    return html`<button ?disabled=${this.at === null} title=${t(key)} @click=${action}>${face}</button>`;
  }

  private proportions(): [number, number] {
    const video = this.querySelector("video");
    return [video?.videoWidth || 16, video?.videoHeight || 9];
  }

  private overlay() {
    if (this.at === null) return html`<p class="over">${t("play.none")}</p>`;
    if (this.notice.kind !== "missing") return nothing;
    const { problem } = this.notice;
    if (problem.code.startsWith("look-")) {
      return html`<div class="over"><p>${t(keyOr(`look.${problem.code.slice(5)}`, "look.needed"))}</p>
        <button class="primary" @click=${() => void this.openPictures()}>${t(this.alert === null ? "look.ask" : "look.askAlert")}</button></div>`;
    }
    const go = (at: number | null | undefined, key: "play.next" | "play.previous") =>
      at == null ? nothing : html`<button @click=${() => void this.goTo(at)}>${t(key, { time: moment(at, this.data!.now_utc_us) })}</button>`;
    const pause = this.known?.pause;
    const words = !problem.gap ? said(problem) : problem.gap.cause === "ERASED" ? t("play.erased")
      : t("play.gap", { cause: problem.gap.open && pause ? said(pause) : said(problem.gap) });
    return html`<div class="over"><p>${words}</p>
      ${go(problem.previous_us, "play.previous")} ${go(problem.next_us, "play.next")}</div>`;
  }

  private words(): string {
    const notice = this.notice;
    if (notice.kind === "skipped") {
      const middle = (notice.from + notice.to) / 2;
      const gap = notice.gap ?? this.history?.gaps.find((each) => each.from_us <= middle && middle < each.to_us);
      const long = length(notice.to - notice.from);
      if (gap?.cause === "PLANNED") return t("play.skippedPause", { length: long });
      return gap ? t("play.skipped", { length: long, cause: said(gap) }) : t("play.skippedPlain", { length: long });
    }
    if (notice.kind === "end") return t("play.end", { time: clock(notice.at) });
    if (notice.kind === "start") return t("play.start");
    if (notice.kind === "error") return t("play.error");
    if (notice.kind === "unsupported") return t(/hvc1|hev1/.test(notice.mime) ? "play.h265" : "play.unsupported", { codec: notice.mime });
    return "";
  }

  private quality() {
    if (this.at === null || !this.player || this.notice.kind === "missing") return nothing;
    if (this.player.undecoded) return this.picture ? t("play.still", { time: clock(this.picture.start) }) : nothing;
    if (this.player.quality === "main") return t("play.hd");
    return this.player.mainRefused ? t("play.lightOnly", { codec: this.player.mainRefused }) : t("play.light");
  }

  private band() {
    const days = daysOf(this);
    const icon = (face: string, key: Parameters<typeof t>[0], action: () => void, off = false) =>
      html`<button @click=${action} ?disabled=${off} title=${t(key)} aria-label=${t(key)}>${face}</button>`;
    return html`<div class="band">
      <div class="band-head">
        ${icon("«", days > 1 ? "time.daysBefore" : "time.dayBefore", () => this.days(-1))}
        ${icon("‹", "time.earlier", () => this.pan((this.from - this.to) / 2), days === 1)}
        <strong>${days > 1 ? period(this.from, this.to - SECOND) : longDate(this.from)}</strong>
        ${icon("›", "time.later", () => this.pan((this.to - this.from) / 2), days === 1)}
        ${icon("»", days > 1 ? "time.daysAfter" : "time.dayAfter", () => this.days(1))}
        <span class="zoom">${t("time.zoom")}
          ${icon("−", "time.zoomOut", () => this.zoomStep(-1))}
          <span class="span">${days > 1 ? plural("time.days", days) : length(this.to - this.from)}</span>
          ${icon("+", "time.zoomIn", () => this.zoomStep(1))}</span>
      </div>
      <div class="line"><t-hover .camera=${this.known} .history=${this.history} .opened=${this.at !== null} .pointed=${this.pointed} .span=${this.to - this.from} .now=${this.now}></t-hover>
      <t-timeline .from=${this.from} .to=${this.to} .at=${this.at} .now=${this.now} .data=${this.history}
        @scrub=${(event: CustomEvent<number>) => void this.goTo(event.detail)}
        @pan=${(event: CustomEvent<number>) => this.pan(event.detail)}
        @zoom=${(event: CustomEvent<{ factor: number; around: number }>) => this.show(scaled(this, event.detail.factor, event.detail.around, this.now))}
        @hover=${(event: CustomEvent<Pointed | null>) => (this.pointed = event.detail)}></t-timeline></div>
      <p class="legend"><span><i class="key recorded"></i>${t("time.legendRecorded")}</span><span><i class="key gap"></i>${t("time.legendGap")}</span><span><i class="key pause"></i>${t("time.legendPause")}</span><span><i class="key light"></i>${t("time.legendLight")}</span><span><i class="key none"></i>${t("time.legendNone")}</span><span><i class="key future"></i>${t("time.legendFuture")}</span></p>${this.calendar()}</div>`;
  }

  /** What the recording calendar does with this camera now or next. */
  private calendar() {
    const camera = this.known;
    if (camera?.pause) return html`<p class="calendar">${t("time.pauseNow", { pause: said(camera.pause) })}</p>`;
    if (camera == null || camera.next_pause_us === null) return nothing;
    return html`<p class="calendar hint">${t("cameras.nextPause", { time: dated(camera.next_pause_us, this.data!.now_utc_us) })}</p>`;
  }
}

customElements.define("t-playback", PlaybackElement);
