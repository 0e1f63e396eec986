// What asks for a second person: the part of the contract that the home page uses.
import { ask } from "./api";

export type Stage = "waiting" | "urgent" | "signed" | "unsigned" | "over";

/** A request to stop watching these cameras (schema SecondRequest). Times: UTC microseconds. */
export interface SecondRequest {
  number: number;
  asker: string;
  function: string;
  cameras: string[];
  until_us: number;
  why: string;
  asked_us: number;
  stage: Stage;
  nobody_else: boolean;
  waits_us: number;
  signer: string;
  witnesses: string[];
  mine: boolean;
}

export interface Stop {
  cameras: string[];
  why: string;
  until_us: number;
}

/** Told at the window when a request was made here: the list is read again at once. */
export const ASKED = "second-asked";

export async function askSecond(what: Stop): Promise<void> {
  await ask("/api/v1/second", what);
  window.dispatchEvent(new Event(ASKED));
}

export async function seconds(): Promise<SecondRequest[]> {
  return ((await (await ask("/api/v1/second")).json()) as { requests: SecondRequest[] }).requests;
}

/** Told at the window when what was asked has been done from here: what is watched is read again at once. */
export const SETTLED = "second-settled";

export async function signSecond(number: number): Promise<void> {
  await ask(`/api/v1/second/${number}/signature`, {});
  window.dispatchEvent(new Event(SETTLED));
}

export async function urgeSecond(number: number, witnesses: string[]): Promise<void> {
  await ask(`/api/v1/second/${number}/urgent`, { witnesses });
  window.dispatchEvent(new Event(SETTLED));
}
