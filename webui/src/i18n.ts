// Words in French and English. A key missing in English does not compile; French is the default.
import en from "./en.json";
import fr from "./fr.json";

export type Key = keyof typeof fr;
export type Language = "fr" | "en";

const english: Record<Key, string> = en;
const STORED = "temoin.language";

let current: Language = load();

function load(): Language {
  try {
    return localStorage.getItem(STORED) === "en" ? "en" : "fr";
  } catch {
    return "fr"; // storage refused: the default
  }
}

export function language(): Language {
  return current;
}

/** Locale of dates: British English writes day before month, as the site does. */
export function locale(): string {
  return current === "fr" ? "fr-FR" : "en-GB";
}

export function setLanguage(chosen: Language): void {
  current = chosen;
  document.documentElement.lang = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // kept for this page only
  }
}

type Counted<K> = K extends `${infer Base}.other` ? Base : never;

/** The words for a number of things, in the form that the language asks for (French says one for 0, too). */
export function plural(base: Counted<Key>, n: number, values: Record<string, string | number> = {}): string {
  const form = new Intl.PluralRules(locale()).select(n) === "one" ? "one" : "other";
  return t(`${base}.${form}`, { n: n.toLocaleString(locale()), ...values });
}

/** The words of a key, `{name}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return put(current === "fr" ? fr[key] : english[key], values);
}

/** Words of a screen that brings its own, `{name}` replaced. */
export function put(words: string, values: Record<string, string | number>): string {
  return words.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""))
    .replace(/(à|de) le (?=\d)/g, (_, before: string) => (before === "à" ? "au " : "du ")); // "à le 25" is "au 25" in French
}

/** A sentence that stays on screen: put together anew when the language changes. */
export type Words = () => string;
export const NO_WORDS: Words = () => "";

/** A key that was put together from what the server said; `otherwise` when a later version says something new. */
export function keyOr(key: string, otherwise: Key): Key {
  return key in fr ? (key as Key) : otherwise;
}

/** The sentence of an answer that carries both languages; a French sign never begins a line. */
export function said(both: { fr: string; en: string }): string {
  return current === "fr" ? both.fr.replace(/[ \u00a0](?=[:;?!])/g, "\u202f") : both.en;
}
