// What a camera's history says for certain about an instant without a picture, so that it need not be asked for.
import type { ProblemBody, Timeline } from "./api";
import { SECOND } from "./time";

/** The gap that holds an instant, with what was recorded beside it; null where the history knows of none. */
export function holeIn(history: Timeline | null, camera: string, at: number): ProblemBody | null {
  const gap = history?.camera === camera ? history.gaps.find((each) => each.from_us <= at && at < each.to_us) : undefined;
  if (!gap) return null;
  const spans = history!.spans;
  const previous = spans.filter((each) => each.to_us <= gap.from_us + SECOND && each.from_us < gap.from_us).at(-1);
  const next = spans.find((each) => each.from_us >= gap.to_us - SECOND / 10);
  return {
    status: 404, code: "not-recorded", fr: gap.fr, en: gap.en, gap,
    previous_us: previous ? previous.to_us - 1000 : null, next_us: next?.from_us ?? null,
  };
}
