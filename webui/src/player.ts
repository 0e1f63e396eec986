// Seeking, playing and stepping. Instants are UTC microseconds.
//
// All three use the light stream; 300 ms after the hand stops the full definition replaces it where it can be
// decoded, and playing up to twice the speed uses it too.
import type { Gap, ProblemBody, Quality } from "./api";
import { Refused, unanswered } from "./api";
import { type Gop, GopBuffer, Unsupported, frame, pictureIndex } from "./buffer";
import { QUIET_MS } from "./patience";
import { follow, shown } from "./screen";
import type { Still } from "./still";
import { SECOND } from "./time";

const SETTLE_MS = 300; // the hand has stopped: full definition may come
const PUMP_MS = 100; // how often playing looks ahead; a tenth of the shortest GOP
const AHEAD = 6 * SECOND; // us of video fetched before it is needed, at speed 1
const AGAIN_MS = 500; // behind a question that nobody has answered, patience.ts and all
const PATIENCE_MS = 20_000; // that it may be silent before playing is given up: it starts anew in less
const LEAD = 30_000; // us: a browser stops up to a screen refresh or two before the last picture of its buffer
const TAIL_MS = 400; // between two questions for what has come since, where an alert is followed: a part's length
const BEHIND = 0.45 * SECOND; // us of pictures loaded before the end that following keeps: one part and a little
const GAP_SAID = SECOND / 2; // a hole shorter than this is crossed without a word

export interface Shown {
  at: number; // UTC us of the picture on screen
  by: "frame" | "seeked"; // who said so: the frame callback, or `seeked` alone
  quality: Quality;
}

export type Notice =
  | { kind: "skipped"; from: number; to: number; gap: Gap | undefined }
  | { kind: "missing"; at: number; problem: ProblemBody }
  | { kind: "end"; at: number }
  | { kind: "start" }
  | { kind: "unsupported"; mime: string }
  | { kind: "error" }
  | { kind: "none" };

export interface Listener {
  time(at: number): void;
  notice(notice: Notice): void;
  hole(at: number): ProblemBody | null; // a gap that is known already need not be asked for
  still(at: number): Promise<Still>; // a single picture, made by the appliance
  lightOnly(at: number): boolean; // as far as is known: only the light stream was recorded then
  follows(): boolean; // an alert that goes on: playing runs on to the durable mark, and waits there for more
  changed(): void;
}

type Streams = Partial<Record<Quality, unknown>>;

export class Player {
  at: number | null = null;
  playing = false;
  speed = 1;
  beside = false; // other cameras are shown with this one: playing uses the light stream
  quality: Quality;
  mainRefused: string | null = null; // MIME type that this browser does not decode
  stills: Still | null = null; // shown in the video's place: nothing is recorded that this browser decodes
  private asked: number | null = null; // the instant asked for: `at` is the picture that holds it

  private readonly light: Quality;
  private readonly buffer: GopBuffer;
  private wanted: number | null = null;
  private seeking: Promise<Shown | null> | null = null;
  private settle = 0;
  private pump = 0;
  private silent = 0; // ms of this page: since when the server has not answered; 0: it does
  private again = 0; // ms of this page: when it is asked anew
  private tailFresh = false;
  private stood = 0; // ms of this page: since when nothing more has come; 0: it comes
  private tail = 0; // ms of this page: when the end may be asked for again
  private fetching = false;
  private closed = false;

  constructor(
    private readonly video: HTMLVideoElement,
    camera: string,
    private readonly streams: Streams,
    private readonly listener: Listener,
  ) {
    this.buffer = new GopBuffer(video, camera);
    this.light = streams.sub ? "sub" : "main";
    this.quality = this.light;
    video.muted = true;
    video.disableRemotePlayback = true;
    follow(video, this.buffer, (at) => this.showing(at));
  }

  close(): void {
    this.closed = true;
    this.stop();
    clearTimeout(this.settle);
    this.buffer.close();
  }

  /** Show the picture of an instant. While one seek runs only the newest instant waits; both get its result. */
  seek(at: number): Promise<Shown | null> {
    clearTimeout(this.settle);
    if (!this.playing) this.quality = this.light;
    this.wanted = at;
    this.seeking ??= this.drain();
    return this.seeking;
  }

  private async drain(): Promise<Shown | null> {
    let shown: Shown | null = null;
    try {
      while (this.wanted !== null && !this.closed) {
        const at = this.wanted;
        this.wanted = null;
        shown = await this.show(at, this.quality);
      }
    } finally {
      this.seeking = null;
    }
    if (shown && !this.playing) this.settle = window.setTimeout(() => void this.refine(), SETTLE_MS);
    return shown;
  }

  private async show(at: number, quality: Quality): Promise<Shown | null> {
    try {
      this.asked = at;
      const hole = this.listener.hole(at);
      if (hole) throw new Refused(hole);
      if (this.undecoded) return await this.lookAt(at, this.undecoded);
      const gop = this.buffer.find(at, quality) ?? (await this.load(at, quality));
      this.listener.notice({ kind: "none" }); // first: a hidden video composes no frame
      return await this.present(at, gop);
    } catch (error) {
      if (error instanceof Unsupported && this.undecoded) return this.show(at, quality); // from now on by still pictures
      this.failed(at, error);
      return null;
    }
  }

  /** The MIME type of all that there is, when this browser decodes none of it. */
  get undecoded(): string | null {
    return this.light === "main" ? this.mainRefused : null;
  }

  private async lookAt(at: number, mime: string): Promise<null> {
    const found = await this.listener.still(at);
    if (this.closed) return null;
    this.stills = found;
    this.at = at;
    this.listener.time(at);
    this.listener.notice({ kind: "unsupported", mime });
    return null;
  }

  private failed(at: number, error: unknown): void {
    if (this.closed) return;
    if (error instanceof Refused) {
      this.at = at;
      this.listener.time(at);
      this.listener.notice({ kind: "missing", at, problem: error.problem });
    } else if (error instanceof Unsupported) {
      this.listener.notice({ kind: "unsupported", mime: error.mime });
    } else {
      this.listener.notice({ kind: "error" });
    }
    if (this.playing) this.pause();
    if (!unanswered(error)) return;
    clearTimeout(this.settle);
    this.settle = window.setTimeout(() => void this.seek(at), AGAIN_MS); // its picture comes when somebody answers
  }

  /** Full definition of what stands still, when there is one and the browser decodes it. */
  private async refine(): Promise<void> {
    if (this.at === null || this.playing || this.seeking || this.light === "main" || !this.streams.main || this.mainRefused) return;
    const shown = this.at;
    const at = Math.max(shown, this.asked ?? shown);
    try {
      const gop = this.buffer.find(at, "main") ?? (await this.load(at, "main"));
      if (this.at !== shown || this.seeking || this.playing) return;
      await this.present(at, gop);
      this.quality = "main";
    } catch (error) {
      if (error instanceof Unsupported) this.mainRefused = error.mime;
      else if (!(error instanceof Refused)) throw error; // no main here: the light picture stays
    }
    this.listener.changed();
  }

  play(): void {
    if (this.at === null || this.playing || this.undecoded) return;
    clearTimeout(this.settle);
    this.playing = true;
    this.silent = this.again = this.stood = 0;
    this.tailFresh = false;
    this.quality = this.speed <= 2 && !this.beside && this.streams.main && !this.mainRefused ? "main" : this.light;
    this.video.playbackRate = this.speed;
    this.asked = null;
    this.listener.notice({ kind: "none" });
    this.pump = window.setInterval(() => void this.ahead(), PUMP_MS);
    void this.ahead();
    this.listener.changed();
  }

  pause(): void {
    if (!this.playing) return;
    this.stop();
    this.settle = window.setTimeout(() => void this.refine(), SETTLE_MS);
    this.listener.changed();
  }

  private stop(): void {
    this.playing = false;
    clearInterval(this.pump);
    this.video.pause();
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.video.playbackRate = speed;
    if (speed > 2) this.quality = this.light;
    this.listener.changed();
  }

  /** The picture before or after the one shown, over GOP, chunk and gap borders. */
  async step(direction: 1 | -1): Promise<Shown | null> {
    if (this.at === null) return null;
    this.pause();
    await this.seeking;
    const at = this.at;
    if (this.undecoded && this.stills) {
      const beside = direction > 0 ? this.stills.next : this.stills.start - 1;
      if (beside !== null) return this.seek(beside);
      this.listener.notice({ kind: "end", at: this.stills.end });
      return null;
    }
    const gop = this.buffer.find(at, this.quality) ?? this.buffer.find(at, this.light);
    if (!gop) return this.seek(at);
    const index = pictureIndex(gop, at) + direction;
    const picture = gop.pictures[index];
    if (picture !== undefined) return this.exact(picture, gop.quality);
    const beyond = direction > 0 ? gop.next : await this.before(gop);
    if (beyond === null) {
      this.listener.notice(direction > 0 ? { kind: "end", at: gop.end } : { kind: "start" });
      return null;
    }
    const shown = await this.exact(beyond, gop.quality);
    const hole = direction > 0 ? beyond - gop.end : gop.start - beyond - 2 * frame(gop);
    if (shown && hole >= GAP_SAID) this.skipped(Math.min(beyond, gop.end), Math.max(beyond, gop.start));
    return shown;
  }

  private async exact(at: number, quality: Quality): Promise<Shown | null> {
    clearTimeout(this.settle);
    return this.show(at, quality);
  }

  /** Instant of the last picture before a GOP, over a gap if need be; null at the start of everything. */
  private async before(gop: Gop): Promise<number | null> {
    const at = gop.start - 1;
    const hole = this.listener.hole(at);
    if (hole) return hole.previous_us ?? null;
    try {
      const found = this.buffer.find(at, gop.quality) ?? (await this.load(at, gop.quality));
      return found.pictures.at(-1) ?? null;
    } catch (error) {
      if (error instanceof Refused) return error.problem.previous_us ?? null;
      throw error;
    }
  }

  // ---- playing

  private async ahead(): Promise<void> {
    if (!this.playing || this.fetching || this.seeking || this.at === null || performance.now() < this.again) return;
    this.fetching = true;
    try {
      const now = this.position();
      let gop = this.buffer.find(now, this.quality) ?? this.buffer.endingAt(now, this.quality) ?? (await this.load(now, this.quality));
      if (await this.cross(now, gop)) return;
      if (this.video.paused) void this.video.play().catch(() => undefined); // interrupted by a pause: not an error
      for (;;) {
        if (gop.end - now > AHEAD * Math.max(1, this.speed)) break;
        if (this.leaves(gop)) break; // when its time comes: the decoder still reads what the other stream would replace
        const following: number | null = gop.next;
        if (following === null) {
          const follows = this.listener.follows();
          if (follows) this.pace(gop);
          if (performance.now() < this.tail || (this.tailFresh && !follows)) break;
          this.tailFresh = true; // the mark has moved since: ask once, then this is the end, unless it is followed
          this.tail = performance.now() + TAIL_MS;
          const grown = await this.buffer.grow(gop);
          if (grown === null) {
            const whole = await this.load(gop.end - 1, this.quality);
            if (whole.end === gop.end && whole.next === null) break;
            gop = whole;
          } else if (!grown) {
            if (follows) this.still(gop);
            break;
          } else if (this.stood > 0) {
            this.stood = 0;
            this.listener.notice({ kind: "none" });
          }
          continue;
        }
        const found = await this.beyond(gop, following);
        if (!found || !this.playing) break;
        gop = found;
      }
      if (this.silent > 0) this.listener.notice({ kind: "none" });
      this.silent = 0;
    } catch (error) {
      if (!this.waits(error)) this.failed(this.position(), error);
    } finally {
      this.fetching = false;
    }
  }

  /** Behind the newest picture: a little slower or faster, so that playing never stands still and never falls back. */
  private pace(gop: Gop): void {
    const spare = (gop.end - this.position() - BEHIND) / SECOND;
    if (this.speed > 1 && spare < BEHIND / SECOND / 2) this.setSpeed(1);
    this.video.playbackRate = this.speed * (1 + Math.max(-0.15, Math.min(0.15, spare / 2)));
  }

  /** Nothing more comes: said once it has lasted, for a picture that stands still looks like a quiet scene. */
  private still(gop: Gop): void {
    this.stood ||= performance.now();
    if (performance.now() - this.stood >= QUIET_MS) this.listener.notice({ kind: "end", at: gop.end });
  }

  /** A server that starts anew, or the recorder behind it, ends no replay: what is fetched plays on meanwhile. */
  private waits(error: unknown): boolean {
    if (!this.playing || !unanswered(error)) return false;
    const now = performance.now();
    this.silent ||= now;
    this.again = now + AGAIN_MS;
    if (now - this.silent > PATIENCE_MS) {
      this.silent = this.again = 0;
      return false;
    }
    if (this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) this.listener.notice({ kind: "missing", at: this.position(), problem: error.problem });
    return true;
  }

  /** Behind this GOP the full definition alone is missing: playing goes on with the light stream. */
  private leaves(gop: Gop): boolean {
    return gop.quality !== this.light && this.listener.lightOnly(gop.end + GAP_SAID);
  }

  private async toLight(gop: Gop): Promise<void> {
    this.quality = this.light;
    this.listener.changed();
    const light = await this.load(gop.end + LEAD, this.light);
    this.video.currentTime = this.buffer.mediaTime(Math.max(gop.end, light.start)) + 0.001;
  }

  /** The GOP behind a GOP. One that has been freed meanwhile makes a hole, which is crossed when its time comes. */
  private async beyond(gop: Gop, following: number): Promise<Gop | null> {
    try {
      return this.buffer.find(following, this.quality) ?? (await this.load(following, this.quality));
    } catch (error) {
      if (!(error instanceof Refused) || error.problem.next_us == null || error.problem.next_us <= following) throw error;
      gop.next = error.problem.next_us;
      gop.gap = error.problem.gap;
      return null;
    }
  }

  /** At a GOP's end: jump a hole and say so, or stop at the durable mark. True when playing went elsewhere. */
  private async cross(now: number, gop: Gop): Promise<boolean> {
    const last = gop.pictures.at(-1) ?? gop.start;
    const stalled = this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA; // the buffer ends here
    if (now < last - (stalled ? frame(gop) : LEAD)) return false;
    if (this.leaves(gop)) {
      await this.toLight(gop);
      return true;
    }
    if (gop.next === null) {
      if (!this.tailFresh || this.listener.follows()) return false;
      this.stop();
      this.listener.notice({ kind: "end", at: gop.end });
      this.listener.changed();
      return true;
    }
    const hole = gop.next - gop.end;
    if (hole < 1000) return false; // a millisecond: the next GOP touches
    const next = gop.next;
    if (!(await this.beyond(gop, next))) return true; // freed too: gop.next has moved on
    this.video.currentTime = this.buffer.mediaTime(next) + 0.001;
    if (hole >= GAP_SAID) this.skipped(gop.end, next, gop.gap);
    return true;
  }

  private skipped(from: number, to: number, gap?: Gap): void {
    this.listener.notice({ kind: "skipped", from, to, gap });
  }

  // ---- loading and showing

  private async load(at: number, quality: Quality): Promise<Gop> {
    if (this.undecoded) throw new Unsupported(this.undecoded);
    if (quality === "main" && this.mainRefused) return this.load(at, this.light);
    try {
      return await this.fetch(at, quality);
    } catch (error) {
      if (error instanceof Unsupported && quality === "main") this.mainRefused = error.mime;
      if (!this.playing || quality === this.light || unanswered(error) || !(error instanceof Refused || error instanceof Unsupported)) throw error;
      const gop = await this.fetch(at, this.light);
      this.quality = this.light; // full definition has a hole of its own here, or is not decoded: playing goes on
      this.listener.changed();
      return gop;
    }
  }

  private async fetch(at: number, quality: Quality): Promise<Gop> {
    const gop = await this.buffer.fetch(at, quality);
    const now = this.position();
    if (this.playing && gop.start <= now && now < gop.end) {
      this.video.currentTime = this.buffer.mediaTime(now); // what the decoder was reading is replaced: begin at its keyframe again
    }
    return gop;
  }

  /** Where playing is at this moment, between two pictures. */
  position(): number {
    return this.buffer.instant(this.video.currentTime);
  }

  private async present(at: number, gop: Gop): Promise<Shown> {
    const there = await shown(this.video, this.buffer, gop, at);
    this.at = there.at;
    this.listener.time(there.at);
    return { ...there, quality: gop.quality };
  }

  /** The instant on screen while playing; false when the player is closed. */
  private showing(at: number): boolean {
    if (this.closed) return false;
    if (this.playing) {
      this.at = at;
      this.listener.time(at);
    }
    return true;
  }
}
