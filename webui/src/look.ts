// What this person has open of the pictures, as the server says it: no request for a picture goes out without it.
import { type Look, type LookAsked, type ProblemBody, Refused, closeLook, currentLooks, justifyLook, openLook } from "./api";
import { type Key, t } from "./i18n";

const REFRESH_MS = 15_000;
const FOLLOW_MS = 4_000; // an alert that goes on may close, or be linked to another camera
const TICK_MS = 1_000; // the time that remains is shown in seconds

export type ShutCode = "look-needed" | "look-over" | "look-outside";

let open: Look[] = [];
let waiting: Look[] = [];
let readAt = 0; // ms of this page: when `open` was read
let ended = false; // something was open, and is not any more
let first: Promise<void> | null = null;
let timer = 0;
const listeners = new Set<() => void>();

/** Microseconds that an opening still lasts. */
export function remaining(look: Look): number {
  return Math.max(0, look.remaining_us - (performance.now() - readAt) * 1000);
}

export function opened(): Look[] {
  return open.filter((each) => remaining(each) > 0);
}

/** Urgent openings that wait for their justification. */
export function toJustify(): Look[] {
  return waiting;
}

export function lets(camera: string, at: number): boolean {
  return opened().some((each) => each.cameras.includes(camera) && each.from_us <= at && (each.to_us === null || at < each.to_us));
}

/** Is an alert of this camera followed, or of one linked to it: may a replay run on to the newest picture? */
export function followed(camera: string): boolean {
  return opened().some((each) => each.to_us === null && each.cameras.includes(camera));
}

/** Why the picture of an instant is not asked for; null when it may be. In the page's own words. */
export function shut(camera: string, at: number): ProblemBody | null {
  if (lets(camera, at)) return null;
  const code: ShutCode = opened().length > 0 ? "look-outside" : ended || open.length > 0 ? "look-over" : "look-needed";
  const words = t(`look.${code.slice(5)}` as Key);
  return { status: 403, code, fr: words, en: words };
}

/** What is open is known from now on. */
export function known(): Promise<void> {
  first ??= refresh();
  return first;
}

/** Called at each change and each second while something is open; ends with the function it gives. */
export function follow(listener: () => void): () => void {
  listeners.add(listener);
  void known();
  return () => listeners.delete(listener);
}

export async function refresh(): Promise<void> {
  try {
    const answer = await currentLooks();
    readAt = performance.now();
    ended ||= open.length > 0;
    open = answer.looks;
    waiting = answer.to_justify;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // the frame of the page says that the recorder is silent; what was open ends by itself
  }
  schedule();
  tell();
}

function tell(): void {
  for (const listener of listeners) listener();
}

let counted = 0;

function schedule(): void {
  clearInterval(timer);
  const goesOn = open.some((each) => each.to_us === null);
  counted = 0;
  timer = window.setInterval(() => {
    if (open.length > 0) tell();
    counted += TICK_MS;
    const over = open.some((each) => remaining(each) === 0);
    if (over || counted >= (goesOn ? FOLLOW_MS : REFRESH_MS)) void refresh();
  }, TICK_MS);
}

/** Open pictures. Throws Refused. */
export async function begin(asked: LookAsked): Promise<Look> {
  const look = await openLook(asked);
  await refresh();
  return look;
}

export async function end(look: Look): Promise<void> {
  await closeLook(look.number);
  await refresh();
}

export async function justify(look: Look, text: string): Promise<void> {
  await justifyLook(look.number, text);
  await refresh();
}
