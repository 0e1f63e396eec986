// Times of the site. All instants are UTC microseconds; every hour a person reads is in the site's zone,
// never the browser's. Days of 23 and 25 hours come out of the zone's own rules.
import { locale, t } from "./i18n";

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

let zone = "Europe/Paris";
const formats = new Map<string, Intl.DateTimeFormat>();

export function setZone(name: string): void {
  zone = name;
}

export function zoneName(): string {
  return zone;
}

function format(options: Intl.DateTimeFormatOptions, tongue = locale()): Intl.DateTimeFormat {
  const key = `${tongue} ${zone} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(tongue, { timeZone: zone, ...options });
    formats.set(key, found);
  }
  return found;
}

const FIELDS: Intl.DateTimeFormatOptions = {
  hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
  hour: "2-digit", minute: "2-digit", second: "2-digit",
};

/** The site's wall clock at an instant, as [year, month, day, hour, minute, second]. */
export function wall(us: number): [number, number, number, number, number, number] {
  const parts: Record<string, number> = {};
  for (const part of format(FIELDS, "en-GB").formatToParts(new Date(Math.floor(us / 1000)))) {
    parts[part.type] = Number(part.value);
  }
  return [parts["year"]!, parts["month"]!, parts["day"]!, parts["hour"]!, parts["minute"]!, parts["second"]!];
}

/** Microseconds that the site's clock is ahead of UTC at an instant. */
export function offset(us: number): number {
  const whole = Math.floor(us / SECOND) * SECOND;
  const [year, month, day, hour, minute, second] = wall(whole);
  return Date.UTC(year, month - 1, day, hour, minute, second) * 1000 - whole;
}

/** Every instant that the site's clock showed this time: two in the hour that comes twice in October. In the hour
 * that March skips, the instant at which the clock would have shown it. `utcOfWall`: the time read as if UTC. */
export function instants(utcOfWall: number): number[] {
  const before = utcOfWall - offset(utcOfWall - DAY);
  const after = utcOfWall - offset(utcOfWall + DAY);
  const right = [before, after].filter((us) => us + offset(us) === utcOfWall);
  const found = right.length > 0 ? right : [before];
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Start of the site's day that holds an instant, and of the one `days` later. */
export function midnight(us: number, days = 0): number {
  const [year, month, day] = wall(us);
  return instants(Date.UTC(year, month - 1, day + days) * 1000)[0]!;
}

/** True in the hours that the clock shows twice. */
function twice(us: number): boolean {
  return instants(us + offset(us)).length > 1;
}

function season(us: number): string {
  if (!twice(us)) return "";
  return ` (${t(instants(us + offset(us))[0] === us ? "time.summer" : "time.winter")})`;
}

const millis = (us: number): Date => new Date(Math.floor(us / 1000));

export function clock(us: number): string {
  return format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(millis(us)) + season(us);
}

export function clockMillis(us: number): string {
  const plain = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(millis(us));
  return `${plain}.${String(Math.floor(us / 1000) % 1000).padStart(3, "0")}${season(us)}`;
}

export function hourMinute(us: number): string {
  return format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(millis(us)) + season(us);
}

export function longDate(us: number): string {
  return format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(millis(us));
}

/** "25 octobre – 24 novembre 2026". */
export function period(from: number, to: number): string {
  return format({ day: "numeric", month: "long", year: "numeric" }).formatRange(millis(from), millis(to));
}

export function dayMonth(us: number): string {
  return format({ day: "2-digit", month: "2-digit" }).format(millis(us));
}

export function shortDate(us: number): string {
  return format({ day: "2-digit", month: "2-digit", year: "numeric" }).format(millis(us));
}

export function dayAndTime(us: number): string {
  return `${longDate(us)}, ${clock(us)}`;
}

const sameDay = (us: number, other: number): boolean => midnight(us) === midnight(other);

/** Short where it is today, with the day otherwise: in a table. */
export function moment(us: number, now: number): string {
  return sameDay(us, now) ? clock(us) : `${shortDate(us)} ${clock(us)}`;
}

/** Day and time behind a preposition: "jusqu'au 25/11/2026 à 14:05:12". */
export function whole(us: number): string {
  return t("time.dated", { day: shortDate(us), time: clock(us) });
}

/** The same, short where it is today: "jusqu'à 14:05:12". */
export function dated(us: number, now: number): string {
  return sameDay(us, now) ? clock(us) : whole(us);
}

/** The same behind what was done: "demandé à 14:05:12", "demandé le 25/11/2026 à 14:05:12". */
export function when(us: number, now: number): string {
  return t(sameDay(us, now) ? "time.today" : "time.otherDay", { day: shortDate(us), time: clock(us) });
}

/** A length in the two largest units that say it: "2 h 05 min", "24 h", "12 s", "0,8 s". */
export function length(us: number): string {
  const seconds = Math.round(us / SECOND);
  if (us < 10 * SECOND) return `${(us / SECOND).toLocaleString(locale(), { maximumFractionDigits: 1 })} s`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  return two(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
}

function two(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${String(small).padStart(2, "0")} ${smaller}`;
}

const pad = (value: number, size = 2): string => String(value).padStart(size, "0");

/** What remains, as a clock that runs down: "9:58". */
export function countdown(us: number): string {
  const seconds = Math.ceil(us / SECOND);
  return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
}

/** Values for <input type=date> and <input type=time>. */
export function dateField(us: number): string {
  const [year, month, day] = wall(us);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
}

export function timeField(us: number): string {
  const [, , , hour, minute, second] = wall(us);
  return `${pad(hour)}:${pad(minute)}:${pad(second)}`;
}

/** Instants of what was typed; empty when a field is not filled. */
export function typed(date: string, time: string): number[] {
  const [hour, minute, second] = time.split(/[:hHms]/);
  const us = Date.parse(`${date}T${(hour ?? "").padStart(2, "0")}:${minute}:${second || "00"}Z`) * 1000;
  return Number.isFinite(us) ? instants(us) : [];
}
