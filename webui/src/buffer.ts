// The <video>'s buffer: GOPs of the ring by Media Source Extensions, one per request. Instants are UTC microseconds.
//
// Media time 0 of the <video> is a fixed origin before everything the ring can hold, and each GOP is appended with
// the timestampOffset that puts it at its UTC: chunk borders and runs need no other care.
import type { Gap, GopBytes, Quality } from "./api";
import { gop as fetchGop } from "./api";
import { pictureTimes } from "./boxes";
import { DAY, SECOND } from "./time";

const REACH = 40 * DAY; // us that media time 0 lies before the first instant asked: more than any ring holds
const KEPT_GOPS = 40; // about 10 MB of light stream; older ones leave the buffer
const KEPT_AROUND = 18 * SECOND; // us around the newest GOP that stay: three times what playing fetches ahead
const EDGE = 80_000; // us around a GOP's end that still belong to it: under two pictures at 25 fps

export interface Gop {
  start: number;
  end: number;
  next: number | null;
  gap?: Gap | undefined; // why nothing lies between `end` and `next`, when that was refused and not only skipped
  quality: Quality;
  pictures: number[]; // UTC us of each picture, in order of showing
  size: number; // bytes of it that are loaded, its head included
}

/** The browser does not decode this MIME type. */
export class Unsupported extends Error {
  constructor(readonly mime: string) {
    super(mime);
  }
}

export class GopBuffer {
  private origin = 0;
  private media: MediaSource | null = null;
  private buffer: SourceBuffer | null = null;
  private mime = "";
  private queue: Promise<void> = Promise.resolve();
  private loaded: Gop[] = [];
  private newest: Gop | null = null; // the last one that was appended
  private closed = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: string,
  ) {}

  close(): void {
    this.closed = true;
    if (this.video.src) URL.revokeObjectURL(this.video.src);
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** Seconds of the <video> for an instant, and the instant for such seconds. */
  mediaTime(at: number): number {
    return (at - this.origin) / SECOND;
  }

  instant(mediaTime: number): number {
    return this.origin + Math.round(mediaTime * SECOND);
  }

  find(at: number, quality: Quality): Gop | undefined {
    return this.loaded.find((gop) => gop.quality === quality && gop.start <= at && at < gop.end);
  }

  endingAt(at: number, quality: Quality): Gop | undefined {
    return this.loaded.find((gop) => gop.quality === quality && Math.abs(gop.end - at) < EDGE);
  }

  /** The last GOP before an instant that it does not reach by `most` us, when it ended at the durable mark. */
  before(at: number, quality: Quality, most: number): Gop | null {
    const gop = this.newest;
    return gop?.quality === quality && gop.next === null && gop.end <= at && at - gop.end < most ? gop : null;
  }

  /** Ask for the GOP that holds an instant and append it. Throws Refused or Unsupported. */
  async fetch(at: number, quality: Quality): Promise<Gop> {
    const bytes = await fetchGop(this.camera, quality, at);
    if (!MediaSource.isTypeSupported(bytes.mime)) throw new Unsupported(bytes.mime);
    const gop: Gop = { start: bytes.start, end: bytes.end, next: bytes.next, quality, pictures: times(bytes), size: bytes.bytes.byteLength };
    await this.append(gop, bytes);
    return gop;
  }

  /** A GOP that ends at the durable mark: what has come since is fetched and put behind it, and what the decoder reads
      is not touched. False when nothing has come, null when it has to be loaded anew. Throws Refused. */
  async grow(gop: Gop): Promise<boolean | null> {
    if (this.newest !== gop) return null; // something else was appended since
    const bytes = await fetchGop(this.camera, gop.quality, gop.end - 1, gop.size);
    if (bytes.start !== gop.start || bytes.mime !== this.mime || this.newest !== gop) return null;
    const grown = bytes.end > gop.end || bytes.next !== null;
    const more = bytes.bytes.byteLength;
    if (more > 0) await this.update((buffer) => buffer.appendBuffer(bytes.bytes));
    gop.pictures.push(...times(bytes)); // a part's pictures are all shown before the next part's
    Object.assign(gop, { end: bytes.end, next: bytes.next, size: gop.size + more });
    return grown;
  }

  private async append(gop: Gop, bytes: GopBytes): Promise<void> {
    await this.ready(gop.start);
    await this.update((buffer) => {
      if (this.mime !== bytes.mime) {
        buffer.changeType(bytes.mime);
        this.mime = bytes.mime;
      }
      buffer.timestampOffset = (bytes.zero - this.origin) / SECOND;
      buffer.appendBuffer(bytes.bytes);
    });
    this.loaded = this.loaded.filter((old) => old.end <= gop.start || old.start >= gop.end);
    this.loaded.push(gop);
    this.newest = gop;
    await this.prune(gop);
  }

  /** Drop the oldest loaded GOPs, never those around what is shown. */
  private async prune(newest: Gop): Promise<void> {
    while (this.loaded.length > KEPT_GOPS) {
      const index = this.loaded.findIndex((gop) => gop !== newest && Math.abs(gop.start - newest.start) > KEPT_AROUND);
      const [old] = this.loaded.splice(Math.max(0, index), 1);
      if (!old) return;
      await this.update((buffer) => buffer.remove(this.mediaTime(old.start), this.mediaTime(old.end)));
    }
  }

  /** A MediaSource whose origin suits the instant. */
  private async ready(at: number): Promise<void> {
    const fits = at - this.origin > DAY && at - this.origin < 2 * REACH;
    if (this.media?.readyState === "open" && fits) return;
    this.origin = Math.floor((at - REACH) / SECOND) * SECOND;
    this.loaded = [];
    const media = new MediaSource();
    this.media = media;
    const opened = new Promise((resolve) => media.addEventListener("sourceopen", resolve, { once: true }));
    if (this.video.src) URL.revokeObjectURL(this.video.src);
    this.video.src = URL.createObjectURL(media);
    await opened;
    media.duration = (3 * REACH) / SECOND;
    this.mime = 'video/mp4; codecs="avc1.42e01e"';
    this.buffer = media.addSourceBuffer(this.mime);
  }

  /** One change of the SourceBuffer at a time, in order. */
  private update(change: (buffer: SourceBuffer) => void): Promise<void> {
    const done = this.queue.then(async () => {
      const buffer = this.buffer;
      if (!buffer || this.closed) throw new Error("closed");
      const ended = new Promise<void>((resolve, reject) => {
        buffer.addEventListener("updateend", () => resolve(), { once: true });
        buffer.addEventListener("error", () => reject(new Error("not playable")), { once: true });
      });
      change(buffer);
      if (buffer.updating) await ended;
    });
    this.queue = done.catch(() => undefined);
    return done;
  }
}

function times(bytes: GopBytes): number[] {
  return pictureTimes(bytes.bytes).map((ticks) => bytes.zero + Math.floor((ticks * 100) / 9));
}

/** Index of the picture shown at an instant: the last one that has begun (2 us for rounding of ticks). */
export function pictureIndex(gop: Gop, at: number): number {
  let index = 0;
  while (index + 1 < gop.pictures.length && gop.pictures[index + 1]! <= at + 2) index++;
  return index;
}

/** Mean length of a GOP's pictures, us. */
export function frame(gop: Gop): number {
  return (gop.end - gop.start) / Math.max(1, gop.pictures.length);
}
