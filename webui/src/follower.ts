// A further camera beside the one that is played, kept in step with it. Instants are UTC microseconds.
//
// Each <video> has a clock of its own: started together they stand up to 640 ms apart. So every beat compares the
// two and plays this one a little faster or slower until they agree; a large difference is jumped.
import type { Camera, ProblemBody, Quality } from "./api";
import { Refused, unanswered } from "./api";
import { type Gop, GopBuffer, Unsupported } from "./buffer";
import { QUIET_MS } from "./patience";
import { shown } from "./screen";
import { SECOND } from "./time";

export const BEAT_MS = 200; // between two comparisons: nine videos stayed within 15 ms by it, with 160 ms before
const FASTEST = 1.25;
const SLOWEST = 0.8; // of the speed: no hand sees it, and 50 ms are made good in a quarter of a second
const MADE_GOOD = SECOND / 2; // us in which a difference is to be gone
const CLOSE = 5000; // us that are left alone: a third of a screen's refresh
const JUMP = SECOND / 2; // us apart from which playing faster would take too long
const AHEAD = 4 * SECOND; // us of video fetched before it is needed, at speed 1
const AGAIN = 5 * SECOND; // us of an end of which nobody knows whether it goes on, until it is asked again
const TAIL_MS = 400; // between two questions for what has come since, where an alert is followed: a part's length

export interface Watcher {
  hole(at: number): ProblemBody | null; // a gap that is known already need not be asked for
  follows(): boolean; // an alert that goes on: what comes at the durable mark is waited for
  changed(): void;
}

/** The rate at which a video that is `late` us behind catches up. */
export function catchingUp(late: number, speed: number): number {
  const rate = Math.abs(late) < CLOSE ? 1 : Math.min(FASTEST, Math.max(SLOWEST, 1 + late / MADE_GOOD));
  return rate * speed;
}

export class Follower {
  problem: ProblemBody | null = null; // why there is no picture now
  unsupported: string | null = null; // MIME type that this browser does not decode
  private readonly buffer: GopBuffer;
  private readonly quality: Quality;
  private until = 0; // us; up to here `problem` holds
  private tail = 0; // ms of this page: when the end may be asked for again
  private wanted: number | null = null;
  private moving = false;
  private feeding = false;
  private closed = false;

  constructor(
    private readonly video: HTMLVideoElement,
    readonly camera: Camera,
    private readonly watcher: Watcher,
  ) {
    this.buffer = new GopBuffer(video, camera.id);
    this.quality = camera.streams.sub ? "sub" : "main";
    video.muted = true;
    video.disableRemotePlayback = true;
  }

  close(): void {
    this.closed = true;
    this.video.pause();
    this.buffer.close();
  }

  position(): number {
    return this.buffer.instant(this.video.currentTime);
  }

  /** The picture of an instant, standing; while one comes only the newest instant waits. */
  async still(at: number): Promise<void> {
    this.video.pause();
    this.wanted = at;
    if (this.moving) return;
    this.moving = true;
    try {
      while (this.wanted !== null && !this.closed) {
        const next: number = this.wanted;
        this.wanted = null;
        const gop = await this.at(next);
        if (gop) await shown(this.video, this.buffer, gop, next);
      }
    } finally {
      this.moving = false;
    }
  }

  /** While the other plays: where it is now, and its speed. */
  beat(at: number, speed: number): void {
    this.wanted = null;
    void this.feed(at, speed);
    if (!this.buffer.find(at, this.quality)) {
      if (!this.atMark(at)) this.video.pause(); // else it waits at its newest picture, and goes on with the next
      return;
    }
    if (this.video.seeking || this.moving) return;
    const late = at - this.position();
    if (Math.abs(late) > JUMP * Math.max(1, speed)) this.video.currentTime = this.buffer.mediaTime(at);
    else this.video.playbackRate = catchingUp(late / Math.max(1, speed), speed);
    if (this.video.paused) void this.video.play().catch(() => undefined); // interrupted by a pause: not an error
  }

  private async feed(at: number, speed: number): Promise<void> {
    if (this.feeding || this.closed) return;
    this.feeding = true;
    try {
      let gop = this.atMark(at) ?? (await this.at(at));
      while (gop && gop.end - at < AHEAD * Math.max(1, speed)) {
        const next: number | null = gop.next;
        if (next === null) {
          gop = await this.more(gop);
          continue;
        }
        if (next - gop.end > SECOND) break; // a gap: what lies behind is fetched when its time comes
        gop = this.buffer.find(next, this.quality) ?? (await this.fetch(next));
      }
    } finally {
      this.feeding = false;
    }
  }

  /** The newest GOP, where an alert is followed that is already behind its end, but not for long. */
  private atMark(at: number): Gop | null {
    return this.watcher.follows() ? this.buffer.before(at, this.quality, QUIET_MS * 1000) : null;
  }

  /** What has come since behind the newest GOP; null when nothing has, or it is no time to ask. */
  private async more(gop: Gop): Promise<Gop | null> {
    if (!this.watcher.follows() || performance.now() < this.tail) return null;
    this.tail = performance.now() + TAIL_MS;
    try {
      const grown = await this.buffer.grow(gop);
      return grown === null ? await this.fetch(gop.end - 1) : grown ? gop : null;
    } catch (error) {
      if (this.closed || unanswered(error)) return null; // what is fetched plays on meanwhile
      if (!(error instanceof Refused)) throw error;
      return this.say(error.problem, error.problem.next_us ?? gop.end + AGAIN);
    }
  }

  /** The GOP that holds an instant; null where there is none, and `problem` says why. */
  private async at(at: number): Promise<Gop | null> {
    const found = this.buffer.find(at, this.quality);
    if (found) {
      this.say(null, 0);
      return found;
    }
    if (this.unsupported !== null) return null;
    const hole = this.watcher.hole(at);
    if (hole) return this.say(hole, hole.next_us ?? at + AGAIN);
    if (this.problem && this.problem.gap && this.problem.gap.from_us <= at && at < this.until) return null;
    return this.fetch(at);
  }

  private async fetch(at: number): Promise<Gop | null> {
    try {
      const gop = await this.buffer.fetch(at, this.quality);
      const now = this.position();
      if (!this.video.paused && gop.start <= now && now < gop.end) {
        this.video.currentTime = this.buffer.mediaTime(now); // what the decoder was reading is replaced
      }
      this.say(null, 0);
      return gop;
    } catch (error) {
      if (this.closed) return null;
      if (error instanceof Refused) return this.say(error.problem, error.problem.next_us ?? at + AGAIN);
      if (!(error instanceof Unsupported)) throw error;
      this.unsupported = error.mime;
      this.watcher.changed();
      return null;
    }
  }

  private say(problem: ProblemBody | null, until: number): null {
    this.until = until;
    if (problem?.code !== this.problem?.code || problem?.gap?.from_us !== this.problem?.gap?.from_us) {
      this.problem = problem;
      this.watcher.changed();
    }
    return null;
  }
}
