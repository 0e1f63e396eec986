// Why something was not done, in the language in which the page is read now, not the one it was refused in.
import { html, nothing } from "lit";
import { type ProblemBody, Refused } from "./api";
import { said } from "./i18n";

export interface Sentence {
  fr: string;
  en: string;
}

/** Do it: why it was refused, or null when all went well. Any other error goes on. */
export async function refusalOf(work: () => Promise<unknown>): Promise<ProblemBody | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return error.problem;
  }
}

/** The sentence, said aloud; nothing when all went well. */
export function refused(why: Sentence | null) {
  return why ? html`<p class="refusal" role="alert">${said(why)}</p>` : nothing;
}
