// The stretch of time that the line shows: from 31 days to one second. Above a day it is whole days of the site, so
// that those of 23 and 25 hours are as long as they were.
import { DAY, HOUR, MINUTE, SECOND, midnight } from "./time";

export interface Stretch {
  from: number;
  to: number;
}

export const NARROWEST = SECOND;
const DAYS = [1, 3, 7, 14, 31]; // the longest a site keeps pictures is a month
const SPANS = [12 * HOUR, 6 * HOUR, 2 * HOUR, HOUR, 20 * MINUTE, 5 * MINUTE, MINUTE, 20 * SECOND, 5 * SECOND, NARROWEST];
const LONGEST_ASKED = 32 * DAY; // us of one answer of the server

/** How many whole days are shown; 0 for less than one. */
export function daysOf({ from, to }: Stretch): number {
  return to - from < 23 * HOUR ? 0 : Math.round((to - from) / DAY);
}

/** So many days around an instant, never beyond today: what is to come has nothing to show. */
export function wholeDays(at: number, days: number, now: number): Stretch {
  const today = midnight(now);
  const wanted = midnight(at, Math.floor(days / 2));
  const last = days > 1 && wanted > today && midnight(at) <= today ? today : wanted;
  return { from: midnight(last, 1 - days), to: midnight(last, 1) };
}

/** A stretch of this length, or the whole day when it is as long as one. */
export function part(from: number, span: number, keep: number, now: number): Stretch {
  if (span >= 23 * HOUR) return wholeDays(keep, Math.max(1, Math.round(span / DAY)), now);
  return { from: Math.round(from), to: Math.round(from + span) };
}

/** Shorter (factor below 1) or longer, with `around` where it was; a step of days at a time above one. */
export function scaled(shown: Stretch, factor: number, around: number, now: number): Stretch {
  const days = daysOf(shown);
  const span = shown.to - shown.from;
  if (factor > 1 && (days > 0 || span * factor >= 23 * HOUR)) {
    return wholeDays(around, DAYS.find((each) => each > days) ?? DAYS.at(-1)!, now);
  }
  if (factor < 1 && days > 1) return wholeDays(around, DAYS.findLast((each) => each < days) ?? 1, now);
  const length = Math.max(NARROWEST, span * factor);
  const share = Math.min(1, Math.max(0, (around - shown.from) / span));
  return part(around - length * share, length, around, now);
}

/** The next step of the zoom's buttons and keys: 1 nearer, -1 farther. */
export function stepped(shown: Stretch, direction: 1 | -1, centre: number, now: number): Stretch {
  const span = shown.to - shown.from;
  if (daysOf(shown) > (direction > 0 ? 1 : 0)) return scaled(shown, direction > 0 ? 0.5 : 2, centre, now);
  const next = direction > 0 ? SPANS.find((each) => each < span * 0.95) : SPANS.findLast((each) => each > span * 1.05);
  return scaled(shown, (next ?? (direction > 0 ? NARROWEST : DAY)) / span, centre, now);
}

/** Moved by so much; whole days by at least one. */
export function moved(shown: Stretch, by: number): Stretch {
  const days = daysOf(shown);
  if (days === 0) return { from: Math.round(shown.from + by), to: Math.round(shown.to + by) };
  const whole = Math.sign(by) * Math.max(1, Math.round(Math.abs(by) / DAY));
  return { from: midnight(shown.from, whole), to: midnight(shown.to, whole) };
}

/** What to ask the server for: a margin on both sides, the whole day of a short stretch, never more than it answers. */
export function asked(shown: Stretch): Stretch {
  const span = shown.to - shown.from;
  const edge = Math.min(span / 2, (LONGEST_ASKED - span) / 2);
  const middle = (shown.from + shown.to) / 2;
  return {
    from: Math.floor(Math.min(shown.from - edge, midnight(middle))), to: Math.ceil(Math.max(shown.to + edge, midnight(middle, 1))),
  };
}
