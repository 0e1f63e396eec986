// Why something was not done, in the language in which the page is read now, not the one it was refused in.
import { html, nothing } from "lit";
import { said } from "./i18n";

export interface Sentence {
  fr: string;
  en: string;
}

/** The sentence, said aloud; nothing when all went well. */
export function refused(why: Sentence | null) {
  return why ? html`<p class="refusal" role="alert">${said(why)}</p>` : nothing;
}
