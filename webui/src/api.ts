// The contract of webui/openapi.yaml, as far as the page uses it.
import { known, refresh, shut } from "./look";
import { patiently } from "./patience";

export type Quality = "main" | "sub";
export type Status = "recording" | "starting" | "stopped" | "paused";

/** A camera that is not recorded on purpose. */
export interface Pause {
  cause: string;
  from_us: number;
  until_us: number | null;
  fr: string;
  en: string;
}

export interface Stream {
  status: Status;
  since_utc_us: number | null;
  cause: string | null;
  fr: string;
  en: string;
  fps: number | null;
  width: number | null;
  height: number | null;
  codec: string | null;
  reader?: string | null;
  durable_utc_us: number | null;
  first_utc_us: number | null;
}

export interface Camera {
  id: string;
  name: string;
  place: string;
  pause: Pause | null;
  next_pause_us: number | null;
  streams: Partial<Record<Quality, Stream>>;
}

export interface Issue {
  code: string;
  camera: string | null;
  place: string;
  since_us: number | null;
  fr: string;
  en: string;
  todo_fr: string;
  todo_en: string;
}

/** What is over and was not nothing: last night's power cut. */
export interface Note {
  code: string;
  from_us: number;
  to_us: number;
  fr: string;
  en: string;
  todo_fr: string;
  todo_en: string;
}

/** What a security key is to sign, for the name `party`; bytes as base64url (schema PasskeyAsked). */
export interface PasskeyAsked {
  challenge: string;
  party: string;
  keys: string[];
  lasts_ms: number;
}

/** May times be believed? `since_us`: since when nobody has verified them. */
export interface Clock {
  state: "verified" | "held" | "doubtful";
  since_us: number | null;
  fr: string;
  en: string;
}

export interface Disk {
  path: string;
  fr: string;
  en: string;
  chunks: number;
  free: number;
  open: number;
  closed: number;
  freed: number;
  mark_utc_us: number | null;
}

export interface State {
  site: { name: string; place: string; timezone: string };
  now_utc_us: number;
  verdict: "ok" | "starting" | "attention";
  issues: Issue[];
  notes: Note[];
  clock: Clock | null;
  cameras: Camera[];
  disks: Disk[];
  room_us: number | null; // how long pictures last when things go on as they did
}

export interface Gap {
  from_us: number;
  to_us: number;
  cause: string;
  fr: string;
  en: string;
  open: boolean;
}

export interface Span {
  from_us: number;
  to_us: number;
}

export interface Timeline {
  camera: string;
  stream: Quality;
  from_us: number;
  to_us: number;
  now_us: number;
  first_us: number | null;
  durable_us: number | null;
  spans: Span[];
  gaps: Gap[];
  light_only: Gap[]; // the light stream is recorded, the full definition is not
}

export interface ProblemBody {
  type?: string; // of a refusal by the server
  status: number;
  code: string;
  fr: string;
  en: string;
  passkey?: PasskeyAsked; // a security key may answer in place of the code
  gap?: Gap;
  previous_us?: number | null;
  next_us?: number | null;
}

export type Verdict = "confirmed" | "false" | "unclear";

export interface Alert {
  number: number;
  camera: string;
  cameras: string[];
  source: "rule" | "camera" | "person";
  kind: "passive" | "active" | "fire" | "technical";
  rule: string;
  rules: string[];
  zone: string;
  label: string;
  opened_us: number;
  last_us: number;
  closed_us: number | null;
  severity: 1 | 2 | 3;
  score: number;
  points: { rule: number; sight: number; rarity: number; persistence: number };
  reported_by: string;
  note: string;
  protected: boolean;
  hold_fault: string;
  has_picture: boolean;
  answer: { verdict: Verdict; by: string; note: string; utc_us: number } | null;
}

export interface Sighting {
  utc_us: number;
  camera: string;
  rule: string;
  label: string;
  track: number | null;
  score: number;
  box: [number, number, number, number] | null;
}

export interface Detection {
  model: { name: string; demo: boolean; interpreter: string; fell_back: boolean; sha256: string };
  delay_p95_us: number | null;
  noisy: string[];
  unprotected: number[];
  rates: { camera: string; week_us: number; alerts: number; answered: number; false: number }[];
}

export interface Armed {
  camera: string;
  watch: "statistics" | "camera_truth" | "persons";
  reason: string;
  fr: string;
  en: string;
  until_us: number | null;
  word: { armed: boolean; by: string; why: string; from_us: number; until_us: number } | null;
}

/** What people who are filmed must be told (schema NoticePanels). */
export interface Notice {
  controller: string | null;
  authorisation: string | null;
  contact: string | null;
  dpo: string | null;
  missing: ("controller" | "authorisation" | "contact" | "dpo")[];
  panels: Panel[];
}

export interface Panel {
  law: "public" | "private";
  cameras: number;
  purposes: string[];
  days: number;
  outside_hours: boolean;
  detection: boolean;
}

export type LookReason = "alert" | "doubt" | "damage" | "access" | "judicial" | "urgency";

/** An opening of pictures. `to_us` null: an alert that goes on is followed. */
export interface Look {
  number: number;
  who: string;
  function: string;
  reason: LookReason;
  text: string;
  reference: string;
  alert: number | null;
  cameras: string[];
  from_us: number;
  to_us: number | null;
  opened_us: number;
  closed_us: number | null;
  remaining_us: number;
  justify_before_us: number | null;
  justified_us: number | null;
  justification: string;
}

export interface LookAsked {
  reason: LookReason;
  text?: string;
  number?: string;
  alert?: number;
  cameras?: string[];
  from_us?: number;
  to_us?: number;
}

/** A refusal of the server, with its sentences; or no answer at all. */
export class Refused extends Error {
  constructor(readonly problem: ProblemBody) {
    super(problem.en);
  }
}

/** One GOP as fetched: bytes for a SourceBuffer and what places them in time. UTC microseconds. */
export interface GopBytes {
  bytes: ArrayBuffer;
  mime: string;
  zero: number;
  start: number;
  end: number;
  next: number | null;
}

const NO_ANSWER: ProblemBody = {
  status: 0, code: "no-answer",
  fr: "L'enregistreur ne répond pas.", en: "The recorder does not answer.",
};

/** Nobody answers: the server, or the recorder behind it, may be starting anew. */
export function unanswered(error: unknown): error is Refused {
  return error instanceof Refused && ["no-answer", "recorder-down"].includes(error.problem.code);
}

/** Ask the server. A question is put again while nobody answers (patience.ts); a change is sent once. Throws Refused. */
export function ask(path: string, change?: object, method = "POST"): Promise<Response> {
  return patiently(() => once(path, change, method), (error) => !change && unanswered(error));
}

async function once(path: string, change: object | undefined, method: string): Promise<Response> {
  let response: Response;
  const how = change ? { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(change) } : {};
  try {
    response = await fetch(path, { cache: "no-store", ...how });
  } catch {
    throw new Refused(NO_ANSWER);
  }
  if (response.ok) return response;
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    throw new Refused((await response.json()) as ProblemBody);
  }
  throw new Refused({ ...NO_ANSWER, status: response.status });
}

const camera = (id: string): string => `/api/v1/cameras/${encodeURIComponent(id)}`;

export async function state(): Promise<State> {
  return (await (await ask("/api/v1/state")).json()) as State;
}

/** The state as the server tells it again and again. `heard`: called at each event, and with false when it is lost:
    the browser itself would come back at once, and all of them together. */
export function follow(state: (told: State) => void, problem: () => void, heard: (well: boolean) => void): EventSource {
  const source = new EventSource("/api/v1/events");
  source.addEventListener("state", (event) => {
    heard(true);
    state(JSON.parse((event as MessageEvent<string>).data) as State);
  });
  source.addEventListener("problem", () => {
    heard(true);
    problem();
  });
  source.addEventListener("error", () => {
    source.close();
    heard(false);
  });
  return source;
}

/** A page of alerts, how many there are of what was asked for, and how many of the same nobody has answered. */
export interface AlertList {
  alerts: Alert[];
  count: number;
  waiting: number;
}

export async function alerts(from: number, to: number, which: Record<string, string | number> = {}): Promise<AlertList> {
  const asked = new URLSearchParams({ from: String(from), to: String(to) });
  for (const [name, value] of Object.entries(which)) asked.set(name, String(value));
  return (await (await ask(`/api/v1/alerts?${asked}`)).json()) as AlertList;
}

export async function alert(number: number): Promise<{ alert: Alert; sightings: Sighting[] }> {
  return (await (await ask(`/api/v1/alerts/${number}`)).json()) as { alert: Alert; sightings: Sighting[] };
}

export async function answer(number: number, given: { verdict: Verdict; note: string }): Promise<Alert> {
  return ((await (await ask(`/api/v1/alerts/${number}/verdict`, given)).json()) as { alert: Alert }).alert;
}

export async function report(fact: { camera: string; kind: string; note: string }): Promise<number> {
  return ((await (await ask("/api/v1/alerts", fact)).json()) as { number: number }).number;
}

export async function detection(): Promise<Detection> {
  return (await (await ask("/api/v1/detection")).json()) as Detection;
}

export async function arming(): Promise<Armed[]> {
  return ((await (await ask("/api/v1/arming")).json()) as { cameras: Armed[] }).cameras;
}

export async function arm(word: { cameras: string[]; armed: boolean; why: string; until_us: number }): Promise<Armed[]> {
  return ((await (await ask("/api/v1/arming", word)).json()) as { cameras: Armed[] }).cameras;
}

export async function notice(): Promise<Notice> {
  return (await (await ask("/api/v1/notice")).json()) as Notice;
}

export async function timeline(id: string, stream: Quality, from: number, to: number): Promise<Timeline> {
  return (await (await ask(`${camera(id)}/timeline?stream=${stream}&from=${from}&to=${to}`)).json()) as Timeline;
}

export async function currentLooks(): Promise<{ looks: Look[]; to_justify: Look[] }> {
  return (await (await ask("/api/v1/looks/current")).json()) as { looks: Look[]; to_justify: Look[] };
}

export async function openLook(asked: LookAsked): Promise<Look> {
  return ((await (await ask("/api/v1/looks", asked)).json()) as { look: Look }).look;
}

export async function closeLook(number: number): Promise<void> {
  await ask(`/api/v1/looks/${number}`, {}, "DELETE");
}

export async function justifyLook(number: number, text: string): Promise<void> {
  await ask(`/api/v1/looks/${number}/justification`, { text });
}

/** Pictures are asked for once they are open to this person: what is shut is refused here, without a request. */
/** `skip`: so many bytes of it are here already and are left out. */
export async function gop(id: string, quality: Quality, at: number, skip = 0): Promise<GopBytes> {
  await known();
  const problem = shut(id, at);
  if (problem) throw new Refused(problem);
  const response = await ask(`${camera(id)}/gop?t=${Math.floor(at)}&q=${quality}&init=1${skip ? `&skip=${skip}` : ""}`).catch((error: unknown) => {
    if (error instanceof Refused && error.problem.code === "look-over") void refresh(); // its bar goes with the pictures
    throw error;
  });
  const figure = (name: string): number => Number(response.headers.get(name));
  const following = response.headers.get("Media-Next-Utc");
  return {
    mime: response.headers.get("Content-Type") ?? "",
    zero: figure("Media-Zero-Utc"),
    start: figure("Media-Start-Utc"),
    end: figure("Media-End-Utc"),
    next: following === null ? null : Number(following),
    bytes: await response.arrayBuffer(),
  };
}
